#include "http/body.h"

#include <optional>

#include "base/json.h"
#include "base/text.h"
#include "http/error.h"

namespace userbin::http {

namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kForm = "application/x-www-form-urlencoded";

[[noreturn]] void refuse_body(const std::string& why) {
  throw RequestRefused(ErrorCode::kMalformedBody, why);
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

struct MediaType {
  std::string essence;
  bool is_utf8 = true;
};

/// RFC 9110, section 8.3.1; of the parameters only charset matters here.
MediaType parse_media_type(std::string_view text) {
  MediaType type;
  const auto semicolon = text.find(';');
  type.essence = base::to_lower_ascii(trim(text.substr(0, semicolon)));
  while (semicolon != std::string_view::npos && !text.empty()) {
    const auto next = text.find(';');
    const std::string parameter = base::to_lower_ascii(trim(text.substr(0, next)));
    if (parameter.starts_with("charset=")) {
      type.is_utf8 = parameter == "charset=utf-8" || parameter == "charset=\"utf-8\"";
    }
    text = next == std::string_view::npos ? std::string_view() : text.substr(next + 1);
  }
  return type;
}

/// The UTF-16 unit of the \uXXXX at the front of `text`; 0 also if there is none.
unsigned escaped_unit(std::string_view text) {
  if (!text.starts_with("\\u")) return 0;
  const auto bytes = base::from_hex(text.substr(2, 4));
  if (!bytes || bytes->size() != 2) return 0;
  const auto byte = [&](std::size_t i) -> unsigned {
    return static_cast<unsigned char>((*bytes)[i]);
  };
  return byte(0) << 8 | byte(1);
}

bool is_high_surrogate(unsigned unit) {
  return unit >= 0xD800 && unit <= 0xDBFF;
}

bool is_low_surrogate(unsigned unit) {
  return unit >= 0xDC00 && unit <= 0xDFFF;
}

/// What jsoncpp lets pass and RFC 8259 does not: control characters and halves of surrogate pairs
/// in strings; comments, and a NUL (the end to jsoncpp) with anything behind it, outside of them.
void refuse_what_jsoncpp_lets_pass(std::string_view text) {
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_control = static_cast<unsigned char>(c) < 0x20;
    if (c == '"') {
      in_string = !in_string;
    } else if (!in_string) {
      if (c == '/') refuse_body("comment in JSON");
      if (is_control && c != '\t' && c != '\n' && c != '\r') {
        refuse_body("control character in JSON");
      }
    } else if (is_control) {
      refuse_body("unescaped control character in JSON");
    } else if (c == '\\') {
      const unsigned unit = escaped_unit(text.substr(i));
      const bool is_pair =
          is_high_surrogate(unit) && is_low_surrogate(escaped_unit(text.substr(i + 6)));
      if (!is_pair && (is_high_surrogate(unit) || is_low_surrogate(unit))) {
        refuse_body("lone surrogate in JSON");
      }
      i += is_pair ? 11 : 1;
    }
  }
}

std::string decode_form_part(std::string part) {
  for (char& c : part) {
    if (c == '+') c = ' ';
  }
  auto decoded = base::percent_decode(part);
  if (!decoded) refuse_body("broken percent-encoding in a form");
  if (!base::is_utf8(*decoded)) refuse_body("invalid UTF-8 in a form");
  return *std::move(decoded);
}

Fields fields_of(const std::map<std::string, std::string>& form) {
  Json::Value values(Json::objectValue);
  for (const auto& [name, value] : form) values[name] = value;
  return Fields(std::move(values));
}

}  // namespace

std::optional<std::string> Fields::text(const std::string& name) const {
  const Json::Value* value = values_.find(name.data(), name.data() + name.size());
  if (value == nullptr || value->isNull()) return std::nullopt;
  if (!value->isString()) {
    throw RequestRefused(ErrorCode::kMalformedBody, "field " + name + " is not a string",
                         {.fields = {{name, "This must be a text"}}});
  }
  std::string text = value->asString();
  if (!base::is_utf8(text)) refuse_body("lone surrogate in field " + name);
  return text;
}

std::optional<std::string> Fields::text_if_any(const std::string& name) const {
  const Json::Value* value = values_.find(name.data(), name.data() + name.size());
  return value != nullptr && value->isString() ? std::optional(value->asString()) : std::nullopt;
}

