// 'userbin invite': who was asked to register.
#include <cstdio>
#include <string_view>

#include <CLI/CLI.hpp>

#include "app/bin_tools.h"
#include "app/command_audit.h"
#include "app/commands.h"
#include "app/table.h"
#include "auth/invitations.h"
#include "base/failure.h"
#include "base/json.h"
#include "store/sql_invitation_store.h"

namespace userbin::app {

namespace {

constexpr const char* kExitStatus =
    "\nExit status: 0 done; 1 refused or failed; 2 wrong usage or setting.";

struct OpenInvitations {
  explicit OpenInvitations(OpenStore& store)
      : rows(store.database()), invitations(rows, store.users(), store.clock()) {}

  store::SqlInvitationStore rows;
  auth::Invitations invitations;
};

Json::Value as_json(const store::Invitation& invitation) {
  Json::Value value;
  value["id"] = auth::invitation_id(invitation);
  value["role"] = invitation.role;
  value["created_by"] = invitation.maker.empty() ? Json::Value() : Json::Value(invitation.maker);
  value["created_at"] = base::format_rfc3339(invitation.created_at);
  value["expires_at"] = base::format_rfc3339(invitation.expires_at);
  return value;
}

struct Wish {
  std::string role = "user";
  int days = auth::kInvitationDays;
  std::string prefix;
  bool json = false;
};

int create_one(const Settings& settings, const Wish& wish) {
  const auto role = auth::Role::parse(wish.role);
  if (!role) throw base::BadSetting("'" + shown(wish.role) + "' is no role");
  OpenStore store(settings);
  OpenInvitations open(store);
  const CommandAudit audit(settings);
  const auto made = open.invitations.create(*role, "", std::chrono::days(wish.days));
  audit.done(base::AuditEvent::kInvite, "",
             "invitation " + auth::invitation_id(made.row) + ", role " + role->text());
  const std::string token(made.token.reveal());
  const std::string link =
      settings.public_url + wish.prefix + settings.pages.registration + "?invitation=" + token;
  if (wish.json) {
    Json::Value value = as_json(made.row);
    value["token"] = token;
    value["link"] = link;
    std::puts(base::to_json(value).c_str());
    return 0;
  }
  std::printf("%s\nFor one registration with the role %s, until %s. It is shown this once.\n",
              link.c_str(), wish.role.c_str(),
              short_time(base::format_rfc3339(made.row.expires_at)).c_str());
  if (settings.public_url.empty()) {
    std::puts("Put your site's address before it, or say it by --public-url https://example.org.");
  }
  return 0;
}

int create(std::span<char*> arguments) {
  Wish wish;
  const auto declare = [&](CLI::App& app) {
    app.add_option("--role", wish.role, "user, admin, or one of your own; by default user");
    app.add_option("--days", wish.days, "how long it is good, 1 to 90; by default 7")
        ->check(CLI::Range(auth::kMinInvitationDays, auth::kMaxInvitationDays));
    app.add_option("--prefix", wish.prefix, "where the login is on the site, such as /auth");
    app.add_flag("--json", wish.json, "print JSON for programs");
  };
  return run_store_command(
      arguments, "userbin invite create",
      std::string("Makes a link by which one person can register, and prints it once.\n"
                  "  userbin invite create --public-url https://example.org\n"
                  "  userbin invite create --role admin --days 1 --json | jq -r .link") +
          kExitStatus,
      declare, [&](const Settings& settings) { return create_one(settings, wish); });
}

int list(std::span<char*> arguments) {
  bool wants_json = false;
  return run_store_command(
      arguments, "userbin invite list",
      std::string("Lists the invitations that are neither used nor expired, the newest first. One "
                  "counts while\nwho made it is an active admin.") +
          kExitStatus,
      [&](CLI::App& app) { app.add_flag("--json", wants_json, "print an array for programs"); },
      [&](const Settings& settings) {
        OpenStore store(settings);
        OpenInvitations open(store);
        Json::Value all(Json::arrayValue);
        std::vector<TableRow> rows;
        for (const store::Invitation& each : open.invitations.list()) {
          all.append(as_json(each));
          rows.push_back({auth::invitation_id(each), shown(each.role),
                          each.maker.empty() ? "the owner" : shown(each.maker),
                          short_time(base::format_rfc3339(each.created_at)),
                          short_time(base::format_rfc3339(each.expires_at))});
        }
        if (wants_json) {
          std::puts(base::to_json(all).c_str());
        } else if (rows.empty()) {
          std::puts("nobody is invited");
        } else {
          std::fputs(as_table({"ID", "ROLE", "MADE BY", "MADE", "EXPIRES"}, rows).c_str(), stdout);
        }
        return 0;
      });
}

int revoke(std::span<char*> arguments) {
  std::string id;
  return run_store_command(
      arguments, "userbin invite revoke",
      std::string("Makes an invitation good for nothing.\n"
                  "  userbin invite revoke 0123456789abcdef") +
          kExitStatus,
      [&](CLI::App& app) {
        app.add_option("ID", id, "as 'userbin invite list' calls it")->required();
      },
      [&](const Settings& settings) {
        OpenStore store(settings);
        OpenInvitations open(store);
        const CommandAudit audit(settings);
        if (!open.invitations.revoke(id)) throw Failed("there is no invitation " + shown(id));
        audit.done(base::AuditEvent::kInvitationRevoke, "", "invitation " + id);
        std::puts("revoked");
        return 0;
      });
}

int print_usage(std::FILE* out, int status) {
  std::fputs(
      "Asks people to register, by links that work once; also beside a running worker.\n\n"
      "usage: userbin invite COMMAND [OPTION...]\n\n"
      "  create   make a link; --role, --days\n"
      "  list     those that are neither used nor expired\n"
      "  revoke   take one back: ID\n\n"
      "Settings are read as the worker reads them, from /etc/userbin.conf if no --config says\n"
      "otherwise. Exit status: 0 done; 1 refused or failed; 2 wrong usage or setting.\n"
      "'userbin invite COMMAND --help' describes the options.\n",
      out);
  return status;
}

}  // namespace

int invite(std::span<char*> arguments) {
  if (arguments.empty()) return print_usage(stderr, 2);
  const std::string_view name = arguments.front();
  if (name == "create") return create(arguments.subspan(1));
  if (name == "list") return list(arguments.subspan(1));
  if (name == "revoke") return revoke(arguments.subspan(1));
  if (name == "--help" || name == "help") return print_usage(stdout, 0);
  std::fprintf(stderr, "userbin invite: there is no command '%s'\n\n", arguments.front());
  return print_usage(stderr, 2);
}

}  // namespace userbin::app
