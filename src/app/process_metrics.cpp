#include <chrono>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

#include "app/metric_family.h"
#include "app/metrics.h"

namespace userbin::app {

namespace {

/// Of /proc/self/stat (proc(5)).
struct ProcessStat {
  double cpu_ticks = 0;
  double start_ticks = 0;
  double virtual_bytes = 0;
  double resident_pages = 0;
};

std::optional<ProcessStat> read_stat() {
  std::ifstream file("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  // The second field is the program's name in parentheses, and may have blanks.
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream rest(text.substr(name_end + 1));
  std::string skipped;
  const auto skip = [&](int count) {
    while (count-- > 0) rest >> skipped;
  };
  double user = 0, system = 0;
  ProcessStat stat;
  skip(11);
  rest >> user >> system;
  skip(6);
  rest >> stat.start_ticks >> stat.virtual_bytes >> stat.resident_pages;
  stat.cpu_ticks = user + system;
  return rest ? std::optional(stat) : std::nullopt;
}

double ticks_per_second() {
  return static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::optional<double> count_descriptors() {
  std::error_code failure;
  std::filesystem::directory_iterator entries("/proc/self/fd", failure);
  if (failure) return std::nullopt;
  double count = -1;  // the one that reads the folder
  while (entries != std::filesystem::directory_iterator()) {
    ++count;
    entries.increment(failure);
    if (failure) return std::nullopt;
  }
  return count;
}

}  // namespace

double process_start_time(double now) {
  timespec since_boot{};
  ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
  const auto stat = read_stat();
  if (!stat) return now;
  const double uptime =
      static_cast<double>(since_boot.tv_sec) + static_cast<double>(since_boot.tv_nsec) / 1e9;
  return now - (uptime - stat->start_ticks / ticks_per_second());
}

std::vector<prometheus::MetricFamily> process_metrics(double started_at) {
  std::vector<prometheus::MetricFamily> families;
  if (const auto stat = read_stat()) {
    families.push_back(counter("process_cpu_seconds_total", "User and system CPU time.")
                           .add(stat->cpu_ticks / ticks_per_second())
                           .take());
    families.push_back(gauge("process_resident_memory_bytes", "Resident memory.")
                           .add(stat->resident_pages * static_cast<double>(::getpagesize()))
                           .take());
    families.push_back(
        gauge("process_virtual_memory_bytes", "Virtual memory.").add(stat->virtual_bytes).take());
  }
  if (const auto count = count_descriptors()) {
    families.push_back(
        gauge("process_open_fds", "File descriptors that are open.").add(*count).take());
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    families.push_back(gauge("process_max_fds", "File descriptors that may be open.")
                           .add(static_cast<double>(limit.rlim_cur))
                           .take());
  }
  families.push_back(
      gauge("process_start_time_seconds", "When the process started, in seconds since 1970.")
          .add(started_at)
          .take());
  return families;
}

}  // namespace userbin::app
