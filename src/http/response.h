// An answer. Plain data.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <json/value.h>

namespace userbin::http {

struct Response {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  /// Where a browser goes that sent a form, if this is a success: a path or URL for a 303.
  std::string see_other;
  /// The error's stable code, for the log; empty on success.
  std::string error_code;
  /// A short stable word that says more than the code ("contains_username"), for the form's page.
  std::string error_reason;
};

/// `value` in compact JSON, with a newline at its end, UTF-8 as it is.
Response json_response(int status, const Json::Value& value);

/// 200 and {"message": "..."}.
Response message_response(const std::string& message);

/// 303 See Other, without a body.
Response see_other_response(const std::string& location);

/// `value` in compact JSON without a newline at its end.
std::string to_json(const Json::Value& value);

}  // namespace userbin::http
