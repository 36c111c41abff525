#include "app/settings.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>

#include "http/origin.h"

namespace userbin::app {

namespace {

using std::chrono::milliseconds;

struct Unit {
  const char* name;
  milliseconds length;
};

constexpr std::array kUnits{Unit{"d", std::chrono::days{1}}, Unit{"h", std::chrono::hours{1}},
                            Unit{"min", std::chrono::minutes{1}},
                            Unit{"s", std::chrono::seconds{1}}, Unit{"ms", milliseconds{1}}};

/// "--socket-mode" becomes USERBIN_SOCKET_MODE.
std::string environment_name(std::string flag) {
  flag.erase(0, 2);
  std::transform(flag.begin(), flag.end(), flag.begin(),
                 [](char c) { return c == '-' ? '_' : static_cast<char>(std::toupper(c)); });
  return "USERBIN_" + flag;
}

/// Adds options to a CLI11 app, each also readable from the environment.
class Options {
 public:
  explicit Options(CLI::App& app) : app_(app) {}

  void group(const std::string& name) { group_ = name; }

  template <typename Value>
  CLI::Option* add(const std::string& flag, Value& value, const std::string& help) {
    return finish(flag, app_.add_option(flag, value, help)->capture_default_str());
  }

  void add_flag(const std::string& flag, bool& value, const std::string& help) {
    finish(flag, app_.add_flag(flag, value, help));
  }

  template <typename Duration>
  void add_duration(const std::string& flag, Duration& value, milliseconds least,
                    const std::string& help) {
    const auto set = [&value, flag, least](const std::string& text) {
      try {
        const milliseconds duration = parse_duration(text);
        if (duration < least) {
          throw std::invalid_argument("'" + text + "' is too short; choose at least " +
                                      format_duration(least));
        }
        value = std::chrono::duration_cast<Duration>(duration);
      } catch (const std::invalid_argument& error) {
        throw CLI::ValidationError(flag, error.what());
      }
    };
    finish(flag, app_.add_option_function<std::string>(flag, set, help)
                     ->type_name("DURATION")
                     ->default_str(format_duration(value)));
  }

 private:
  CLI::Option* finish(const std::string& flag, CLI::Option* option) {
    return option->envname(environment_name(flag))->group(group_)->take_last();
  }

