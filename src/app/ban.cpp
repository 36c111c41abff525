// 'userbin ban': who is held off after too many tries.
#include <cstdio>
#include <map>
#include <string_view>

#include <CLI/CLI.hpp>

#include "app/bin_tools.h"
#include "app/command_audit.h"
#include "app/commands.h"
#include "auth/throttle_keeper.h"
#include "base/failure.h"
#include "base/json.h"
#include "store/sql_throttle_store.h"

namespace userbin::app {

namespace {

using store::ThrottleEntry;
using store::ThrottleKind;

constexpr std::size_t kUsersAtOnce = 1000;

std::string_view word_for(ThrottleKind kind) {
  switch (kind) {
    case ThrottleKind::kPair: return "login";
    case ThrottleKind::kLogins: return "logins";
    case ThrottleKind::kRegistrations: return "registrations";
    case ThrottleKind::kAccount: return "account";
    case ThrottleKind::kKnown: break;
  }
  return "";
}

std::vector<ThrottleEntry> held_off(store::ThrottleStore& rows, base::WallTime now) {
  std::vector<ThrottleEntry> entries = rows.load();
  std::erase_if(entries, [&](const ThrottleEntry& entry) { return entry.held_until <= now; });
  return entries;
}

/// The users behind hidden names. A name that nobody has is not among them.
std::map<std::string, std::string> users_by_hidden_name(OpenStore& store,
                                                        const std::string& name_key) {
  std::map<std::string, std::string> names;
  std::string after;
  for (;;) {
    const auto page = store.users().list(after, kUsersAtOnce);
    if (page.empty()) return names;
    for (const store::StoredUser& stored : page) {
      names[auth::hidden_name_text(name_key, stored.user.key())] = stored.user.username();
    }
    after = page.back().user.key();
  }
}

void print_entry(const ThrottleEntry& entry, const std::string* username) {
  const std::string name = username != nullptr ? shown(*username) : "a name that nobody has";
  std::string whom;
  switch (entry.key.kind) {
    case ThrottleKind::kPair:
      whom = name + " from " + (entry.key.client.empty() ? "no address" : entry.key.client) +
             " after " + std::to_string(entry.failures) + " wrong password" +
             (entry.failures == 1 ? "" : "s");
      break;
    case ThrottleKind::kAccount: whom = name + ", where clients new to it have one try"; break;
    default: whom = entry.key.client;
  }
  std::printf("%-13s %s, until %s\n", word_for(entry.key.kind).data(), whom.c_str(),
              base::format_rfc3339(entry.held_until).c_str());
}

Json::Value as_json(const ThrottleEntry& entry, const std::string* username) {
  Json::Value value;
  value["kind"] = std::string(word_for(entry.key.kind));
  value["user"] = username != nullptr ? Json::Value(*username) : Json::Value();
  value["client"] = entry.key.client.empty() ? Json::Value() : Json::Value(entry.key.client);
  value["failures"] = entry.failures;
  value["until"] = base::format_rfc3339(entry.held_until);
  return value;
}

int list(std::span<char*> arguments) {
  bool wants_json = false;
  const auto declare = [&](CLI::App& app) {
    app.add_flag("--json", wants_json, "print an array for programs");
  };
  return run_store_command(
      arguments, "userbin ban list",
      "Lists who is held off now after too many tries, and until when. A worker that runs writes\n"
      "down every few seconds what it has counted.",
      declare, [&](const Settings& settings) {
        OpenStore store(settings);
        store::SqlThrottleStore rows(store.database());
        const auto names = users_by_hidden_name(store, auth::name_key_of(rows));
        Json::Value all(Json::arrayValue);
        const auto entries = held_off(rows, store.clock().now());
        for (const ThrottleEntry& entry : entries) {
          const auto found = names.find(entry.key.name);
          const std::string* username = found != names.end() ? &found->second : nullptr;
          if (wants_json) {
            all.append(as_json(entry, username));
          } else {
            print_entry(entry, username);
          }
        }
        if (wants_json) {
          std::printf("%s\n", base::to_json(all).c_str());
        } else if (entries.empty()) {
          std::puts("nobody is held off");
        }
        return 0;
      });
}

struct Whom {
  std::string username;
  std::string client;
  bool all = false;
};

store::ThrottleLift lift_of(const Whom& whom, store::ThrottleStore& rows, base::WallTime now) {
  if (whom.all != (whom.username.empty() && whom.client.empty())) {
    throw base::BadSetting("say whom to lift: --user, --client, both, or --all");
  }
  const std::string client = auth::ClientKey(whom.client).text();
  if (client.empty() && !whom.client.empty()) {
    throw base::BadSetting("--client '" + shown(whom.client) +
                           "' is no address; write it like 192.0.2.7 or 2001:db8::1");
  }
  const std::string name =
      whom.username.empty() ? "" : auth::hidden_name_text(auth::name_key_of(rows), whom.username);
  return {.name = name, .client = client, .at = now};
}

int lift(std::span<char*> arguments) {
  Whom whom;
  const auto declare = [&](CLI::App& app) {
    app.add_option("--user", whom.username, "whoever tries this name")->type_name("NAME");
    app.add_option("--client", whom.client, "this address, or its /64 if it is an IPv6 one")
        ->type_name("ADDRESS");
    app.add_flag("--all", whom.all, "everybody");
  };
  return run_store_command(
      arguments, "userbin ban lift",
      "Lets somebody try again who is held off after too many tries: as if there had been none. A\n"
      "worker that runs follows within a second or so.",
      declare, [&](const Settings& settings) {
        OpenStore store(settings);
        store::SqlThrottleStore rows(store.database());
        const store::ThrottleLift lift = lift_of(whom, rows, store.clock().now());
        const CommandAudit audit(settings);
        const std::size_t count = rows.lift(lift);
        base::audit({.event = base::AuditEvent::kBanLift,
                     .client = lift.client,
                     .user = whom.username,
                     .by = audit.by(),
                     .detail = whom.all ? "everybody" : ""});
        std::printf("lifted %zu\n", count);
        return 0;
      });
}

int print_usage(std::FILE* out, int status) {
  std::fputs(
      "Shows and lifts who is held off after too many logins or registrations.\n\n"
      "usage: userbin ban COMMAND [OPTION...]\n\n"
      "  list     who is held off now, and until when\n"
      "  lift     let somebody try again: --user NAME, --client ADDRESS, both, or --all\n\n"
      "Settings are read as the worker reads them, from /etc/userbin.conf if no --config says\n"
      "otherwise. 'userbin ban COMMAND --help' describes the options.\n",
      out);
  return status;
}

}  // namespace

int ban(std::span<char*> arguments) {
  if (arguments.empty()) return print_usage(stderr, 2);
  const std::string_view name = arguments.front();
  if (name == "list") return list(arguments.subspan(1));
  if (name == "lift") return lift(arguments.subspan(1));
  if (name == "--help" || name == "help") return print_usage(stdout, 0);
  std::fprintf(stderr, "userbin ban: there is no command '%s'\n\n", arguments.front());
  return print_usage(stderr, 2);
}

}  // namespace userbin::app
