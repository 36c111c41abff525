// Time as the program sees it: an interface, so that a test decides what time it is.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace userbin::base {

/// Civil time, UTC, to the microsecond.
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;

/// Where "now" comes from. Any thread may call.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime now() const = 0;
};

class SystemClock final : public Clock {
 public:
  WallTime now() const override;
};

/// The times of another clock to the millisecond, with the server's own number in the three digits
/// behind: two servers never give the same time, so a stamp tells one change from all others.
class ServerClock final : public Clock {
 public:
  /// `clock` outlives this. `server` is 0 to 999.
  ServerClock(const Clock& clock, int server) : clock_(clock), server_(server) {}
  WallTime now() const override;

 private:
  const Clock& clock_;
  const std::chrono::microseconds server_;
};

/// A stamp for what is done at `now` after something that bears the stamp `last`: `now` if that is
/// later, else the next time after `last` with the digits of `now` below the millisecond (as a
/// hybrid logical clock does: Kulkarni et al., "Logical Physical Clocks", 2014).
WallTime stamp_after(WallTime last, WallTime now);

/// "2026-11-23T17:30:00.123456Z" (RFC 3339, section 5.6; always UTC, always six decimals).
std::string format_rfc3339(WallTime time);

/// Reads any RFC 3339 date-time, offsets included; digits beyond the microsecond are dropped.
/// nullopt if `text` is not one.
std::optional<WallTime> parse_rfc3339(std::string_view text);

}  // namespace userbin::base
