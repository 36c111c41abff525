#pragma once

#include <string>

#include "base/secret.h"

namespace userbin::app {

/// A line from standard input, without its end. At a terminal `prompt` is shown and nothing echoed;
/// a signal that ends the program brings the echo back first. Throws std::runtime_error if there is
/// no line.
base::SecretString read_password(const std::string& prompt);

/// The same for a password that is to be given to a user: at a terminal it is asked for twice.
/// Throws std::runtime_error, also if the two differ.
base::SecretString read_new_password(const std::string& prompt);

}  // namespace userbin::app
