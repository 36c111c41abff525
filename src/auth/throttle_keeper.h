#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "auth/throttle.h"
#include "store/change_watch.h"
#include "store/throttle_store.h"

namespace userbin::auth {

/// The secret of this store for Throttle; drawn if it has none. Throws base::StoreUnavailable.
std::string name_key_of(store::ThrottleStore& store);

/// Keeps in the store what a throttle counts, so that it survives a restart, and tells it what
/// other programs on the store have counted, and whom the owner has lifted. A thread of its own
/// does both every second, in batches, so that no login waits for that: a crash loses as much, and
/// in that second programs don't know of each other's counts. Of what two have counted for the same
/// key, the larger is believed.
class ThrottleKeeper {
 public:
  /// Reads what was kept. All outlive this. Throws base::StoreUnavailable.
  ThrottleKeeper(Throttle& throttle, store::ThrottleStore& store, store::ChangeWatch& changes);
  /// stop().
  ~ThrottleKeeper() { stop(); }

  void start();
  /// Ends the thread and writes what is left; a failure is logged. Idempotent.
  void stop();

  /// What the thread does every second, if the store has changed: takes in what others have
  /// counted; whom the owner has lifted is held off no longer. Throws base::StoreUnavailable.
  void look();
  /// What it does then, any thread: writes what has changed. What could not be written is written
  /// the next time; that is logged.
  void flush() noexcept;

 private:
  void put_back(const ThrottleTable::Changes& changes) noexcept;
  void run();

  Throttle& throttle_;
  store::ThrottleStore& store_;
  store::ChangeWatch& changes_;
  /// Tells what this program has saved from what others have.
  const std::string own_name_;

  // Of the thread that looks:
  std::uint64_t seen_version_ = 0;
  std::int64_t seen_stamp_ = 0;
  std::vector<store::ThrottleLift> seen_lifts_;

  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;  // guarded by mutex_

  std::thread thread_;
};

}  // namespace userbin::auth
