#include "base/process_name.h"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <unistd.h>

namespace userbin::base {

namespace {

/// Where process ids mean what they mean here: this boot of this machine, this namespace.
std::string place() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  std::error_code error;
  const auto space = std::filesystem::read_symlink("/proc/self/ns/pid", error);
  return boot + ' ' + space.string();
}

/// When a process began, in ticks since the boot; empty if that cannot be read (proc(5), "stat").
std::string beginning_of(pid_t pid) {
  constexpr int kFieldsBetween = 19;  // of the fields behind the program's name it is the 20th
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const auto behind_name = text.rfind(')');
  if (behind_name == std::string::npos) return "";
  std::istringstream fields(text.substr(behind_name + 1));
  std::string field;
  for (int i = 0; i <= kFieldsBetween; ++i) fields >> field;
  return field;
}

/// "PLACE PID BEGINNING", taken apart.
struct Parts {
  std::string_view place;
  pid_t pid = 0;
  std::string_view beginning;
};

std::optional<Parts> parts_of(std::string_view name) {
  const auto last = name.rfind(' ');
  if (last == name.npos || last == 0) return std::nullopt;
  const auto middle = name.rfind(' ', last - 1);
  if (middle == name.npos) return std::nullopt;
  Parts parts{.place = name.substr(0, middle), .beginning = name.substr(last + 1)};
  const auto read = std::from_chars(name.data() + middle + 1, name.data() + last, parts.pid);
  if (read.ec != std::errc() || read.ptr != name.data() + last || parts.pid <= 0) {
    return std::nullopt;
  }
  return parts;
}

}  // namespace

std::string process_name() {
  return place() + ' ' + std::to_string(::getpid()) + ' ' + beginning_of(::getpid());
}

bool has_ended(std::string_view process_name) {
  const auto parts = parts_of(process_name);
  if (!parts || parts->beginning.empty() || parts->place != place()) return false;
  if (::kill(parts->pid, 0) != 0 && errno == ESRCH) return true;
  // Its number may be another one's by now.
  const std::string beginning = beginning_of(parts->pid);
  return !beginning.empty() && beginning != parts->beginning;
}

}  // namespace userbin::base
