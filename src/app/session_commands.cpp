// 'userbin session': who is signed in, for the owner.
#include <algorithm>
#include <cstdio>
#include <string_view>

#include <CLI/CLI.hpp>

#include "app/account_tools.h"
#include "app/command_audit.h"
#include "app/commands.h"
#include "app/moving.h"
#include "app/table.h"
#include "auth/sessions.h"
#include "base/failure.h"
#include "base/json.h"
#include "http/user_agent.h"
#include "store/sql_session_store.h"

namespace userbin::app {

namespace {

constexpr const char* kExitStatus =
    "\nExit status: 0 done; 1 refused or failed; 2 wrong usage or setting.";

/// The sessions of a store, read without a worker.
struct OpenSessions {
  OpenSessions(const Settings& settings, OpenStore& store)
      : rows(store.database()),
        sessions(rows, store.users(), store.database(), store.clock(), settings.sessions) {}

  store::SqlSessionStore rows;
  auth::Sessions sessions;
};

struct UserSession {
  std::string username;
  store::Session session;
};

/// Of one user, or of all if `username` is empty; the last used first.
std::vector<UserSession> sessions_of(OpenStore& store, OpenSessions& open,
                                     const std::string& username) {
  std::vector<store::User> users;
  if (username.empty()) {
    for (const store::StoredUser& stored : all_users(store.users())) users.push_back(stored.user);
  } else {
    users.push_back(find_user(store, username));
  }
  std::vector<UserSession> found;
  for (const store::User& user : users) {
    for (const store::Session& session : open.sessions.list(user.key())) {
      found.push_back({user.username(), session});
    }
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return a.session.last_seen_at > b.session.last_seen_at;
  });
  return found;
}

Json::Value as_json(const UserSession& of_user) {
  const store::Session& session = of_user.session;
  Json::Value value;
  value["username"] = of_user.username;
  value["id"] = auth::session_id(session);
  value["created_at"] = base::format_rfc3339(session.created_at);
  value["last_seen_at"] = base::format_rfc3339(session.last_seen_at);
  value["expires_at"] = base::format_rfc3339(session.expires_at);
  value["remember"] = session.remember;
  value["client"] = session.client;
  value["user_agent"] = session.user_agent;
  return value;
}

TableRow as_row(const UserSession& of_user) {
  const store::Session& session = of_user.session;
  return {shown(of_user.username),
          auth::session_id(session),
          short_time(base::format_rfc3339(session.created_at)),
          short_time(base::format_rfc3339(session.last_seen_at)),
          session.client.empty() ? "unknown" : shown(session.client),
          shown(http::describe_user_agent(session.user_agent))};
}

void print_sessions(const std::vector<UserSession>& sessions, bool wants_json) {
  if (wants_json) {
    Json::Value all(Json::arrayValue);
    for (const UserSession& session : sessions) all.append(as_json(session));
    std::puts(base::to_json(all).c_str());
    return;
  }
  if (sessions.empty()) {
    std::puts("nobody is signed in");
    return;
  }
  std::vector<TableRow> rows;
  for (const UserSession& session : sessions) rows.push_back(as_row(session));
  const TableRow head{"NAME", "ID", "SIGNED IN", "LAST SEEN", "FROM", "BROWSER"};
  std::fputs(as_table(head, rows).c_str(), stdout);
}

int list(std::span<char*> arguments) {
  std::string username;
  bool wants_json = false;
  const auto declare = [&](CLI::App& app) {
    app.add_option("NAME", username, "this user's alone");
    app.add_flag("--json", wants_json, "print an array for programs");
  };
  return run_store_command(
      arguments, "userbin session list",
      std::string(
          "Lists who is signed in: since when, from where, by what browser (as it says itself). A\n"
          "worker that runs writes down every half minute when a session was last used.\n"
          "  userbin session list\n"
          "  userbin session list ada\n"
          "  userbin session list --json | jq -r '.[].client' | sort | uniq -c") +
          kExitStatus,
      declare, [&](const Settings& settings) {
        OpenStore store(settings);
        OpenSessions open(settings, store);
        print_sessions(sessions_of(store, open, username), wants_json);
        return 0;
      });
}

struct Which {
  std::string username;
  std::vector<std::string> ids;
  bool all = false;
  bool everybody = false;

