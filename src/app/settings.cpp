#include "app/settings.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <sys/stat.h>
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

/// "--socket-mode" becomes USERBIN_SOCKET_MODE; what is about JSONBin is called as others call it:
/// BIN_ID, JSONBIN_URL.
std::string environment_name(std::string flag) {
  flag.erase(0, 2);
  const bool is_jsonbins = flag == "bin-id" || flag.starts_with("jsonbin-");
  std::transform(flag.begin(), flag.end(), flag.begin(),
                 [](char c) { return c == '-' ? '_' : static_cast<char>(std::toupper(c)); });
  return (is_jsonbins ? "" : "USERBIN_") + flag;
}

/// Adds options to a CLI11 app, each also readable from the environment.
class Options {
 public:
  Options(CLI::App& app, const Usage& usage) : app_(app), usage_(usage) {}

  void group(const std::string& name) { group_ = usage_.shows_metrics_alone ? "" : name; }
  void worker_group(const std::string& name) { group_ = usage_.shows_worker_settings ? name : ""; }
  void metrics_group(const std::string& name) {
    group_ = usage_.shows_worker_settings || usage_.shows_metrics_alone ? name : "";
  }

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

  void add_word(const std::string& flag, const std::function<void(const std::string&)>& set,
                const char* type, const char* by_default, const std::string& help) {
    finish(flag, app_.add_option_function<std::string>(flag, set, help)
                     ->type_name(type)
                     ->default_str(by_default));
  }

 private:
  CLI::Option* finish(const std::string& flag, CLI::Option* option) {
    return option->envname(environment_name(flag))->group(group_)->take_last();
  }

