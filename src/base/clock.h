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

/// "2026-11-23T17:30:00.123456Z" (RFC 3339, section 5.6; always UTC, always six decimals).
std::string format_rfc3339(WallTime time);

/// Reads any RFC 3339 date-time, offsets included; digits beyond the microsecond are dropped.
/// nullopt if `text` is not one.
std::optional<WallTime> parse_rfc3339(std::string_view text);

}  // namespace userbin::base
