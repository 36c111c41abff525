#pragma once

#include <string>

#include "base/secret.h"

namespace userbin::app {

/// A line from standard input, without its end. At a terminal `prompt` is shown and nothing echoed.
/// Throws std::runtime_error if there is no line.
base::SecretString read_password(const std::string& prompt);

}  // namespace userbin::app
