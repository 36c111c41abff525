#include "http/error.h"

#include <algorithm>
#include <array>

namespace userbin::http {

namespace {

struct Entry {
  ErrorCode code;
  int status;
  std::string_view name;
  std::string_view sentence;
};

constexpr std::array kErrors{
    Entry{ErrorCode::kAwaitingApproval, 403, "awaiting_approval",
          "This account waits for approval; log in once it is given"},
    Entry{ErrorCode::kBodyTooLarge, 413, "body_too_large", "The request is too large"},
    Entry{ErrorCode::kCrossSite, 403, "cross_site", "The request came from another site"},
    Entry{ErrorCode::kForbidden, 403, "forbidden", "You may not do this"},
    Entry{ErrorCode::kInternal, 500, "internal", "Something went wrong on our side"},
    Entry{ErrorCode::kInvalidCredentials, 401, "invalid_credentials", "Invalid credentials"},
    Entry{ErrorCode::kInvalidInvitation, 403, "invalid_invitation",
          "This invitation was used, has expired or was revoked; ask for another one"},
    Entry{ErrorCode::kInvalidUsername, 400, "invalid_username", "This username cannot be used"},
    Entry{ErrorCode::kInvitationRequired, 403, "invitation_required",
          "Who registers here needs an invitation; ask the people who run this site for one"},
    Entry{ErrorCode::kLastAdmin, 409, "last_admin", "An active admin must remain"},
    Entry{ErrorCode::kMalformedBody, 400, "malformed_body", "The request could not be understood"},
    Entry{ErrorCode::kMethodNotAllowed, 405, "method_not_allowed",
          "This method is not allowed here"},
    Entry{ErrorCode::kMissingField, 400, "missing_field", "A required field is missing"},
    Entry{ErrorCode::kNoSuchInvitation, 404, "no_such_invitation", "There is no such invitation"},
    Entry{ErrorCode::kNoSuchSession, 404, "no_such_session", "There is no such session"},
    Entry{ErrorCode::kNoSuchUser, 404, "no_such_user", "There is no such user"},
    Entry{ErrorCode::kNotDeleted, 409, "not_deleted",
          "There is a user of this name, who is not deleted"},
    Entry{ErrorCode::kNotFound, 404, "not_found", "There is nothing here"},
    Entry{ErrorCode::kNotKept, 409, "not_kept",
          "This user can't be brought back: he deleted himself, or was deleted in the bin or by "
          "another server"},
    Entry{ErrorCode::kNotSignedIn, 401, "not_signed_in", "You are not logged in"},
    Entry{ErrorCode::kOverloaded, 503, "overloaded", "Too much is going on, please try again soon"},
    Entry{ErrorCode::kRegistrationClosed, 403, "registration_closed", "Registration is closed"},
    Entry{ErrorCode::kStoreUnavailable, 503, "store_unavailable",
          "The user list cannot be reached now, please try again soon"},
    Entry{ErrorCode::kTooManyAttempts, 429, "too_many_attempts",
          "Too many attempts, please wait before you try again"},
    Entry{ErrorCode::kUnsupportedMediaType, 415, "unsupported_media_type",
          "Send application/json or application/x-www-form-urlencoded"},
    Entry{ErrorCode::kUserListFull, 507, "user_list_full", "The user list is full"},
    Entry{ErrorCode::kUsernameTaken, 400, "username_taken", "Username already exists"},
    Entry{ErrorCode::kWeakPassword, 400, "weak_password", "This password is too easy to guess"},
    Entry{ErrorCode::kWrongPassword, 403, "wrong_password", "The current password is wrong"},
};

const Entry& entry_of(ErrorCode code) {
  return *std::find_if(kErrors.begin(), kErrors.end(),
                       [&](const Entry& entry) { return entry.code == code; });
}

}  // namespace

std::string_view name_of(ErrorCode code) {
  return entry_of(code).name;
}

std::optional<ErrorCode> error_code_of(std::string_view name) {
  for (const Entry& entry : kErrors) {
    if (entry.name == name) return entry.code;
  }
  return std::nullopt;
}

Response error_response(ErrorCode code, const ErrorDetails& details) {
  const Entry& entry = entry_of(code);
  Json::Value value;
  value["error"] = std::string(entry.sentence);
  value["code"] = std::string(entry.name);
  for (const auto& [field, sentence] : details.fields) value["fields"][field] = sentence;
  Response response = json_response(entry.status, value);
  response.error_code = entry.name;
  response.error_reason = details.reason;
  if (details.retry_after) {
    response.headers.emplace_back("Retry-After", std::to_string(details.retry_after->count()));
  }
  if (!details.allow.empty()) response.headers.emplace_back("Allow", details.allow);
  if (entry.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace userbin::http
