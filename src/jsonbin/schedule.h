// When the synchronisation may send its next request. Plain values and pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

#include "base/clock.h"
#include "jsonbin/client.h"

namespace userbin::jsonbin {

/// Waits that double, up to an end, with jitter, so that servers that failed together don't come
/// back together. Not synchronised.
class BackOff {
 public:
  struct Range {
    std::chrono::milliseconds first;
    std::chrono::milliseconds longest;
  };

  explicit BackOff(std::uint64_t seed) : random_(seed) {}

  /// How long to wait after one more failure: half to all of a time that doubles at each.
  std::chrono::milliseconds after_failure(Range range);
  void reset() { failures_ = 0; }

 private:
  std::mt19937_64 random_;
  int failures_ = 0;
};

/// How long it makes sense to leave the service alone after an error: seconds where it will pass,
/// minutes to an hour where a person has to mend something, hours when the requests are used up.
BackOff::Range back_off_for(ErrorKind kind);
/// The same while a bin holds what is no user list.
inline constexpr BackOff::Range kSuspiciousBackOff{std::chrono::minutes{1},
                                                   std::chrono::minutes{30}};

/// A number of requests that must do for a day.
///
/// Counted by hours, so that it holds in any 24 hours. A quarter of it may be spent in one go;
/// from then on rounds of requests keep the distance that makes the rest last.
class Budget {
 public:
  /// 0: no limit.
  explicit Budget(std::int64_t requests_per_day) : per_day_(requests_per_day) {}

  static std::int64_t hour_of(base::WallTime time);
  /// Requests from this hour on count.
  static std::int64_t first_hour(base::WallTime now) { return hour_of(now) - 24; }

  bool has_limit() const { return per_day_ > 0; }
  /// Whether one more request may be sent when `used` count.
  bool allows(std::int64_t used) const { return per_day_ == 0 || used < per_day_; }
  /// How long after one round of requests the next may begin.
  std::chrono::milliseconds distance(std::int64_t used) const;

 private:
  const std::int64_t per_day_;
};

}  // namespace userbin::jsonbin
