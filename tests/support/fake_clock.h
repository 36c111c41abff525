#pragma once

#include <chrono>
#include <mutex>

#include "base/clock.h"

namespace userbin::test {

/// Stands still until it is told otherwise; may be set back. Any thread may call.
class FakeClock final : public base::Clock {
 public:
  /// 2026-11-23T17:30:00Z, unless told otherwise.
  FakeClock() : FakeClock(base::WallTime(std::chrono::seconds{1'795'455'000})) {}
  explicit FakeClock(base::WallTime start) : now_(start) {}

  base::WallTime now() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }

  void advance(std::chrono::microseconds by) {
    const std::lock_guard lock(mutex_);
    now_ += by;
  }

 private:
  mutable std::mutex mutex_;
  base::WallTime now_;  // guarded by mutex_
};

}  // namespace userbin::test
