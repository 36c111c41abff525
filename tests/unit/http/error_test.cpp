#include "http/error.h"

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>

#include <json/reader.h>

#include "support/catch.h"

using namespace std::chrono_literals;
using namespace userbin::http;

namespace {

Json::Value parsed(const std::string& text) {
  const std::unique_ptr<Json::CharReader> reader(Json::CharReaderBuilder().newCharReader());
  Json::Value value;
  REQUIRE(reader->parse(text.data(), text.data() + text.size(), &value, nullptr));
  return value;
}

std::map<std::string, std::string> headers_of(const Response& response) {
  std::map<std::string, std::string> headers(response.headers.begin(), response.headers.end());
  REQUIRE(headers.size() == response.headers.size());
  return headers;
}

}  // namespace

TEST_CASE("each error has its status, code and sentence", "[error]") {
  const auto [code, status, name,
              sentence] = GENERATE(table<ErrorCode, int, std::string, std::string>({
      // The contract of the Flask recipe, to the letter.
      {ErrorCode::kUsernameTaken, 400, "username_taken", "Username already exists"},
      {ErrorCode::kInvalidCredentials, 401, "invalid_credentials", "Invalid credentials"},
      // Ours.
      {ErrorCode::kAwaitingApproval, 403, "awaiting_approval",
       "This account waits for approval; log in once it is given"},
      {ErrorCode::kInvalidInvitation, 403, "invalid_invitation",
       "This invitation was used, has expired or was revoked; ask for another one"},
      {ErrorCode::kInvitationRequired, 403, "invitation_required",
       "Who registers here needs an invitation; ask the people who run this site for one"},
      {ErrorCode::kNoSuchInvitation, 404, "no_such_invitation", "There is no such invitation"},
      {ErrorCode::kBodyTooLarge, 413, "body_too_large", "The request is too large"},
      {ErrorCode::kCrossSite, 403, "cross_site", "The request came from another site"},
      {ErrorCode::kForbidden, 403, "forbidden", "You may not do this"},
      {ErrorCode::kInternal, 500, "internal", "Something went wrong on our side"},
      {ErrorCode::kInvalidUsername, 400, "invalid_username", "This username cannot be used"},
      {ErrorCode::kMalformedBody, 400, "malformed_body", "The request could not be understood"},
      {ErrorCode::kMethodNotAllowed, 405, "method_not_allowed", "This method is not allowed here"},
      {ErrorCode::kMissingField, 400, "missing_field", "A required field is missing"},
      {ErrorCode::kNoSuchSession, 404, "no_such_session", "There is no such session"},
      {ErrorCode::kNotFound, 404, "not_found", "There is nothing here"},
      {ErrorCode::kNotSignedIn, 401, "not_signed_in", "You are not logged in"},
      {ErrorCode::kOverloaded, 503, "overloaded", "Too much is going on, please try again soon"},
      {ErrorCode::kRegistrationClosed, 403, "registration_closed", "Registration is closed"},
      {ErrorCode::kStoreUnavailable, 503, "store_unavailable",
       "The user list cannot be reached now, please try again soon"},
      {ErrorCode::kTooManyAttempts, 429, "too_many_attempts",
       "Too many attempts, please wait before you try again"},
      {ErrorCode::kUnsupportedMediaType, 415, "unsupported_media_type",
       "Send application/json or application/x-www-form-urlencoded"},
      {ErrorCode::kUserListFull, 507, "user_list_full", "The user list is full"},
      {ErrorCode::kWeakPassword, 400, "weak_password", "This password is too easy to guess"},
  }));
  CAPTURE(name);
  const Response response = error_response(code);
  const Json::Value body = parsed(response.body);
  CHECK(response.status == status);
  CHECK(response.error_code == name);
  CHECK(body["code"].asString() == name);
  CHECK(body["error"].asString() == sentence);
  CHECK(body.size() == 2);
}

TEST_CASE("each code is found by its name, and no two share one", "[error]") {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(ErrorCode::kWeakPassword); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    CAPTURE(i);
    CHECK(error_code_of(name_of(code)) == code);
    names.insert(name_of(code));
  }
  CHECK(names.size() == static_cast<std::size_t>(ErrorCode::kWeakPassword) + 1);
}

TEST_CASE("a name that is no code's is none", "[error]") {
  const auto name = GENERATE(values<std::string>(
      {"", "Username_Taken", "username", "username_taken ", "kUsernameTaken", "400"}));
  CHECK(error_code_of(name) == std::nullopt);
}

TEST_CASE("the fields at fault stand in the answer, each with its sentence", "[error]") {
  const Response response =
      error_response(ErrorCode::kMissingField,
                     {.fields = {{"username", "Say who"}, {"pass\"word", "Say \xC3\xBC"}}});
  const Json::Value fields = parsed(response.body)["fields"];
  CHECK(fields.size() == 2);
  CHECK(fields["username"].asString() == "Say who");
  CHECK(fields["pass\"word"].asString() == "Say \xC3\xBC");
}

TEST_CASE("an error's reason is for the form's page only", "[error]") {
  const Response response =
      error_response(ErrorCode::kWeakPassword, {.reason = "contains_username"});
  CHECK(response.error_reason == "contains_username");
  CHECK(response.body.find("contains_username") == std::string::npos);
}

TEST_CASE("an error says what a client can do, in headers", "[error]") {
  CHECK(headers_of(error_response(ErrorCode::kOverloaded, {.retry_after = 2min}))["Retry-After"] ==
        "120");
  CHECK(headers_of(error_response(ErrorCode::kMethodNotAllowed, {.allow = "GET, HEAD"}))["Allow"] ==
        "GET, HEAD");
}

TEST_CASE("an error without details has the body's type as its only header", "[error]") {
  CHECK(headers_of(error_response(ErrorCode::kOverloaded)) ==
        std::map<std::string, std::string>{{"Content-Type", "application/json; charset=utf-8"}});
}

TEST_CASE("a 401 names a scheme, as RFC 9110 wants it, and nothing else does", "[error]") {
  for (int i = 0; i <= static_cast<int>(ErrorCode::kWeakPassword); ++i) {
    const Response response = error_response(static_cast<ErrorCode>(i));
    CAPTURE(response.error_code);
    CHECK(headers_of(response).count("WWW-Authenticate") == (response.status == 401 ? 1U : 0U));
  }
}

TEST_CASE("a refusal carries its code and details, and says why for the log", "[error]") {
  const RequestRefused refused(ErrorCode::kMissingField, "no name", {.fields = {{"name", "Say"}}});
  CHECK(refused.code() == ErrorCode::kMissingField);
  CHECK(refused.what() == std::string("no name"));
  CHECK(refused.details().fields.at("name") == "Say");
}
