// Lists in files and pipes.
#pragma once

#include <string>

namespace userbin::app {

/// How the command line names standard input and output.
inline constexpr const char* kStandard = "-";

/// Everything in a file, or on standard input. Throws Failed.
std::string read_text(const std::string& path);

enum class IfExists { kReplace, kFail };

/// Writes a file for this user's eyes only, whole or not at all, or to standard output. Throws
/// Failed, also if there is such a file and there must not be.
void write_text(const std::string& path, const std::string& text, IfExists if_exists);

}  // namespace userbin::app
