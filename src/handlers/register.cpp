#include "handlers/common.h"
#include "handlers/handlers.h"
#include "http/error.h"

namespace userbin::handlers {

using auth::RegistrationPolicy;
using base::AuditEvent;
using base::AuditOutcome;
using http::ErrorCode;

namespace {

/// How somebody got in, for the audit log.
std::string detail_of(const auth::Admission& admission) {
  if (admission.waits) return "awaiting_approval";
  if (admission.invitation.empty()) return "";
  store::Invitation invitation;
  invitation.token_hash = admission.invitation;
  return "invitation " + auth::invitation_id(invitation);
}

/// As what a token lets one in; without one, as what the site lets anybody in. nullopt: the
/// invitation is good no more.
std::optional<auth::Admission> admission_by(const Services& services, const std::string& token) {
  auth::Admission admission;
  if (token.empty()) {
    admission.waits = services.registration == RegistrationPolicy::kApproval;
    return admission;
  }
  const auto invitation = services.invitations.find(token);
  const auto role = auth::Role::parse(invitation ? invitation->role : "");
  if (!role) return std::nullopt;
  admission.role = *role;
  admission.invitation = invitation->token_hash;
  return admission;
}

/// Where registration is not for everybody, before anything else is looked at.
void require_open_door(const Services& services, const std::string& token) {
  if (services.registration == RegistrationPolicy::kClosed) {
    throw http::RequestRefused(ErrorCode::kRegistrationClosed, "--registration closed");
  }
  if (services.registration == RegistrationPolicy::kInvite && token.empty()) {
    throw http::RequestRefused(ErrorCode::kInvitationRequired, "--registration invite");
  }
}

std::string notice_of(RegistrationPolicy policy, bool is_invited) {
  if (policy == RegistrationPolicy::kClosed) {
    return "Registration is closed. Ask the people who run this site for an account.";
  }
  if (is_invited) return "";
  if (policy == RegistrationPolicy::kInvite) {
    return "You need an invitation to register here. Open the link in it, or ask the people who "
           "run "
           "this site for one.";
  }
  if (policy == RegistrationPolicy::kApproval) {
    return "The people who run this site approve of each new account before it can be used.";
  }
  return "";
}

/// `user` is empty where nobody has the name.
void note(const Services& services, const http::Request& request, Registration outcome,
          const std::string& user, const std::string& detail) {
  services.stats.registrations.add(outcome);
  const bool is_made = outcome == Registration::kOk || outcome == Registration::kAwaitingApproval;
  audit(request, AuditEvent::kRegister,
        is_made                               ? AuditOutcome::kOk
        : outcome == Registration::kThrottled ? AuditOutcome::kThrottled
                                              : AuditOutcome::kFailed,
        user, detail);
}

void note_failure(const Services& services, const http::Request& request, Registration outcome,
                  const std::string& user = "") {
  note(services, request, outcome, user, std::string(services.stats.registrations.name(outcome)));
}

http::Response registered(bool waits, bool is_everywhere) {
  if (!waits) return changed_response("User registered successfully", is_everywhere);
  Json::Value body;
  body["message"] = "User registered, and waits for approval";
  body["waiting"] = true;
  if (!is_everywhere) body["sync"] = "pending";
  return http::json_response(is_everywhere ? 200 : 202, body);
}

}  // namespace

base::Task<http::Response> register_user(const Services& services, const http::Request& request) {
  const http::Fields fields = http::decode_body(request);
  const std::string token = invitation_in(fields, request);
  require_open_door(services, token);
  fields.require({"username", "password"});
  const std::string target = requested_redirect(fields, request);
  const auth::Username username = username_in(fields);
  auth::Password password = password_in(services, fields, "password", username.text());
  auth::Throttle::Attempt attempt = services.throttle.try_registration(request.remote_address);
  if (auto refusal = refusal_of(attempt)) {
    note(services, request, Registration::kThrottled, "", "");
    co_return *refusal;
  }
  auto admission = admission_by(services, token);
  if (!admission) {
    attempt.keep();
    note_failure(services, request, Registration::kInvalidInvitation);
    co_return http::error_response(ErrorCode::kInvalidInvitation);
  }
  const std::string detail = detail_of(*admission);
  const bool waits = admission->waits;
  const auto result =
      co_await services.accounts.admit(username, std::move(password), std::move(*admission));
  if (result == auth::RegisterResult::kListFull) {
    note_failure(services, request, Registration::kUserListFull);
    co_return http::error_response(ErrorCode::kUserListFull);
  }
  attempt.keep();
  if (result == auth::RegisterResult::kNoInvitation) {
    note_failure(services, request, Registration::kInvalidInvitation);
    co_return http::error_response(ErrorCode::kInvalidInvitation);
  }
  if (result == auth::RegisterResult::kNameTaken) {
    note_failure(services, request, Registration::kUsernameTaken, username.text());
    co_return http::error_response(ErrorCode::kUsernameTaken);
  }
  note(services, request, waits ? Registration::kAwaitingApproval : Registration::kOk,
       username.text(), detail);
  const bool is_everywhere = co_await services.replica.arrival(store::user_key(username.text()));
  http::Response response = registered(waits, is_everywhere);
  response.see_other = page_url(request, services.pages.login,
                                {{"notice", waits ? "awaiting_approval" : "registered"},
                                 {"username", username.text()},
                                 {"rd", target}});
  co_return response;
}

base::Task<http::Response> registration_notice_html(const Services& services,
                                                    const http::Request& request) {
  const http::Fields query = http::decode_query(request);
  const bool is_invited = !query.text("invitation").value_or("").empty();
  const std::string sentence = notice_of(services.registration, is_invited);
  http::Response response;
  response.headers.emplace_back("Content-Type", "text/html; charset=utf-8");
  if (!sentence.empty() && query.text("error").value_or("").empty()) {
    response.body = "<p class=\"message notice\">" + sentence + "</p>\n";
  }
  co_return response;
}

}  // namespace userbin::handlers
