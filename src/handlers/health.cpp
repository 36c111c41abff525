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
  co_return status_response("ready");
}

}  // namespace userbin::handlers
