// A process's name for others on its machine, who can tell from it that it has ended.
#pragma once

#include <string>
#include <string_view>

namespace userbin::base {

/// This process's: no other has or will have the same, on whichever machine.
std::string process_name();

/// Whether the process of this name has ended for sure. False for one of another machine, of before
/// a restart of this one, or of another PID namespace (pid_namespaces(7)), of which nothing can be
/// known here; and for what is no such name.
bool has_ended(std::string_view process_name);

}  // namespace userbin::base
