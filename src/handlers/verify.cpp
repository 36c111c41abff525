#include "handlers/common.h"
#include "handlers/handlers.h"
#include "http/error.h"

namespace userbin::handlers {

namespace {

/// What a protected place may ask: nothing but a session, or a role. What is not understood is not
/// met.
bool meets(const std::string& requirement, const store::User& user) {
  constexpr std::string_view kRole = "role:";
  if (requirement.empty()) return true;
  return requirement.starts_with(kRole) && requirement.substr(kRole.size()) == user.role();
}

std::string text_of(const store::User& user, const char* member) {
  const Json::Value& value = user.record()[member];
  return value.isString() ? value.asString() : "";
}

}  // namespace

base::Task<http::Response> verify(const Services& services, const http::Request& request) {
  const auto principal = principal_of(services, request);
  if (!principal) co_return login_required(services, request);
  const store::User& user = principal->user;
  if (!meets(request.require, user)) {
    co_return http::error_response(http::ErrorCode::kForbidden);
  }
  http::Response response;
  response.headers = {{"Remote-User", user.username()},
                      {"Remote-Groups", user.role()},
                      {"Remote-Name", text_of(user, "name")},
                      {"Remote-Email", text_of(user, "email")}};
  co_return response;
}

}  // namespace userbin::handlers
