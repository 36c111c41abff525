#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "base/task.h"

namespace userbin::test {

/// Resumes posted work on the thread that calls run_until(): the test's. post() may be called from
/// any thread. post() waits while the executor is held, so that a test can hold a hash's thread.
class TestExecutor final : public base::Executor {
 public:
  void post(std::coroutine_handle<> work) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !held_; });
    posted_.push_back(work);
    changed_.notify_all();
  }

  /// Resumes what is posted until `done()`. Fails if nothing comes for a minute.
  template <typename Condition>
  void run_until(Condition done) {
    while (!done()) take_posted().resume();
  }

  void hold(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }

 private:
  std::coroutine_handle<> take_posted() {
    std::unique_lock lock(mutex_);
    const bool something =
        changed_.wait_until(lock, std::chrono::system_clock::now() + std::chrono::minutes{1},
                            [&] { return !posted_.empty(); });
    if (!something) throw std::runtime_error("nothing was posted for a minute");
    const std::coroutine_handle<> work = posted_.front();
    posted_.pop_front();
    return work;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::deque<std::coroutine_handle<>> posted_;
  bool held_ = false;
};

/// A task that has been started, and whether it has ended. Stays where it is.
template <typename T>
class Started {
 public:
  explicit Started(base::Task<T> task) : task_(std::move(task)) {
    task_.start([](void* done) noexcept { *static_cast<bool*>(done) = true; }, &done_);
  }
  Started(const Started&) = delete;
  Started& operator=(const Started&) = delete;

  bool done() const { return done_; }

  /// Runs the executor until the task has ended; gives its result, or throws its failure.
  T result(TestExecutor& executor) {
    executor.run_until([&] { return done_; });
    return task_.take();
  }

 private:
  bool done_ = false;
  base::Task<T> task_;
};

/// The task's result, or what it throws.
template <typename T>
T wait_for(base::Task<T> task, TestExecutor& executor) {
  return Started<T>(std::move(task)).result(executor);
}

}  // namespace userbin::test