  /// Ids, --all and --everybody exclude each other.
  bool is_clear() const {
    if (everybody) return username.empty() && !all;
    return !username.empty() && all == ids.empty();
  }
};

std::size_t end_all(OpenStore& store, OpenSessions& open, const Which& which) {
  if (!which.everybody) return open.rows.remove_all(find_user(store, which.username).key());
  std::size_t count = 0;
  for (const store::StoredUser& stored : all_users(store.users())) {
    count += open.rows.remove_all(stored.user.key());
  }
  return count;
}

std::size_t end_some(OpenStore& store, OpenSessions& open, const Which& which) {
  const std::string key = find_user(store, which.username).key();
  std::string unknown;
  std::size_t count = 0;
  for (const std::string& id : which.ids) {
    if (open.sessions.end_by_id(key, id)) {
      ++count;
    } else {
      unknown += " " + shown(id);
    }
  }
  if (unknown.empty()) return count;
  throw Failed(shown(which.username) + " has no session" + unknown + "; " + std::to_string(count) +
               " ended");
}

int end(std::span<char*> arguments) {
  Which which;
  const auto declare = [&](CLI::App& app) {
    app.add_option("NAME", which.username, "whose sessions");
    app.add_option("ID", which.ids, "those that 'userbin session list' calls so");
    app.add_flag("--all", which.all, "all of this user's");
    app.add_flag("--everybody", which.everybody, "all of all users");
  };
  return run_store_command(
      arguments, "userbin session end",
      std::string("Signs somebody out, from the next request on.\n"
                  "  userbin session end ada 0123456789abcdef       on one device\n"
                  "  userbin session end ada --all                  on all\n"
                  "  userbin session end --everybody                all users") +
          kExitStatus,
      declare, [&](const Settings& settings) {
        if (!which.is_clear()) {
          throw base::BadSetting(
              "say which sessions to end: NAME ID..., NAME --all, or --everybody");
        }
        OpenStore store(settings);
        OpenSessions open(settings, store);
        const CommandAudit audit(settings);
        const std::size_t count =
            which.ids.empty() ? end_all(store, open, which) : end_some(store, open, which);
        audit.done(base::AuditEvent::kSessionEnd, which.username,
                   which.everybody     ? "everybody"
                   : which.ids.empty() ? "all"
                                       : which.ids.front() + (which.ids.size() > 1 ? " ..." : ""));
        std::printf("ended %zu\n", count);
        return 0;
      });
}

int print_usage(std::FILE* out, int status) {
  std::fputs(
      "Shows who is signed in, and signs them out; also beside a running worker.\n\n"
      "usage: userbin session COMMAND [OPTION...]\n\n"
      "  list     who is signed in, from where, by what browser\n"
      "  end      sign out: NAME ID..., NAME --all, or --everybody\n\n"
      "Settings are read as the worker reads them, from /etc/userbin.conf if no --config says\n"
      "otherwise. Exit status: 0 done; 1 refused or failed; 2 wrong usage or setting.\n"
      "'userbin session COMMAND --help' has examples.\n",
      out);
  return status;
}

}  // namespace

int session(std::span<char*> arguments) {
  if (arguments.empty()) return print_usage(stderr, 2);
  const std::string_view name = arguments.front();
  if (name == "list") return list(arguments.subspan(1));
  if (name == "end") return end(arguments.subspan(1));
  if (name == "--help" || name == "help") return print_usage(stdout, 0);
  std::fprintf(stderr, "userbin session: there is no command '%s'\n\n", arguments.front());
  return print_usage(stderr, 2);
}

}  // namespace userbin::app
