// Password hashing off the threads that answer requests.
#pragma once

#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "auth/password_hash.h"
#include "base/executor.h"
#include "base/secret.h"
#include "base/tally.h"
#include "base/task.h"

namespace userbin::auth {

/// A few threads of low priority that hash passwords, with a bounded queue in front of them: a
/// storm of logins can neither eat the memory nor delay other answers. Any thread may call hash()
/// and verify(); what awaits them goes on on the executor.
class HashPool {
 public:
  struct Options {
    HashCost cost;
    /// Hashes at a time; each needs the memory of its cost.
    std::size_t slots = 1;
    /// How many more may wait.
    std::size_t max_queue = 256;
    /// setpriority(2), 0 to 19: higher leaves more of a busy machine to other answers.
    int nice = 10;
  };

  /// `executor` outlives this.
  HashPool(Options options, base::Executor& executor);
  ~HashPool() { stop(); }

  /// A new hash at the pool's cost. Throws base::Overloaded if too many wait.
  base::Task<std::string> hash(base::SecretString password);

  /// verify_password() in the pool. Throws base::Overloaded if too many wait.
  base::Task<bool> verify(std::string hash, base::SecretString password);

  const HashCost& cost() const { return options_.cost; }

  struct Stats {
    std::size_t running = 0;
    std::size_t slots = 0;
    std::size_t queued = 0;
    std::size_t max_queue = 0;
    /// base::Overloaded was thrown.
    std::uint64_t refused = 0;
    /// Without the time in the queue.
    base::DurationHistogram::Snapshot duration;
  };
  Stats stats();

  /// How long a thread does nothing after a hash that lasted `elapsed` and had a processor for
  /// `used` of that: so long that hashing has 0.09 of each processor of a busy machine. One on
  /// which the hash had less than half is busy. The low priority alone does not see to it: a
  /// thread begins in each gap, and the kernel lets it end the slice that it began.
  static std::chrono::nanoseconds rest(std::chrono::nanoseconds elapsed,
                                       std::chrono::nanoseconds used);

  /// Ends the threads after the hashes they are at. What waits is never resumed. Idempotent.
  void stop();

 private:
  struct Job {
    std::function<void()> work;
    std::coroutine_handle<> waiting = nullptr;
    std::exception_ptr failure = nullptr;
  };
  struct Done;

  /// False if the queue is full.
  bool enqueue(Job& job);
  void run();

  const Options options_;
  base::Executor& executor_;

  std::mutex mutex_;
  /// For a job, or the end.
  std::condition_variable changed_;
  /// For the end.
  std::condition_variable stopped_;
  // Guarded by mutex_:
  std::deque<Job*> queue_;
  std::size_t running_ = 0;
  bool stopping_ = false;

  // Self-synchronised:
  base::Counter refused_;
  base::DurationHistogram duration_;

  std::vector<std::thread> threads_;
};

}  // namespace userbin::auth
