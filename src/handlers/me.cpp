#include "handlers/common.h"
#include "handlers/handlers.h"
#include "http/error.h"

namespace userbin::handlers {

base::Task<http::Response> me(const Services& services, const http::Request& request) {
  const auto principal = principal_of(services, request);
  if (!principal) co_return http::error_response(http::ErrorCode::kNotSignedIn);
  Json::Value body;
  body["username"] = principal->user.username();
  body["role"] = principal->user.role();
  body["created_at"] = principal->user.created_at();
  co_return http::json_response(200, body);
}

}  // namespace userbin::handlers
