#include "http/response.h"

#include "base/json.h"

namespace userbin::http {

std::string to_json(const Json::Value& value) {
  return base::to_json(value);
}

Response json_response(int status, const Json::Value& value) {
  Response response;
  response.status = status;
  response.headers.emplace_back("Content-Type", "application/json; charset=utf-8");
  response.body = to_json(value) + "\n";
  return response;
}

Response message_response(const std::string& message) {
  Json::Value value;
  value["message"] = message;
  return json_response(200, value);
}

Response see_other_response(const std::string& location) {
  Response response;
  response.status = 303;
  response.headers.emplace_back("Location", location);
  return response;
}

}  // namespace userbin::http
