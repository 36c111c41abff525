#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <json/value.h>

namespace userbin::base {

/// `value` on one line without white space, members sorted, UTF-8 as it is: one text for one value.
/// Throws std::bad_alloc.
std::string to_json(const Json::Value& value);

/// Reads what to_json() wrote. nullopt if `text` is not JSON. Throws std::bad_alloc.
std::optional<Json::Value> from_json(std::string_view text);

/// Reads what others wrote: an array or object of strict JSON, at most `max_depth` levels deep,
/// with no byte order mark. nullopt otherwise, with what is wrong in `errors`. jsoncpp takes a NUL
/// for the end, and any bytes in a string. Throws std::bad_alloc.
std::optional<Json::Value> from_foreign_json(std::string_view text, int max_depth,
                                             std::string* errors = nullptr);

}  // namespace userbin::base
