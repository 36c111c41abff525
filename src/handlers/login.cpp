#include "handlers/common.h"
#include "handlers/handlers.h"
#include "http/cookie.h"
#include "http/error.h"

namespace userbin::handlers {

using base::AuditEvent;
using base::AuditOutcome;

namespace {

/// `user` is a known_name().
void note(const Services& services, const http::Request& request, SignIn outcome,
          const std::string& user) {
  services.stats.sign_ins.add(outcome);
  if (outcome == SignIn::kOk || outcome == SignIn::kThrottled) {
    audit(request, AuditEvent::kLogin,
          outcome == SignIn::kOk ? AuditOutcome::kOk : AuditOutcome::kThrottled, user);
  } else {
    audit(request, AuditEvent::kLogin, AuditOutcome::kFailed, user,
          std::string(services.stats.sign_ins.name(outcome)));
  }
}

/// Why a name and a password let nobody in, for the owner alone.
void note_failure(const Services& services, const http::Request& request,
                  const std::string& username) {
  const auto stored = services.users.find(store::user_key(username));
  if (!stored || stored->user.deleted()) {
    note(services, request, SignIn::kUnknownUser, "");
  } else {
    note(services, request, stored->user.disabled() ? SignIn::kDisabled : SignIn::kWrongPassword,
         stored->user.username());
  }
}

bool is_still(const Services& services, const store::User& user) {
  const auto stored = services.users.find(user.key());
  return stored && !stored->user.deleted() && !stored->user.disabled() &&
         stored->user.password_hash() == user.password_hash();
}

}  // namespace

base::Task<http::Response> log_in(const Services& services, const http::Request& request) {
  const http::Fields fields = http::decode_body(request);
  fields.require({"username", "password"});
  // All are read before anything is done, as each may turn out to be malformed.
  const bool remember = fields.flag("remember");
  const bool wants_token = http::is_json(request) && fields.flag("token");
  const std::string target = requested_redirect(fields, request);
  base::SecretString password(*fields.text("password"));
  const std::string username = *fields.text("username");
  auth::Throttle::Attempt attempt = services.throttle.try_login(username, request.remote_address);
  if (auto refusal = refusal_of(attempt)) {
    note(services, request, SignIn::kThrottled, known_name(services, username));
    co_return *refusal;
  }
  const auth::LoginCheck check = co_await services.accounts.check_login(username, password);
  if (check.awaits_approval) {
    attempt.succeed();
    note(services, request, SignIn::kAwaitingApproval, known_name(services, username));
    co_return http::error_response(http::ErrorCode::kAwaitingApproval);
  }
  const std::optional<store::User>& user = check.user;
  if (!user) {
    attempt.keep();
    note_failure(services, request, username);
    co_return http::error_response(http::ErrorCode::kInvalidCredentials);
  }
  attempt.succeed();

  // The session that this browser had before is of no more use to anybody.
  if (const auto old_token = session_token(request)) services.sessions.end(*old_token);
  const auth::NewSession session =
      services.sessions.begin(user->key(), {request.remote_address, request.user_agent}, remember);
  // A change of the user ends the sessions that are there; this one may have come just after it.
  if (!is_still(services, *user) &&
      !co_await services.accounts.authenticate(username, std::move(password))) {
    services.sessions.end(session.token.reveal());
    note_failure(services, request, username);
    co_return http::error_response(http::ErrorCode::kInvalidCredentials);
  }
  note(services, request, SignIn::kOk, user->username());
  Json::Value body;
  body["message"] = "Login successful";
  if (wants_token) {
    body["token"] = std::string(session.token.reveal());
  }
  http::Response response = http::json_response(200, body);
  response.headers.emplace_back(
      "Set-Cookie", http::session_cookie(session.token.reveal(), request.https, session.max_age));
  response.see_other = target.empty() ? page_url(request, services.pages.home, {}) : target;
  co_return response;
}

}  // namespace userbin::handlers
