#pragma once

#include <string>
#include <vector>

namespace userbin::app {

struct ProgramResult {
  /// The exit status, or 128 + the signal that ended it.
  int status = 0;
  std::string output;
  std::string errors;
};

/// Runs a program to its end, without a shell and with nothing to read; its name is looked up in
/// PATH, and then in /usr/sbin. Throws std::runtime_error if there is none.
ProgramResult run_program(const std::vector<std::string>& command);

}  // namespace userbin::app
