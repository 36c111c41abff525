// Strict decoding of request bodies and queries. Pure functions over plain data.
#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <json/value.h>

#include "http/request.h"

namespace userbin::http {

/// Limits that no honest client meets.
inline constexpr std::size_t kMaxFormFields = 64;
inline constexpr int kMaxJsonDepth = 32;

/// The fields of a request, whichever way they were encoded.
class Fields {
 public:
  Fields() = default;
  /// `values` is a JSON object.
  explicit Fields(Json::Value values) : values_(std::move(values)) {}

  /// The text under `name`, or nullopt if there is none. Throws RequestRefused (malformed_body) if
  /// what is there is no text, or no valid UTF-8 once its escapes are undone.
  std::optional<std::string> text(const std::string& name) const;

  /// The text under `name`; nullopt also if what is there is no text. For what may be ignored.
  std::optional<std::string> text_if_any(const std::string& name) const;

  /// The whole number under `name`, in JSON also as a text; nullopt if there is none, or an empty
  /// text. Throws RequestRefused (malformed_body) if what is there is none from 0 to 999999999.
  std::optional<int> whole_number(const std::string& name) const;

  /// As text(), but throws RequestRefused (missing_field) naming each of `names` that is missing or
  /// empty, so that a client learns of all of them at once.
  void require(std::initializer_list<const char*> names) const;

  /// JSON true or false, or a word for it ("1", "on", "true", "yes", "0", "off", "false", "no");
  /// nullopt if there is none. Throws RequestRefused (malformed_body) if what is there is neither.
  std::optional<bool> yes_or_no(const std::string& name) const;

  /// JSON true, or what a ticked check box sends ("1", "on", "true", "yes"). Throws as text() does.
  bool flag(const std::string& name) const;

 private:
  Json::Value values_{Json::objectValue};
};

/// One JSON object and nothing after it: RFC 8259 (but for numbers, where jsoncpp takes "01" and
/// "1." too), valid UTF-8, no duplicate keys, no comments, at most kMaxJsonDepth levels. Throws
/// RequestRefused (malformed_body).
Json::Value decode_json_object(std::string_view text);

/// application/x-www-form-urlencoded (WHATWG URL, section 5.1), stricter: broken percent-encoding,
/// invalid UTF-8, a field that comes twice or more than kMaxFormFields are refused. Throws
/// RequestRefused (malformed_body).
std::map<std::string, std::string> decode_form(std::string_view text);

/// The fields of the body, by its Content-Type. A request without body and type has none. Throws
/// RequestRefused: body_too_large, unsupported_media_type, malformed_body.
Fields decode_body(const Request& request);

/// The fields of the query. Throws RequestRefused (malformed_body).
Fields decode_query(const Request& request);

/// Whether the body is JSON, by its Content-Type.
bool is_json(const Request& request);

/// Whether a browser sent a form and wants a page back: a form whose Accept lists text/html.
bool is_browser_form(const Request& request);

}  // namespace userbin::http