std::optional<int> Fields::whole_number(const std::string& name) const {
  constexpr int kLargest = 999'999'999;
  const Json::Value* value = values_.find(name.data(), name.data() + name.size());
  if (value != nullptr && value->isInt() && value->asInt() >= 0 && value->asInt() <= kLargest) {
    return value->asInt();
  }
  const auto text = value != nullptr && value->isString() ? text_if_any(name) : std::nullopt;
  if (value == nullptr || value->isNull() || text == "") return std::nullopt;
  if (!text || text->size() > 9 || text->find_first_not_of("0123456789") != std::string::npos) {
    throw RequestRefused(ErrorCode::kMalformedBody, "field " + name + " is no whole number",
                         {.fields = {{name, "This must be a whole number"}}});
  }
  return std::stoi(*text);
}

void Fields::require(std::initializer_list<const char*> names) const {
  ErrorDetails details;
  std::string missing;
  for (const char* name : names) {
    if (!text(name).value_or("").empty()) continue;
    details.fields[name] = "This field is required";
    missing += std::string(missing.empty() ? "" : ", ") + name;
  }
  if (!missing.empty()) {
    throw RequestRefused(ErrorCode::kMissingField, "missing: " + missing, details);
  }
}

std::optional<bool> Fields::yes_or_no(const std::string& name) const {
  const Json::Value* value = values_.find(name.data(), name.data() + name.size());
  if (value == nullptr || value->isNull()) return std::nullopt;
  if (value->isBool()) return value->asBool();
  if (flag(name)) return true;
  const std::string word = base::to_lower_ascii(*text(name));
  if (word == "0" || word == "off" || word == "false" || word == "no") return false;
  throw RequestRefused(ErrorCode::kMalformedBody, "field " + name + " is neither yes nor no",
                       {.fields = {{name, "This must be true or false"}}});
}

bool Fields::flag(const std::string& name) const {
  const Json::Value* value = values_.find(name.data(), name.data() + name.size());
  if (value != nullptr && value->isBool()) return value->asBool();
  const std::string word = base::to_lower_ascii(text(name).value_or(""));
  return word == "1" || word == "on" || word == "true" || word == "yes";
}

Json::Value decode_json_object(std::string_view text) {
  if (!base::is_utf8(text)) refuse_body("invalid UTF-8 in JSON");
  refuse_what_jsoncpp_lets_pass(text);
  std::string errors;
  std::optional<Json::Value> value = base::from_foreign_json(text, kMaxJsonDepth, &errors);
  if (!value) refuse_body("JSON: " + errors);
  if (!value->isObject()) refuse_body("JSON, but not an object");
  return *std::move(value);
}

std::map<std::string, std::string> decode_form(std::string_view text) {
  std::map<std::string, std::string> fields;
  while (!text.empty()) {
    const auto end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    std::string name = decode_form_part(std::string(pair.substr(0, equals)));
    std::string value;
    if (equals != std::string_view::npos) {
      value = decode_form_part(std::string(pair.substr(equals + 1)));
    }
    if (fields.size() == kMaxFormFields) refuse_body("too many form fields");
    if (!fields.emplace(std::move(name), std::move(value)).second) {
      refuse_body("a form field came twice");
    }
  }
  return fields;
}

Fields decode_body(const Request& request) {
  if (request.body_too_large) throw RequestRefused(ErrorCode::kBodyTooLarge, "body too large");
  if (request.body_cut_short) refuse_body("the body is not as long as announced");
  if (request.body.empty() && request.content_type.empty()) return {};
  const MediaType type = parse_media_type(request.content_type);
  if (type.is_utf8 && type.essence == kJson) {
    return Fields(decode_json_object(request.body));
  }
  if (type.is_utf8 && type.essence == kForm) {
    return fields_of(decode_form(request.body));
  }
  throw RequestRefused(ErrorCode::kUnsupportedMediaType,
                       "content type " + base::escape_for_log(request.content_type));
}

Fields decode_query(const Request& request) {
  return fields_of(decode_form(request.query));
}

bool is_json(const Request& request) {
  return parse_media_type(request.content_type).essence == kJson;
}

bool is_browser_form(const Request& request) {
  return parse_media_type(request.content_type).essence == kForm &&
         base::to_lower_ascii(request.accept).find("text/html") != std::string::npos;
}

}  // namespace userbin::http
