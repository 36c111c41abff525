// Work that may wait, announced to whoever runs the thread.
#pragma once

#include <mutex>

namespace userbin::base {

/// On threads where `listener` is set, before_blocking() calls it. A thread has one at most, set
/// from its own start to its end.
class BlockingListener {
 public:
  virtual ~BlockingListener() = default;
  virtual void on_blocking() = 0;
};

namespace detail {
inline thread_local BlockingListener* blocking_listener = nullptr;
}  // namespace detail

/// Makes `listener` the calling thread's as long as this lives.
class WithBlockingListener {
 public:
  explicit WithBlockingListener(BlockingListener& listener) {
    detail::blocking_listener = &listener;
  }
  ~WithBlockingListener() { detail::blocking_listener = nullptr; }
  WithBlockingListener(const WithBlockingListener&) = delete;
  WithBlockingListener& operator=(const WithBlockingListener&) = delete;
};

/// To be called before what may wait for a disk, another program or a lock of theirs, or computes
/// for milliseconds. Any thread may call; cheap where nobody listens.
inline void before_blocking() {
  if (detail::blocking_listener != nullptr) detail::blocking_listener->on_blocking();
}

/// Locks `mutex`, before_blocking() if another thread has it: one of low priority may not get to
/// release it for long.
inline std::unique_lock<std::mutex> lock_giving_way(std::mutex& mutex) {
  std::unique_lock lock(mutex, std::try_to_lock);
  if (!lock) {
    before_blocking();
    lock.lock();
  }
  return lock;
}

}  // namespace userbin::base
