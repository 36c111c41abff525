#include "base/text.h"
#include "handlers/common.h"
#include "handlers/handlers.h"
#include "http/error.h"

namespace userbin::handlers {

using auth::AccountResult;
using auth::RestoreResult;
using base::AuditEvent;
using base::AuditOutcome;
using http::ErrorCode;

namespace {

constexpr int kMaxPage = 100;
constexpr int kDefaultPage = 50;

/// Whom a path means: "/users/NAME" or, with a `verb`, "/users/NAME/VERB". It is read as the client
/// sent it, where a slash in the name still differs from one beside it. Throws not_found.
std::string name_in_path(const http::Request& request, std::string_view verb = "") {
  const std::string_view target = request.request_target;
  std::string_view path = target.substr(0, target.find('?'));
  const std::string start = request.mount + "/users/";
  if (path.starts_with(start) && path.ends_with(verb)) {
    path.remove_prefix(start.size());
    path.remove_suffix(std::min(verb.size(), path.size()));
    auto name = base::percent_decode(path);
    if (name && !name->empty() && path.find('/') == std::string_view::npos) return *std::move(name);
  }
  throw http::RequestRefused(ErrorCode::kNotFound, "no name in the path");
}

/// Who is there under this name. Throws no_such_user.
store::User user_named(const Services& services, const std::string& name) {
  auto stored = services.users.find(store::user_key(name));
  if (stored && !stored->user.deleted()) return std::move(stored->user);
  throw http::RequestRefused(ErrorCode::kNoSuchUser, "no user of this name");
}

void require_done(AccountResult result) {
  if (result == AccountResult::kDone) return;
  const bool is_last = result == AccountResult::kLastAdmin;
  throw http::RequestRefused(is_last ? ErrorCode::kLastAdmin : ErrorCode::kNoSuchUser,
                             is_last ? "the last admin" : "gone meanwhile");
}

void require_restored(RestoreResult result) {
  switch (result) {
    case RestoreResult::kRestored: return;
    case RestoreResult::kNoSuchUser:
      throw http::RequestRefused(ErrorCode::kNoSuchUser, "nobody of this name was deleted");
    case RestoreResult::kNotDeleted:
      throw http::RequestRefused(ErrorCode::kNotDeleted, "the user is there");
    case RestoreResult::kNotKept:
      throw http::RequestRefused(ErrorCode::kNotKept, "nothing was kept");
    case RestoreResult::kListFull: break;
  }
  throw http::RequestRefused(ErrorCode::kUserListFull, "no room in the bin");
}

auth::UserPatch patch_in(const Services& services, const http::Fields& fields,
                         const std::string& username) {
  auth::UserPatch patch;
  patch.role = role_in(fields);
  patch.disabled = fields.yes_or_no("disabled");
  if (fields.text("password")) patch.password = password_in(services, fields, "password", username);
  if (!patch.role && !patch.disabled && !patch.password) {
    const char* sentence = "Give at least one of role, disabled and password";
    throw http::RequestRefused(
        ErrorCode::kMissingField, "nothing to change",
        {.fields = {{"role", sentence}, {"disabled", sentence}, {"password", sentence}}});
  }
  return patch;
}

/// A line for each thing that `patch` changed of a user who was as `before` says.
void audit_patch(const http::Request& request, const store::User& before,
                 const auth::UserPatch& patch, const std::string& admin) {
  const auto tell = [&](AuditEvent event, const std::string& detail = "") {
    audit(request, event, AuditOutcome::kOk, before.username(), detail, admin);
  };
  if (patch.role && patch.role->text() != before.role()) {
    tell(AuditEvent::kRoleChange, patch.role->text());
  }
  if (patch.disabled && *patch.disabled != before.disabled()) {
    tell(*patch.disabled    ? AuditEvent::kDisable
         : before.waiting() ? AuditEvent::kApprove
                            : AuditEvent::kEnable);
  }
  if (patch.password) tell(AuditEvent::kPasswordChange);
}

}  // namespace

base::Task<http::Response> list_users(const Services& services, const http::Request& request) {
  const http::Fields query = http::decode_query(request);
  require_admin(services, request);
  const int limit = query.whole_number("limit").value_or(kDefaultPage);
  if (limit < 1 || limit > kMaxPage) refuse_field("limit", "Use a whole number from 1 to 100");
  store::UserFilter filter;
  filter.key_prefix = store::user_key(query.text("q").value_or(""));
  filter.role = query.text("role").value_or("");
  filter.is_waiting = query.yes_or_no("waiting").value_or(false);
  const std::string after = store::user_key(query.text("after").value_or(""));
  const auto size = static_cast<std::size_t>(limit);
  auto users = services.users.search(filter, after, size + 1);  // one more tells of a next page
  Json::Value body;
  body["users"] = Json::arrayValue;
  body["next"] = Json::nullValue;
  if (users.size() > size) {
    users.pop_back();
    body["next"] = users.back().username();
  }
  for (const store::User& user : users) body["users"].append(user.public_record());
  co_return http::json_response(200, body);
}

base::Task<http::Response> show_user(const Services& services, const http::Request& request) {
  require_admin(services, request);
  const store::User user = user_named(services, name_in_path(request));
  co_return http::json_response(200, user.public_record());
}

base::Task<http::Response> create_user(const Services& services, const http::Request& request) {
  const http::Fields fields = http::decode_body(request);
  const auto admin = require_admin(services, request);
  fields.require({"username", "password"});
  const auth::Role role = role_in(fields).value_or(auth::Role());
  const auth::Username username = username_in(fields);
  auth::Password password = password_in(services, fields, "password", username.text());
  const auto result = co_await services.accounts.register_user(username, std::move(password), role);
  if (result == auth::RegisterResult::kListFull) {
    co_return http::error_response(ErrorCode::kUserListFull);
  }
  if (result != auth::RegisterResult::kRegistered) {
    co_return http::error_response(ErrorCode::kUsernameTaken);
  }
  audit(request, AuditEvent::kCreate, AuditOutcome::kOk, username.text(), role.text(),
        admin->user.username());
  const std::string key = store::user_key(username.text());
  co_return changed_response("User registered successfully",
                             co_await services.replica.arrival(key));
}

base::Task<http::Response> change_user(const Services& services, const http::Request& request) {
  const http::Fields fields = http::decode_body(request);
  const auto admin = require_admin(services, request);
  const store::User before = user_named(services, name_in_path(request));
  const auth::UserPatch patch = patch_in(services, fields, before.username());
  const std::string key = before.key();
  require_done(co_await services.administration.change(key, patch));
  audit_patch(request, before, patch, admin->user.username());
  co_return changed_response("User changed", co_await services.replica.arrival(key));
}

base::Task<http::Response> delete_user(const Services& services, const http::Request& request) {
  const auto admin = require_admin(services, request);
  const store::User before = user_named(services, name_in_path(request));
  const std::string key = before.key();
  require_done(services.administration.remove(key));
  audit(request, before.waiting() ? AuditEvent::kRefuse : AuditEvent::kDelete, AuditOutcome::kOk,
        before.username(), "", admin->user.username());
  co_return changed_response("User deleted", co_await services.replica.arrival(key));
}

base::Task<http::Response> restore_user(const Services& services, const http::Request& request) {
  const auto admin = require_admin(services, request);
  const std::string key = store::user_key(name_in_path(request, "/restore"));
  require_restored(services.administration.restore(key));
  audit(request, AuditEvent::kRestore, AuditOutcome::kOk, known_name(services, key), "",
        admin->user.username());
  co_return changed_response("User restored", co_await services.replica.arrival(key));
}

}  // namespace userbin::handlers
