// What 'userbin top' shows of two looks at a worker.
#pragma once

#include <string>
#include <vector>

#include "app/figures.h"

namespace userbin::app {

/// What happened between two looks; without an earlier one, or if the worker was started anew
/// meanwhile, since its start.
class Interval {
 public:
  /// Both outlive this. `now_time` is the time of `now`, in seconds since 1970, by the clock of
  /// `process_start_time_seconds`; `seconds` went by since `before`.
  Interval(const Figures& now, const Figures* before, double seconds, double now_time);

  const Figures& now() const { return now_; }
  const Figures& before() const { return before_; }
  double seconds() const { return seconds_; }
  double now_time() const { return now_time_; }
  bool is_since_start() const { return is_since_start_; }
  /// In seconds.
  double uptime() const;
  /// A second.
  double rate(const std::string& name, const Figures::Labels& labels = {}) const;

 private:
  const Figures& now_;
  const Figures& before_;
  double seconds_;
  const double now_time_;
  bool is_since_start_ = false;
};

/// Lines for a terminal: what goes on first, then a line for each route, the busiest first.
std::vector<std::string> top_lines(const Interval& interval);

/// "0.3", "12.5", "830".
std::string rate_text(double per_second);
/// "0.08 ms", "12 ms", "2.5 s".
std::string time_text(double seconds);
/// "3 h 12 min", "45 s".
std::string age_text(double seconds);
/// "9.8 MiB".
std::string size_text(double bytes);

}  // namespace userbin::app
