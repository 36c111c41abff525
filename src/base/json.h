#pragma once

#include <string>

#include <json/value.h>

namespace userbin::base {

/// `value` on one line without white space, members sorted, UTF-8 as it is: one text for one value.
std::string to_json(const Json::Value& value);

}  // namespace userbin::base
