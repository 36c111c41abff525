#include "handlers/common.h"
#include "handlers/handlers.h"
#include "http/error.h"

namespace userbin::handlers {

using http::ErrorCode;

base::Task<http::Response> register_user(const Services& services, const http::Request& request) {
  const http::Fields fields = http::decode_body(request);
  fields.require({"username", "password"});
  const std::string target = requested_redirect(fields, request);
  const auto username = auth::Username::parse(*fields.text("username"));
  if (!username) {
    co_return http::error_response(
        ErrorCode::kInvalidUsername,
        {.fields = {{"username",
                     "Use 1 to 64 of A-Z a-z 0-9 . _ @ + -, starting with a letter or digit"}}});
  }
  auto checked = auth::check_password(base::SecretString(*fields.text("password")),
                                      username->text(), services.password_rules);
  if (const auto* flaw = std::get_if<auth::PasswordFlaw>(&checked)) {
    co_return http::error_response(
        ErrorCode::kWeakPassword,
        {.fields = {{"password", flaw->sentence}}, .reason = flaw->reason});
  }
  auth::Password password = std::get<auth::Password>(std::move(checked));
  auth::Throttle::Attempt attempt = services.throttle.try_registration(request.remote_address);
  if (auto refusal = refusal_of(attempt)) co_return *refusal;
  const auto result = co_await services.accounts.register_user(*username, std::move(password));
  if (result == auth::RegisterResult::kListFull) {
    co_return http::error_response(ErrorCode::kUserListFull);
  }
  attempt.keep();
  if (result == auth::RegisterResult::kNameTaken) {
    co_return http::error_response(ErrorCode::kUsernameTaken);
  }
  const bool is_everywhere = co_await services.replica.arrival(store::user_key(username->text()));
  http::Response response = changed_response("User registered successfully", is_everywhere);
  response.see_other =
      page_url(request, services.pages.login,
               {{"notice", "registered"}, {"username", username->text()}, {"rd", target}});
  co_return response;
}

}  // namespace userbin::handlers
