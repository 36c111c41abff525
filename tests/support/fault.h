#pragma once

#include <exception>
#include <mutex>
#include <utility>

#include "base/failure.h"

namespace userbin::test {

/// A switch that makes the calls of a fake throw. Any thread may call.
class Fault {
 public:
  enum class Hits { kNothing, kChanges, kEverything };

  /// From now on what is hit throws `failure`.
  void set(Hits hits, std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    hits_ = hits;
    failure_ = std::move(failure);
  }
  /// The failure that a store has of itself: base::StoreUnavailable.
  void set(Hits hits) {
    set(hits, std::make_exception_ptr(base::StoreUnavailable("store fake: switched off")));
  }
  /// Whether it has made a call throw.
  bool has_struck() const {
    const std::lock_guard lock(mutex_);
    return has_struck_;
  }
  void clear() { set(Hits::kNothing, nullptr); }

  /// What a fake calls first when it is read.
  void on_read() const { on_call(false); }
  /// What a fake calls first when it is changed.
  void on_change() const { on_call(true); }

 private:
  void on_call(bool is_change) const {
    const std::lock_guard lock(mutex_);
    if (hits_ == Hits::kEverything || (hits_ == Hits::kChanges && is_change)) {
      has_struck_ = true;
      std::rethrow_exception(failure_);
    }
  }

  mutable std::mutex mutex_;
  // Guarded by mutex_:
  Hits hits_ = Hits::kNothing;
  mutable bool has_struck_ = false;
  std::exception_ptr failure_;
};

}  // namespace userbin::test
