// 'userbin user': the owner's way to single users.
#include <cstdio>
#include <optional>
#include <string_view>

#include <CLI/CLI.hpp>

#include "app/account_tools.h"
#include "app/command_audit.h"
#include "app/commands.h"
#include "app/moving.h"
#include "app/password_prompt.h"
#include "app/user_view.h"
#include "auth/accounts.h"
#include "base/failure.h"
#include "base/json.h"
#include "store/sql_session_store.h"

namespace userbin::app {

namespace {

using base::AuditEvent;

constexpr const char* kExitStatus =
    "\nExit status: 0 done; 1 refused or failed, nothing was changed; 2 wrong usage or setting.";

struct Choices {
  std::string username;
  std::string role;
  bool deleted = false;
  bool disabled = false;
  bool waiting = false;
  bool json = false;
};

std::string in_quotes(const std::string& name) {
  return "'" + shown(name) + "'";
}

auth::Role role_of(const std::string& text) {
  const auto role = auth::Role::parse(text);
  if (role) return *role;
  throw base::BadSetting(in_quotes(text) +
                         " is no role; it has 1 to 32 of A-Z a-z 0-9 . _ - and is not 'deleted'");
}

auth::Password ask_password(const Settings& settings, const std::string& username) {
  auto checked = auth::check_password(read_new_password("New password of " + shown(username)),
                                      username, settings.passwords);
  if (const auto* flaw = std::get_if<auth::PasswordFlaw>(&checked)) {
    throw Failed("this password is refused: " + flaw->sentence);
  }
  return std::get<auth::Password>(std::move(checked));
}

/// What became of the user, as a sentence or as JSON.
int report(OpenStore& store, const Choices& choices, const std::string& sentence) {
  const auto found = store.users().find(store::user_key(choices.username));
  if (choices.json && found) {
    std::puts(base::to_json(found->user.public_record()).c_str());
  } else {
    std::puts(sentence.c_str());
  }
  return 0;
}

/// Throws Failed unless it was done.
void require_done(auth::AccountResult result, const std::string& username) {
  switch (result) {
    case auth::AccountResult::kDone: return;
    case auth::AccountResult::kLastAdmin:
      throw Failed(in_quotes(username) +
                   " is the last enabled admin; first make another one: 'userbin user set-role "
                   "NAME admin'");
    default: throw Failed("there is no user " + in_quotes(username));
  }
}

int change(const Settings& settings, OpenStore& store, const Choices& choices,
           const auth::UserPatch& patch, AuditEvent event, const std::string& what) {
  const CommandAudit audit(settings);
  AccountTools tools(settings, store);
  const std::string name = find_user(store, choices.username).username();
  require_done(
      tools.thread.run(tools.administration.change(store::user_key(choices.username), patch)),
      name);
  audit.done(event, name, patch.role ? patch.role->text() : "");
  return report(store, choices, shown(name) + " " + what);
}

int remove(const Settings& settings, OpenStore& store, const Choices& choices, AuditEvent event,
           const std::string& what) {
  const CommandAudit audit(settings);
  AccountTools tools(settings, store);
  const std::string name = find_user(store, choices.username).username();
  require_done(tools.administration.remove(store::user_key(choices.username)), name);
  audit.done(event, name);
  return report(store, choices, shown(name) + " " + what);
}

using Work = std::function<int(const Settings& settings, OpenStore& store)>;

void declare_name(CLI::App& app, Choices& choices) {
  app.add_option("NAME", choices.username, "the user's name, in any case")->required();
}

/// A command about one user, who may be there or not.
int run_verb(std::span<char*> arguments, Choices& choices, const std::string& verb,
             const std::string& description, const std::function<void(CLI::App&)>& declare,
             const Work& work, OpenStore::IfMissing if_missing = OpenStore::IfMissing::kFail) {
  return run_store_command(
      arguments, "userbin user " + verb, description + kExitStatus,
      [&](CLI::App& app) {
        declare(app);
        app.add_flag("--json", choices.json, "print JSON for programs");
      },
      [&](const Settings& settings) {
        OpenStore store(settings, if_missing);
        return work(settings, store);
      });
}

int add_user(const Settings& settings, OpenStore& store, const Choices& choices) {
  const auto username = auth::Username::parse(choices.username);
  if (!username) {
    throw base::BadSetting(in_quotes(choices.username) +
                           " is no name for a new user; it has 1 to 64 of A-Z a-z 0-9 . _ @ + -, "
                           "and begins with a letter or digit");
  }
  const auth::Role role = choices.role.empty() ? auth::Role() : role_of(choices.role);
  const std::string is_taken = "there is a user " + in_quotes(choices.username) + " already";
  const auto holder = store.users().find(store::user_key(choices.username));
  if (holder && !holder->user.deleted()) throw Failed(is_taken);
  auth::Password password = ask_password(settings, choices.username);
  const CommandAudit audit(settings);
  AccountTools tools(settings, store);
  auth::Accounts accounts(store.users(), tools.room, tools.hashes, store.clock());
  switch (tools.thread.run(accounts.register_user(*username, std::move(password), role))) {
    case auth::RegisterResult::kRegistered: break;
    case auth::RegisterResult::kNameTaken: throw Failed(is_taken);
    case auth::RegisterResult::kNoInvitation: throw Failed("no invitation");
    case auth::RegisterResult::kListFull:
      throw Failed(
          "the bin has no room for another user; raise --bin-max-bytes as your plan allows, or use "
          "--jsonbin-collection");
  }
  audit.done(AuditEvent::kCreate, username->text(), role.text());
  return report(store, choices,
                shown(choices.username) + " is there, with the role " + role.text());
}

int add(std::span<char*> arguments) {
  Choices choices;
  return run_verb(
      arguments, choices, "add",
      "Makes a user. The password is asked for twice, without echo, or is the first line of a "
      "pipe.\n"
      "  userbin user add ada --role admin          the first admin of a site\n"
      "  pwgen -s 20 1 | userbin user add bob       with a password that a program made\n"
      "A password that is easy to guess is refused, by the settings of the worker.",
      [&](CLI::App& app) {
        declare_name(app, choices);
        app.add_option("--role", choices.role, "user, admin, or one of your own; by default user");
      },
      [&](const Settings& settings, OpenStore& store) {
        return add_user(settings, store, choices);
      },
      OpenStore::IfMissing::kMake);
}

int list(std::span<char*> arguments) {
  Choices choices;
  return run_verb(
      arguments, choices, "list",
      "Lists the users by name.\n"
      "  userbin user list --role admin             who rules here\n"
      "  userbin user list --deleted                who was deleted in the last 30 days\n"
      "  userbin user list --json | jq '.[].username'",
      [&](CLI::App& app) {
        app.add_option("--role", choices.role, "only those with this role");
        app.add_flag("--disabled", choices.disabled, "only those who are disabled");
        app.add_flag("--waiting", choices.waiting, "only those who wait for approval");
        app.add_flag("--deleted", choices.deleted, "those who were deleted, in place of users");
      },
      [&](const Settings&, OpenStore& store) {
        std::vector<store::User> users;
        Json::Value all(Json::arrayValue);
        for (const store::StoredUser& stored : all_users(store.users())) {
          const store::User& user = stored.user;
          if (user.deleted() != choices.deleted) continue;
          if (!choices.role.empty() && user.role() != choices.role) continue;
          if (choices.disabled && !user.disabled()) continue;
          if (choices.waiting && !user.waiting()) continue;
          users.push_back(user);
          if (choices.json) all.append(user.public_record());
        }
        if (choices.json) {
          std::puts(base::to_json(all).c_str());
        } else if (users.empty()) {
          std::puts("nobody");
        } else {
          std::fputs(users_table(users).c_str(), stdout);
        }
        return 0;
      });
}

int show(std::span<char*> arguments) {
  Choices choices;
  return run_verb(
      arguments, choices, "show",
      "Says all that is known of a user, but never the password's hash.\n"
      "  userbin user show ada\n"
      "  userbin user show ada --json | jq -r .role",
      [&](CLI::App& app) { declare_name(app, choices); },
      [&](const Settings& settings, OpenStore& store) {
        const store::User user = find_user(store, choices.username);
        store::SqlSessionStore rows(store.database());
        auth::Sessions sessions(rows, store.users(), store.database(), store.clock(),
                                settings.sessions);
        const std::size_t count = sessions.list(user.key()).size();
        if (choices.json) {
          Json::Value value = user.public_record();
          value["sessions"] = Json::UInt64{count};
          std::puts(base::to_json(value).c_str());
        } else {
          std::fputs(user_details(user, count).c_str(), stdout);
        }
        return 0;
      });
}

int set_role(std::span<char*> arguments) {
  Choices choices;
  return run_verb(
      arguments, choices, "set-role",
      "Gives a user a role, from the next request on.\n"
      "  userbin user set-role ada admin\n"
      "  userbin user set-role bob user\n"
      "The last enabled admin stays one.",
      [&](CLI::App& app) {
        declare_name(app, choices);
        app.add_option("ROLE", choices.role, "user, admin, or one of your own")->required();
      },
      [&](const Settings& settings, OpenStore& store) {
        const auth::Role role = role_of(choices.role);
        return change(settings, store, choices, {.role = role, .disabled = {}, .password = {}},
                      AuditEvent::kRoleChange, "has the role " + role.text());
      });
}

int set_password(std::span<char*> arguments) {
  Choices choices;
  return run_verb(
      arguments, choices, "set-password",
      "Gives a user a password, and ends all sessions of his. It is asked for twice, without echo, "
      "or\n"
      "is the first line of a pipe.\n"
      "  userbin user set-password ada\n"
      "  pwgen -s 20 1 | tee new | userbin user set-password bob",
      [&](CLI::App& app) { declare_name(app, choices); },
      [&](const Settings& settings, OpenStore& store) {
        const store::User user = find_user(store, choices.username);
        const auth::UserPatch patch{
            .role = {}, .disabled = {}, .password = ask_password(settings, user.username())};
        return change(settings, store, choices, patch, AuditEvent::kPasswordChange,
                      "has a new password, and is signed out");
      });
}

int set_disabled(std::span<char*> arguments, bool disabled) {
  Choices choices;
  const std::string description =
      disabled ? "Keeps a user out, who stays in the list, and ends all sessions of his.\n"
                 "  userbin user disable bob\n"
                 "The last enabled admin can't be disabled."
               : "Lets a user in again who was disabled, with the password and role he had.\n"
                 "  userbin user enable bob";
  return run_verb(
      arguments, choices, disabled ? "disable" : "enable", description,
      [&](CLI::App& app) { declare_name(app, choices); },
      [&](const Settings& settings, OpenStore& store) {
        return change(settings, store, choices, {.role = {}, .disabled = disabled, .password = {}},
                      disabled ? AuditEvent::kDisable : AuditEvent::kEnable,
                      disabled ? "is disabled, and is signed out" : "is enabled");
      });
}

int disable(std::span<char*> arguments) {
  return set_disabled(arguments, true);
}

int enable(std::span<char*> arguments) {
  return set_disabled(arguments, false);
}

/// Throws Failed unless the user waits for approval.
void require_waiting(OpenStore& store, const Choices& choices) {
  const store::User user = find_user(store, choices.username);
  if (!user.waiting()) throw Failed(in_quotes(user.username()) + " does not wait for approval");
}

int approve(std::span<char*> arguments) {
  Choices choices;
  return run_verb(
      arguments, choices, "approve",
      "Lets a user in who registered and waits for it.\n"
      "  userbin user list --waiting\n"
      "  userbin user approve bob",
      [&](CLI::App& app) { declare_name(app, choices); },
      [&](const Settings& settings, OpenStore& store) {
        require_waiting(store, choices);
        return change(settings, store, choices, {.role = {}, .disabled = false, .password = {}},
                      AuditEvent::kApprove, "is let in");
      });
}

int refuse(std::span<char*> arguments) {
  Choices choices;
  return run_verb(
      arguments, choices, "refuse",
      "Deletes a user who registered and waits for approval.\n"
      "  userbin user refuse bob",
      [&](CLI::App& app) { declare_name(app, choices); },
      [&](const Settings& settings, OpenStore& store) {
        require_waiting(store, choices);
        return remove(settings, store, choices, AuditEvent::kRefuse, "is refused, and deleted");
      });
}

int remove(std::span<char*> arguments) {
  Choices choices;
  return run_verb(
      arguments, choices, "delete",
      "Deletes a user, and ends all sessions of his. For 30 days 'userbin user restore' undoes "
      "it.\n"
      "  userbin user delete bob\n"
      "The last enabled admin can't be deleted.",
      [&](CLI::App& app) { declare_name(app, choices); },
      [&](const Settings& settings, OpenStore& store) {
        return remove(settings, store, choices, AuditEvent::kDelete,
                      "is deleted; for 30 days this brings him back: userbin user restore NAME");
      });
}

int restore(std::span<char*> arguments) {
  Choices choices;
  return run_verb(
      arguments, choices, "restore",
      "Brings a user back who was deleted by the owner within 30 days, with his password and "
      "role.\n"
      "  userbin user restore bob\n"
      "Who deleted himself, or was deleted in the bin, can't be brought back.",
      [&](CLI::App& app) { declare_name(app, choices); },
      [&](const Settings& settings, OpenStore& store) {
        const CommandAudit audit(settings);
        AccountTools tools(settings, store);
        const std::string name = in_quotes(choices.username);
        switch (tools.administration.restore(store::user_key(choices.username))) {
          case auth::RestoreResult::kRestored: break;
          case auth::RestoreResult::kNoSuchUser:
            throw Failed("nobody of the name " + name + " was deleted within 30 days");
          case auth::RestoreResult::kNotDeleted:
            throw Failed("there is a user " + name + ", who is not deleted");
          case auth::RestoreResult::kNotKept:
            throw Failed(name +
                         " can't be brought back: he deleted himself, or was deleted in the bin or "
                         "by another server");
          case auth::RestoreResult::kListFull:
            throw Failed("the bin has no room for another user; raise --bin-max-bytes");
        }
        audit.done(AuditEvent::kRestore, find_user(store, choices.username).username());
        return report(store, choices, shown(choices.username) + " is back");
      });
}

struct Verb {
  std::string_view name;
  int (*run)(std::span<char*> arguments);
  const char* help;
};

constexpr Verb kVerbs[] = {
    {"add", add, "make a user; --role admin makes an admin"},
    {"list", list, "all users; --role, --disabled, --deleted"},
    {"show", show, "all that is known of a user"},
    {"set-role", set_role, "give a user a role"},
    {"set-password", set_password, "give a user a password"},
    {"disable", disable, "keep a user out"},
    {"enable", enable, "let him in again"},
    {"approve", approve, "let in who registered and waits"},
    {"refuse", refuse, "delete who registered and waits"},
    {"delete", remove, "delete a user"},
    {"restore", restore, "bring him back, within 30 days"},
};

int print_usage(std::FILE* out, int status) {
  std::fputs(
      "Makes, shows and changes users, also beside a running worker.\n\n"
      "usage: userbin user COMMAND [OPTION...]\n\n",
      out);
  for (const Verb& verb : kVerbs) std::fprintf(out, "  %-13s %s\n", verb.name.data(), verb.help);
  std::fputs(
      "\nPasswords are typed without echo or come by a pipe, never as an argument. A running "
      "worker\n"
      "follows at once, and takes what was changed to its bin. Settings are read as the worker "
      "reads\n"
      "them, from /etc/userbin.conf if no --config says otherwise.\n"
      "Exit status: 0 done; 1 refused or failed, nothing was changed; 2 wrong usage or setting.\n"
      "'userbin user COMMAND --help' has examples.\n",
      out);
  return status;
}

}  // namespace

int user(std::span<char*> arguments) {
  if (arguments.empty()) return print_usage(stderr, 2);
  const std::string_view name = arguments.front();
  for (const Verb& verb : kVerbs) {
    if (name == verb.name) return verb.run(arguments.subspan(1));
  }
  if (name == "--help" || name == "help") return print_usage(stdout, 0);
  std::fprintf(stderr, "userbin user: there is no command '%s'\n\n", arguments.front());
  return print_usage(stderr, 2);
}

}  // namespace userbin::app