  CLI::App& app_;
  const Usage& usage_;
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

std::string check_requests(std::string& text) {
  if (text.ends_with("/day")) text.erase(text.size() - 4);
  const bool is_number = !text.empty() && text.size() <= 9 &&
                         text.find_first_not_of("0123456789") == std::string::npos;
  if (!is_number) return "'" + text + "' is no number of requests; write it like 300/day";
  if (text == "0" || std::stol(text) >= 24) return "";
  return "'" + text + "' requests a day are too few to work with; choose at least 24";
}

std::string check_bin_id(const std::string& text) {
  const bool is_good = !text.empty() && text.size() <= 64 &&
                       std::all_of(text.begin(), text.end(),
                                   [](unsigned char byte) { return std::isalnum(byte) != 0; });
  return is_good ? "" : "'" + text + "' is no id of JSONBin; it has 24 hexadecimal digits";
}

std::string check_metrics(const std::string& text) {
  const auto colon = text.rfind(':');
  const bool is_tcp = colon != std::string::npos && colon > 0 && colon + 1 < text.size() &&
                      text.find('/') == std::string::npos &&
                      text.find_first_not_of("0123456789", colon + 1) == std::string::npos;
  if (text == "off" || text.starts_with("unix:/") || (is_tcp && text[colon + 1] != '0')) return "";
  return "'" + text + "' is no address; write 127.0.0.1:9464, [::1]:9464, unix:/PATH or off";
}

void declare_registration(Options& options, auth::RegistrationPolicy& policy) {
  const auto set = [&policy](const std::string& word) {
    const auto chosen = auth::registration_policy_of(word);
    if (!chosen) {
      throw CLI::ValidationError("--registration", "'" + word +
                                                       "' is no way to register; choose open, "
                                                       "invite, approval or closed");
    }
    policy = *chosen;
  };
  options.worker_group("Who may register");
  options.add_word("--registration", set, "WHO", "open",
                   "open: anybody; invite: who has an invitation ('userbin invite create'); "
                   "approval: anybody, but an admin must let him in ('userbin user approve'), "
                   "unless he has an invitation; closed: nobody, users are made by admins");
}

void declare_bin(Options& options, BinSettings& bin) {
  options.group("The bin");
  options.add("--bin-id", bin.sync.bin_id, "the JSON bin that holds the list of users")
      ->check(CLI::Validator(check_bin_id, "ID"));
  options
      .add("--jsonbin-collection", bin.sync.collection_id,
           "a collection whose bins hold the list together; a bin is made when they are full")
      ->check(CLI::Validator(check_bin_id, "ID"));
  options.add("--jsonbin-key-file", bin.key_file,
              "file with the key; without it, the key is taken from JSONBIN_API_KEY");
  options.add("--jsonbin-key-kind", bin.key_kind, "master or access")
      ->check(CLI::IsMember({"master", "access"}));
  options.add("--jsonbin-url", bin.url, "where the service is");
  options.add("--jsonbin-proxy", bin.proxy, "URL of a proxy to reach it by; by default none");
  options.add_duration("--bin-wait", bin.wait, milliseconds{0},
                       "how long a change waits until it is in the bin; then it is answered 202");
  options.add_duration("--bin-delay", bin.sync.delay, milliseconds{0},
                       "how long changes are gathered, to be written together");
  options.add_duration("--bin-confirm", bin.sync.confirm, milliseconds{1000},
                       "how long after a change the bin is read at the latest, to see it is there");
  options.add_duration("--bin-poll", bin.sync.poll, milliseconds{0},
                       "how often the bin is read for edits from outside; 0s: only when there is "
                       "something to write");
  options.add_flag("--bin-exclusive", bin.sync.exclusive,
                   "nobody else writes to the bin, so it is read only at the start");
  options
      .add("--bin-max-bytes", bin.sync.max_bytes, "how large a bin may become, as the plan allows")
      ->check(CLI::Range(1000, 100'000'000));
  options
      .add("--bin-requests", bin.sync.requests_per_day,
           "requests to the service in 24 hours, at most; 0: any number")
      ->transform(CLI::Validator(check_requests, "N[/day]"));
}

void declare(CLI::App& app, const Usage& usage, Settings& settings) {
  Options options(app, usage);

  options.worker_group("Where it listens");
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
  options.add_duration(
      "--request-timeout", settings.server.request_timeout, milliseconds{100},
      "how long a request may take to arrive from nginx once it has begun, and nginx "
      "may go without taking any of an answer");
  options.add_duration("--drain", settings.drain, milliseconds{0},
                       "how long requests may go on after SIGTERM or SIGINT");

  options.group("What it keeps");
  options.add("--store", settings.store.place,
              "the SQLite file with users and sessions, or postgresql://USER@HOST/DATABASE");
  options.add("--store-password-file", settings.store.password_file,
              "PostgreSQL's password, on the file's first line; by default libpq looks for it");
  options
      .add("--store-connections", settings.store.max_connections,
           "connections to the store at once")
      ->check(CLI::Range(1, 1000));
  options.add_duration(
      "--cache-ttl", settings.store.cache_ttl, milliseconds{0},
      "how old what is known of PostgreSQL may be; SQLite is always known exactly");
  options.add_duration("--store-patience", settings.store.patience, milliseconds{50},
                       "how long a request waits for a connection to the store, or for a lock that "
                       "another holds there");

  declare_bin(options, settings.bin);

  declare_registration(options, settings.registration);

  options.worker_group("Passwords");
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

  options.worker_group("Sessions");
  options.add_duration("--session-idle", settings.sessions.idle, milliseconds{1000},
                       "a session ends after this time without use");
  options.add_duration("--session-lifetime", settings.sessions.lifetime, milliseconds{1000},
                       "a session ends this long after login");
  options.add_duration("--session-remembered", settings.sessions.remembered, milliseconds{1000},
                       "lifetime of a session with 'stay logged in'");

  options.worker_group("Too many tries");
  options
      .add("--login-failures", settings.throttle.login_failures,
           "wrong passwords for a name from a client (an IPv4 address, an IPv6 /64) that cost "
           "nothing; then it waits 1s, 2s, 4s, ...; 0: it never waits")
      ->check(CLI::Range(0, 1000));
  options.add_duration("--login-delay-max", settings.throttle.delay_max, milliseconds{1000},
                       "the longest of these waits");
  options
      .add("--failures-per-account", settings.throttle.failures_per_account,
           "wrong passwords for a name in an hour, from all clients that never logged in to it; "
           "beyond, each of them has one try and then the longest wait; 0: any number")
      ->check(CLI::Range(0, 1'000'000));
  options
      .add("--logins-per-client", settings.throttle.logins_per_client,
           "wrong passwords from a client in an hour, for names it never logged in to; 0: any "
           "number")
      ->check(CLI::Range(0, 1'000'000));
  options
      .add("--registrations-per-client", settings.throttle.registrations_per_client,
           "registrations from a client in an hour, those of names that are taken included; 0: "
           "any number")
      ->check(CLI::Range(0, 1'000'000));
  options
      .add("--throttle-entries", settings.throttle.max_entries,
           "names, clients and pairs of them that are remembered for this, of each kind; some "
           "1.25 KB each")
      ->check(CLI::Range(1, 10'000'000));

  options.worker_group("The site");
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
  options
      .add("--account-page", settings.pages.account,
           "the page of one's own account and its sessions")
      ->check(CLI::Validator(check_page, "PATH"));

  options.group("Log");
  options.add("--log-file", settings.log.file,
              "file to log to, opened anew on SIGHUP; by default standard error");
  options.add("--log-level", settings.log.level, "trace, debug, info, warning, error or critical")
      ->check(CLI::Validator(check_log_level, "LEVEL"));
  options.add(
      "--audit-log", settings.audit.log,
      "where a line goes for each login, registration and change of an account, and for each "
      "that failed: stderr, off, or a file, opened anew on SIGHUP");
  options.add("--audit-format", settings.audit.format, "text or json, a line each")
      ->check(CLI::IsMember({"text", "json"}));

  options.metrics_group("Metrics");
  options
      .add("--metrics", settings.metrics,
           "where 'userbin top' and Prometheus find figures of the running worker, at /metrics: "
           "HOST:PORT on this machine, such as 127.0.0.1:9464, unix:/PATH, or off")
      ->check(CLI::Validator(check_metrics, "ADDRESS"));
}

/// Settings that are each possible, but not together.
void check_together(const Settings& settings) {
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
  const BinSettings& bin = settings.bin;
  if (!bin.sync.bin_id.empty() && !bin.sync.collection_id.empty()) {
    throw CLI::ValidationError(
        "--bin-id (BIN_ID) and --jsonbin-collection exclude each other; leave one out");
  }
  if (!bin.sync.collection_id.empty() && bin.key_kind == "access") {
    throw CLI::ValidationError(
        "--jsonbin-collection needs the master key: JSONBin lists collections for no other; leave "
        "--jsonbin-key-kind out");
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

Settings parse_settings(std::span<char*> arguments, const Usage& usage) {
  Settings settings;
  settings.hashing.slots = std::max(1U, std::thread::hardware_concurrency());
  CLI::App app(usage.description, usage.name);
  app.set_config("--config", usage.default_config, "file with settings, one 'name = value' a line")
      ->envname("USERBIN_CONFIG");
  app.allow_config_extras(CLI::config_extras_mode::error);
  declare(app, usage, settings);
  if (usage.declare) usage.declare(app);
  const char* name = usage.name.c_str();
  const char* config = std::getenv("USERBIN_CONFIG");
  if (config != nullptr && *config != '\0' && !std::ifstream(config)) {
    std::fprintf(stderr, "%s: USERBIN_CONFIG: %s cannot be read; mend the path or unset it\n", name,
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
    std::fprintf(stderr, "%s: %s\n'%s --help' describes all settings.\n", name, error.what(), name);
    throw Exit{2};
  }
  return settings;
}

base::SecretString read_key(const BinSettings& settings) {
  if (settings.key_file.empty()) {
    const char* key = std::getenv("JSONBIN_API_KEY");
    if (key != nullptr && *key != '\0') return base::SecretString(key);
    throw base::BadSetting(
        "there is a bin, but no key to it: write the key to a file that only this user can read, "
        "and name that by --jsonbin-key-file");
  }
  const std::string where = "--jsonbin-key-file " + settings.key_file;
  struct stat status {};
  std::ifstream file(settings.key_file);
  if (!file || ::stat(settings.key_file.c_str(), &status) != 0) {
    throw base::BadSetting(where + ": " + std::strerror(errno));
  }
  if ((status.st_mode & 0007) != 0) {
    throw base::BadSetting(where + " can be read by everybody on this machine; mend: chmod 600 " +
                           settings.key_file);
  }
  std::string text;
  std::getline(file, text);
  const auto last = text.find_last_not_of(" \t\r");
  text.erase(last == std::string::npos ? 0 : last + 1);
  base::SecretString key(std::move(text));
  if (key.reveal().empty()) throw base::BadSetting(where + " is empty; write the key into it");
  return key;
}

}  // namespace userbin::app
