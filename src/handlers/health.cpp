#include "handlers/handlers.h"

namespace userbin::handlers {

namespace {

http::Response status_response(const char* status) {
  Json::Value body;
  body["status"] = status;
  return http::json_response(200, body);
}

}  // namespace

base::Task<http::Response> healthz(const Services&, const http::Request&) {
  co_return status_response("ok");
}

base::Task<http::Response> readyz(const Services& services, const http::Request&) {
  services.users.check();
  const auto problem = services.replica.problem();
  if (!problem) co_return status_response("ready");
  Json::Value body;
  if (problem->is_passing) {
    body["status"] = "ready";
    body["warning"] = problem->sentence;
    body["code"] = "bin_" + problem->word;
    co_return http::json_response(200, body);
  }
  body["error"] = problem->sentence;
  body["code"] = "bin_" + problem->word;
  http::Response response = http::json_response(503, body);
  response.error_code = body["code"].asString();
  co_return response;
}

}  // namespace userbin::handlers
