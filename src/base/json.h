#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <json/value.h>

namespace userbin::base {

/// `value` on one line without white space, members sorted, UTF-8 as it is: one text for one value.
std::string to_json(const Json::Value& value);

/// Reads what to_json() wrote. nullopt if `text` is not JSON.
std::optional<Json::Value> from_json(std::string_view text);

}  // namespace userbin::base
