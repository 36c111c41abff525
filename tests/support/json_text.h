#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>

#include "base/json.h"

namespace userbin::test {

/// JSON as it is easily written in a test: with ' for ". Throws std::invalid_argument.
inline Json::Value json(std::string text) {
  std::replace(text.begin(), text.end(), '\'', '"');
  const auto value = base::from_json(text);
  if (!value) throw std::invalid_argument("not JSON: " + text);
  return *value;
}

}  // namespace userbin::test
