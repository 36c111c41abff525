#include "handlers/authorizer.h"

#include <algorithm>

#include "base/text.h"

namespace userbin::handlers {

namespace {

/// "Remote-User" as "Variable-REMOTE_USER".
std::string variable_field(const std::string& name) {
  std::string variable;
  std::transform(name.begin(), name.end(), std::back_inserter(variable), [](char c) {
    return c == '-' ? '_' : 'a' <= c && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return "Variable-" + variable;
}

/// Whether a browser asks for a page that it would show.
bool is_asked_by_person(const http::Request& request) {
  return (request.method == "GET" || request.method == "HEAD") &&
         base::to_lower_ascii(request.accept).find("text/html") != std::string::npos;
}

}  // namespace

http::Response authorizer_response(const http::Request& request, const http::Response& verified) {
  http::Response response;
  if (verified.status == 200) {
    for (const auto& [name, value] : verified.headers) {
      response.headers.emplace_back(variable_field(name), value);
    }
    return response;
  }
  response = verified;
  const auto location = std::find_if(response.headers.begin(), response.headers.end(),
                                     [](const auto& field) { return field.first == "Location"; });
  if (location == response.headers.end()) return response;
  if (is_asked_by_person(request)) {
    response = http::see_other_response(location->second);
    response.error_code = verified.error_code;
    return response;
  }
  response.headers.erase(location);
  return response;
}

}  // namespace userbin::handlers
