// Every error a client can get: its code, status and words, in one table.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "http/response.h"

namespace userbin::http {

enum class ErrorCode {
  kAwaitingApproval,
  kBodyTooLarge,
  kCrossSite,
  kForbidden,
  kInternal,
  kInvalidCredentials,
  kInvalidInvitation,
  kInvalidUsername,
  kInvitationRequired,
  kLastAdmin,
  kMalformedBody,
  kMethodNotAllowed,
  kMissingField,
  kNoSuchInvitation,
  kNoSuchSession,
  kNoSuchUser,
  kNotDeleted,
  kNotFound,
  kNotKept,
  kNotSignedIn,
  kOverloaded,
  kRegistrationClosed,
  kStoreUnavailable,
  kTooManyAttempts,
  kUnsupportedMediaType,
  kUserListFull,
  kUsernameTaken,
  kWeakPassword,
  kWrongPassword,
};

/// What goes with a code in one answer.
struct ErrorDetails {
  /// Field name to a sentence about it.
  std::map<std::string, std::string> fields;
  /// Goes to Response::error_reason.
  std::string reason;
  std::optional<std::chrono::seconds> retry_after;
  /// For kMethodNotAllowed: "GET, HEAD".
  std::string allow;
};

/// The stable code: "username_taken".
std::string_view name_of(ErrorCode code);

/// The code with this name, if there is one.
std::optional<ErrorCode> error_code_of(std::string_view name);

/// The one place where an error becomes a status and a body.
Response error_response(ErrorCode code, const ErrorDetails& details = {});

/// Thrown by what reads a request when it cannot be used; what() says why, for the log.
class RequestRefused : public std::runtime_error {
 public:
  RequestRefused(ErrorCode code, const std::string& why, ErrorDetails details = {})
      : std::runtime_error(why), code_(code), details_(std::move(details)) {}
  ErrorCode code() const { return code_; }
  const ErrorDetails& details() const { return details_; }

 private:
  ErrorCode code_;
  ErrorDetails details_;
};

}  // namespace userbin::http
