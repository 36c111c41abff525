#include <stdexcept>

#include "base/failure.h"
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

/// A throttled login needs no store; nor may its line in the log.
std::string name_for_log(const Services& services, const std::string& username) {
  try {
    return known_name(services, username);
  } catch (const base::StoreUnavailable&) {
    return "";
  }
}

using Outcome = auth::LoginCheck::Outcome;

/// Notes for the owner alone why a name and a password let nobody in, and answers.
http::Response refuse(const Services& services, const http::Request& request,
                      const auth::LoginCheck& check) {
  SignIn outcome = SignIn::kUnknownUser;
  switch (check.outcome) {
    case Outcome::kUnknownUser: break;
    case Outcome::kWrongPassword: outcome = SignIn::kWrongPassword; break;
    case Outcome::kDisabled: outcome = SignIn::kDisabled; break;
    case Outcome::kAwaitingApproval: outcome = SignIn::kAwaitingApproval; break;
    case Outcome::kRight: throw std::logic_error("a right password is not refused");
  }
  note(services, request, outcome, check.user ? check.user->username() : "");
  return http::error_response(check.outcome == Outcome::kAwaitingApproval
                                  ? http::ErrorCode::kAwaitingApproval
                                  : http::ErrorCode::kInvalidCredentials);
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
    note(services, request, SignIn::kThrottled, name_for_log(services, username));
    co_return *refusal;
  }
  auth::LoginCheck check = co_await services.accounts.check_login(username, password);
  if (check.outcome != Outcome::kRight) {
    if (check.outcome == Outcome::kAwaitingApproval) {
      attempt.succeed();
    } else {
      attempt.keep();
    }
    co_return refuse(services, request, check);
  }
  attempt.succeed();

  // The session that this browser had before is of no more use to anybody.
  if (const auto old_token = session_token(request)) services.sessions.end(*old_token);
  const store::User user = *std::move(check.user);
  const auth::NewSession session =
      services.sessions.begin(user.key(), {request.remote_address, request.user_agent}, remember);
  try {
    // A change of the user ends the sessions that are there; this one may have come just after it.
    if (!is_still(services, user)) {
      check = co_await services.accounts.check_login(username, std::move(password));
    }
  } catch (...) {
    services.sessions.end(session.token.reveal());
    throw;
  }
  if (check.outcome != Outcome::kRight) {
    services.sessions.end(session.token.reveal());
    co_return refuse(services, request, check);
  }
  note(services, request, SignIn::kOk, user.username());
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
