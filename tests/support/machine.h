#pragma once

#include <cstddef>
#include <string>
#include <sys/types.h>
#include <vector>

namespace userbin::test {

/// How many more descriptors this process may open, some kept back for other things. Raises its
/// soft limit to the hard one; programs started later inherit that.
std::size_t descriptors_left();

/// How many a process has open.
std::size_t open_descriptors(pid_t pid);

/// Whether a sanitizer is built in: it has memory of its own in each program, reserves terabytes,
/// ends the program when it gets none, and must be loaded first.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kIsSanitized = true;
#else
inline constexpr bool kIsSanitized = false;
#endif

/// What /proc/PID/status says under `name` ("VmRSS", "VmHWM"), in KiB; 0 if it is not there.
std::size_t memory_kib(pid_t pid, const std::string& name);

/// Whether strace can trace a program here, and so make its system calls fail or be its last.
bool can_trace();
/// What starts a program in which this happens at a system call: "pwrite64:signal=KILL:when=7".
std::vector<std::string> strace_injecting(const std::string& what);

}  // namespace userbin::test