  CLI::App& app_;
  std::string group_;
};

std::string check_octal_mode(std::string& text) {
  std::size_t used = 0;
  unsigned long mode = 0;
  try {
    mode = std::stoul(text, &used, 8);
  } catch (const std::exception&) {
    used = 0;
  }
  if (used != text.size() || mode > 0777)
    return "'" + text + "' is no file mode; write it like 0660";
  text = std::to_string(mode);
  return "";
}

std::string check_log_level(const std::string& text) {
  constexpr std::array kLevels{"trace", "debug", "info", "warning", "error", "critical"};
  if (std::find(kLevels.begin(), kLevels.end(), text) != kLevels.end()) return "";
  return "'" + text + "' is no level; choose trace, debug, info, warning, error or critical";
}

std::string check_page(const std::string& text) {
  return http::is_safe_redirect(text) && text.find_first_of("?#") == std::string::npos
             ? ""
             : "'" + text + "' is no path on this site; write it like /login";
}

std::string check_public_url(const std::string& text) {
  const bool has_scheme = text.starts_with("https://") || text.starts_with("http://");
  const auto host_at = text.find("://") + 3;
  const bool has_default_port = text.ends_with(text.starts_with("https:") ? ":443" : ":80");
  if (has_scheme && text.size() > host_at && !has_default_port &&
      text.find('/', host_at) == std::string::npos) {
    return "";
  }
  return "'" + text + "' is no origin; write scheme and host alone, like https://example.org";
}

void declare(CLI::App& app, ServeSettings& settings) {
  Options options(app);

  options.group("Where it listens");
  options.add(
      "--listen", settings.listen.address,
      "unix:/PATH, HOST:PORT, or 'inherit' for the socket of systemd or spawn-fcgi; by default "
      "an inherited socket if there is one, else unix:" +
          std::string(fastcgi::kDefaultSocket));
  options.add("--socket-mode", settings.listen.socket_mode, "mode of a Unix socket's file, octal")
      ->transform(CLI::Validator(check_octal_mode, "OCTAL"))
      ->default_str("0660");
  options.add("--socket-group", settings.listen.socket_group,
              "group of a Unix socket's file, such as www-data; by default the worker's own");
  options.add("--threads", settings.server.threads, "threads that answer requests")
      ->check(CLI::Range(1, 256));
  options.add_duration("--request-timeout", settings.server.request_timeout, milliseconds{100},
                       "how long a request may take to arrive from nginx once it has begun");
  options.add_duration("--drain", settings.drain, milliseconds{0},
                       "how long requests may go on after SIGTERM or SIGINT");

  options.group("What it keeps");
  options.add("--store", settings.store.path, "the SQLite file with users and sessions");
  options.add_duration(
      "--store-patience", settings.store.patience, milliseconds{50},
      "how long a request waits for a lock that another program holds on the store");

  options.group("Passwords");
  options
      .add("--password-min-length", settings.passwords.min_length,
           "characters that a new password must have")
      ->check(CLI::Range(1, 256));
  options
      .add("--password-max-length", settings.passwords.max_length,
           "characters that a new password may have")
      ->check(CLI::Range(16, 4096));
  options
      .add("--password-min-guesses", settings.passwords.min_guesses,
           "guesses that an attacker must need for a new password, as zxcvbn estimates; 0: any")
      ->check(CLI::NonNegativeNumber);
  options
      .add("--hash-memory", settings.hashing.cost.memory_kib, "memory of an argon2id hash, in KiB")
      ->check(CLI::Range(8, 1 << 20));
  options.add("--hash-passes", settings.hashing.cost.passes, "passes of an argon2id hash")
      ->check(CLI::Range(1, 100));
  options.add_flag("--allow-weak-hashing", settings.allow_weak_hashing,
                   "accept a hash memory and passes below OWASP's minimum");
  options
      .add("--hash-slots", settings.hashing.slots,
           "hashes at a time, each with its memory; by default the machine's cores")
      ->check(CLI::Range(1, 256));
  options
      .add("--hash-queue", settings.hashing.max_queue,
           "hashes that may wait; more logins are answered 503")
      ->check(CLI::Range(1, 100000));
  options
      .add("--hash-nice", settings.hashing.nice,
           "priority of hashing on a busy machine, 0 (as other work) to 19 (last)")
      ->check(CLI::Range(0, 19));

  options.group("Sessions");
  options.add_duration("--session-idle", settings.sessions.idle, milliseconds{1000},
                       "a session ends after this time without use");
  options.add_duration("--session-lifetime", settings.sessions.lifetime, milliseconds{1000},
                       "a session ends this long after login");
  options.add_duration("--session-remembered", settings.sessions.remembered, milliseconds{1000},
                       "lifetime of a session with 'stay logged in'");

  options.group("The site");
  options
      .add("--public-url", settings.public_url,
           "scheme and host that people see, like https://example.org; by default the host they "
           "ask for")
      ->check(CLI::Validator(check_public_url, "URL"));
  options.add("--home-page", settings.pages.home, "where people go after login")
      ->check(CLI::Validator(check_page, "PATH"));
  options.add("--login-page", settings.pages.login, "the page with the login form")
      ->check(CLI::Validator(check_page, "PATH"));
  options
      .add("--register-page", settings.pages.registration, "the page with the registration form")
      ->check(CLI::Validator(check_page, "PATH"));

  options.group("Log");
  options.add("--log-file", settings.log.file,
              "file to log to, opened anew on SIGHUP; by default standard error");
  options.add("--log-level", settings.log.level, "trace, debug, info, warning, error or critical")
      ->check(CLI::Validator(check_log_level, "LEVEL"));
}

/// Settings that are each possible, but not together.
void check_together(const ServeSettings& settings) {
  const auth::HashCost& cost = settings.hashing.cost;
  if (!settings.allow_weak_hashing && !auth::meets_owasp_minimum(cost)) {
    throw CLI::ValidationError("--hash-memory " + std::to_string(cost.memory_kib) +
                               " with --hash-passes " + std::to_string(cost.passes) +
                               " is below OWASP's minimum (19456 KiB with 2 passes, or 12288 with "
                               "3, 9216 with 4, 7168 with "
                               "5, 47104 with 1); raise them, or add --allow-weak-hashing");
  }
  if (!auth::is_bearable(cost)) {
    throw CLI::ValidationError("--hash-memory " + std::to_string(cost.memory_kib) +
                               " with --hash-passes " + std::to_string(cost.passes) +
                               " would hold each login for many seconds; keep their product at or "
                               "below 4194304");
  }
  if (settings.passwords.min_length > settings.passwords.max_length) {
    throw CLI::ValidationError("--password-min-length is above --password-max-length; lower it");
  }
}

}  // namespace

milliseconds parse_duration(const std::string& text) {
  const std::string help =
      "'" + text + "' is no duration; write a number and ms, s, min, h or d, like 90s";
  std::size_t used = 0;
  double number = 0;
  try {
    number = std::stod(text, &used);
  } catch (const std::exception&) {
    throw std::invalid_argument(help);
  }
  while (used < text.size() && text[used] == ' ') ++used;
  const std::string name = text.substr(used);
  const auto* unit = std::find_if(kUnits.begin(), kUnits.end(),
                                  [&](const Unit& candidate) { return candidate.name == name; });
  constexpr double kLongest = 3650;  // days
  if (unit == kUnits.end() || !(number >= 0)) throw std::invalid_argument(help);
  const double length = number * static_cast<double>(unit->length.count());
  if (length > kLongest * 86'400'000)
    throw std::invalid_argument("'" + text + "' is longer than 10 years");
  return milliseconds(static_cast<milliseconds::rep>(length));
}

std::string format_duration(milliseconds duration) {
  for (const Unit& unit : kUnits) {
    if (duration.count() != 0 && duration % unit.length == milliseconds{0}) {
      return std::to_string(duration / unit.length) + unit.name;
    }
  }
  return "0s";
}

ServeSettings parse_serve_settings(std::span<char*> arguments) {
  ServeSettings settings;
  settings.hashing.slots = std::max(1U, std::thread::hardware_concurrency());
  CLI::App app(
      "Answers nginx's requests for registration, login and sessions over FastCGI.\n"
      "Each option may also stand in the --config file (listen = \"unix:/run/x.sock\") or in\n"
      "the environment (USERBIN_LISTEN); the flag counts first, then the file.",
      "userbin serve");
  app.set_config("--config", "", "file with settings, one 'name = value' a line")
      ->envname("USERBIN_CONFIG");
  app.allow_config_extras(CLI::config_extras_mode::error);
  declare(app, settings);
  const char* config = std::getenv("USERBIN_CONFIG");
  if (config != nullptr && *config != '\0' && !std::ifstream(config)) {
    std::fprintf(stderr,
                 "userbin serve: USERBIN_CONFIG: %s cannot be read; mend the path or unset it\n",
                 config);
    throw Exit{2};
  }
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(reversed);
    check_together(settings);
  } catch (const CLI::Success& help) {
    throw Exit{app.exit(help)};
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "userbin serve: %s\n'userbin serve --help' describes all settings.\n",
                 error.what());
    throw Exit{2};
  }
  return settings;
}

}  // namespace userbin::app
