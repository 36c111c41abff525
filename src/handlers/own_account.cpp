#include "handlers/common.h"
#include "handlers/handlers.h"
#include "http/cookie.h"
#include "http/error.h"

namespace userbin::handlers {

using auth::AccountResult;
using base::AuditEvent;
using base::AuditOutcome;
using http::ErrorCode;

namespace {

/// What came of it, to the throttle and to who asks; nothing to answer if it is done.
std::optional<http::Response> failure_of(AccountResult result, auth::Throttle::Attempt& attempt) {
  switch (result) {
    case AccountResult::kDone: attempt.succeed(); return std::nullopt;
    case AccountResult::kLastAdmin:
      attempt.succeed();
      return http::error_response(ErrorCode::kLastAdmin);
    case AccountResult::kWrongPassword:
      attempt.keep();
      return http::error_response(ErrorCode::kWrongPassword);
    case AccountResult::kNoSuchUser: break;
  }
  return http::error_response(ErrorCode::kNotSignedIn);
}

}  // namespace

base::Task<http::Response> change_password(const Services& services, const http::Request& request) {
  const http::Fields fields = http::decode_body(request);
  const auto principal = principal_of(services, request);
  if (!principal) co_return http::error_response(ErrorCode::kNotSignedIn);
  fields.require({"current_password", "new_password"});
  const bool wants_token = http::is_json(request) && fields.flag("token");
  base::SecretString current(*fields.text("current_password"));
  const std::string username = principal->user.username();
  auth::Password next = password_in(services, fields, "new_password", username);
  auth::Throttle::Attempt attempt = services.throttle.try_login(username, request.remote_address);
  if (auto refusal = refusal_of(attempt)) {
    audit(request, AuditEvent::kPasswordChange, AuditOutcome::kThrottled, username);
    co_return *refusal;
  }
  const std::string key = principal->user.key();
  const auth::SessionDraft draft = services.sessions.draft(
      key, {request.remote_address, request.user_agent}, principal->session.remember);
  const AccountResult result = co_await services.administration.change_own_password(
      key, std::move(current), std::move(next), draft.row);
  if (auto failure = failure_of(result, attempt)) {
    audit(request, AuditEvent::kPasswordChange, AuditOutcome::kFailed, username,
          failure->error_code);
    co_return *failure;
  }
  audit(request, AuditEvent::kPasswordChange, AuditOutcome::kOk, username);

  const auth::NewSession& session = draft.session;
  Json::Value body;
  if (wants_token) body["token"] = std::string(session.token.reveal());
  http::Response response =
      changed_response("Password changed", co_await services.replica.arrival(key), std::move(body));
  response.headers.emplace_back(
      "Set-Cookie", http::session_cookie(session.token.reveal(), request.https, session.max_age));
  response.see_other = page_url(request, services.pages.account, {{"notice", "password_changed"}});
  co_return response;
}

base::Task<http::Response> delete_me(const Services& services, const http::Request& request) {
  const http::Fields fields = http::decode_body(request);
  const auto principal = principal_of(services, request);
  if (!principal) co_return http::error_response(ErrorCode::kNotSignedIn);
  fields.require({"current_password"});
  base::SecretString current(*fields.text("current_password"));
  auth::Throttle::Attempt attempt =
      services.throttle.try_login(principal->user.username(), request.remote_address);
  if (auto refusal = refusal_of(attempt)) {
    audit(request, AuditEvent::kDelete, AuditOutcome::kThrottled, principal->user.username());
    co_return *refusal;
  }
  const std::string key = principal->user.key();
  const AccountResult result = co_await services.administration.remove_own(key, std::move(current));
  if (auto failure = failure_of(result, attempt)) {
    audit(request, AuditEvent::kDelete, AuditOutcome::kFailed, principal->user.username(),
          failure->error_code);
    co_return *failure;
  }
  audit(request, AuditEvent::kDelete, AuditOutcome::kOk, principal->user.username());

  http::Response response =
      changed_response("Account deleted", co_await services.replica.arrival(key));
  response.headers.emplace_back("Set-Cookie", http::cleared_session_cookie(request.https));
  response.see_other = page_url(request, services.pages.login, {{"notice", "account_deleted"}});
  co_return response;
}

}  // namespace userbin::handlers
