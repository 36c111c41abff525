// What is not settled about the real service, and what a test wants of it all the time.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

#include <json/value.h>

namespace userbin::emulator {

struct Switches {
  /// Each guess of JSONBIN.md has one, with what is likelier as its default.
  enum class PlainGet { kFirst, kLatest };
  enum class RetryAfter { kNone, kSeconds, kDate };

  /// A longer record is refused. The free plan's "100kb" is 100,000 or 102,400 bytes, the Pro
  /// plan's is 1 MB. nginx takes 16 MiB at most.
  std::uint64_t record_limit_bytes = 100'000;
  bool accepts_empty_array = false;
  /// What GET /b/ID gives once a bin has versions.
  PlainGet plain_get = PlainGet::kFirst;
  /// What a 429 says of it.
  RetryAfter retry_after = RetryAfter::kNone;
  std::uint64_t retry_after_seconds = 1;
  /// Requests with a default agent, or none, are refused by the guard in front of the service.
  bool bot_rule = false;
  /// Of every request: half of it before the bin is touched, half after.
  std::uint64_t latency_ms = 0;
  /// What is left of the plan's requests; none: they never end.
  std::optional<std::uint64_t> requests_left;
};

/// Under the members' own names; the enumerations are "first" or "latest", and "none", "seconds" or
/// "date".
Json::Value to_json(const Switches& switches);

/// Sets what `changes`, an object, names. Throws BadInput, and sets nothing, if it has a mistake.
void apply(Switches& switches, const Json::Value& changes);

/// Switches that are set while requests are answered. Any thread may call.
class SharedSwitches {
 public:
  explicit SharedSwitches(const Switches& switches) : switches_(switches) {}

  Switches get() const;
  /// As apply(); what they are then.
  Switches change(const Json::Value& changes);
  /// Takes one off requests_left. False if none was left.
  bool charge();

 private:
  mutable std::mutex mutex_;
  Switches switches_;  // guarded by mutex_
};

}  // namespace userbin::emulator
