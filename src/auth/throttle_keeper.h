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

/// Keeps in the store what a throttle counts, so that it survives a restart, and tells it whom
/// another program has lifted. A thread of its own writes what has changed every few seconds, in
/// one batch, so that no login waits for that: a crash loses as much. Several programs on one store
/// count each for itself, and the last that wrote an entry is believed after a restart.
class ThrottleKeeper {
 public:
  /// Reads what was kept. All outlive this. Throws base::StoreUnavailable.
  ThrottleKeeper(Throttle& throttle, store::ThrottleStore& store, store::ChangeWatch& changes);
  /// stop().
  ~ThrottleKeeper() { stop(); }

  void start();
  /// Ends the thread and writes what is left; a failure is logged. Idempotent.
  void stop();

  /// What the thread does every second: whom others have lifted is held off no longer. Throws
  /// base::StoreUnavailable.
  void look_for_lifts();
  /// What it does every few seconds, any thread: writes what has changed. What could not be written
  /// is written the next time; that is logged.
  void flush();

 private:
  void run();

  Throttle& throttle_;
  store::ThrottleStore& store_;
  store::ChangeWatch& changes_;

  // Of the thread that looks for lifts:
  std::uint64_t seen_version_ = 0;
  std::vector<store::ThrottleLift> seen_lifts_;

  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;  // guarded by mutex_

  std::thread thread_;
};

}  // namespace userbin::auth
