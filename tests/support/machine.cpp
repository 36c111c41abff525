#include "support/machine.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/resource.h>
#include <unistd.h>

#include "support/process.h"

namespace userbin::test {

std::size_t descriptors_left() {
  constexpr std::size_t kKeptBack = 200;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  const std::size_t taken = open_descriptors(getpid()) + kKeptBack;
  return limit.rlim_max > taken ? limit.rlim_max - taken : 0;
}

std::size_t open_descriptors(pid_t pid) {
  using Folder = std::filesystem::directory_iterator;
  return static_cast<std::size_t>(
      std::distance(Folder("/proc/" + std::to_string(pid) + "/fd"), Folder()));
}

std::size_t memory_kib(pid_t pid, const std::string& name) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":")) return std::stoul(line.substr(name.size() + 1));
  }
  return 0;
}

bool can_trace() {
  return run_command({"strace", "-D", "-f", "-o", "/dev/null", "true"}).status == 0;
}

std::vector<std::string> strace_injecting(const std::string& what) {
  const std::string call = what.substr(0, what.find(':'));
  return {"strace", "-D", "-f", "-o", "/dev/null", "-e", "trace=" + call, "-e", "inject=" + what};
}

}  // namespace userbin::test
