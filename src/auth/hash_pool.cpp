#include "auth/hash_pool.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <stdexcept>
#include <sys/resource.h>

#include <sodium.h>

#include "auth/hash_memory.h"
#include "base/blocking.h"
#include "base/failure.h"

namespace userbin::auth {

namespace {

/// A thread that had nothing to hash for so long gives its memory back.
constexpr std::chrono::seconds kKeepMemory{1};

/// Processor time of the calling thread.
std::chrono::nanoseconds thread_time() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

std::chrono::nanoseconds HashPool::rest(std::chrono::nanoseconds elapsed,
                                        std::chrono::nanoseconds used) {
  // A machine with nothing else to do gives a hash nearly all of a processor.
  constexpr int kBusyBelowPercent = 50, kSharePercentWhenBusy = 9;
  if (used * 100 >= elapsed * kBusyBelowPercent) return {};
  return std::max(used * 100 / kSharePercentWhenBusy - elapsed, std::chrono::nanoseconds{0});
}

/// Awaits a job: it is enqueued, and its work or its failure is there on resumption.
struct HashPool::Done {
  HashPool& pool;
  Job& job;

  bool await_ready() { return false; }
  bool await_suspend(std::coroutine_handle<> waiting) {
    job.waiting = waiting;
    if (pool.enqueue(job)) return true;
    job.failure = std::make_exception_ptr(
        base::Overloaded("the queue for password hashes is full", std::chrono::seconds{2}));
    return false;
  }
  void await_resume() {
    if (job.failure) std::rethrow_exception(job.failure);
  }
};

HashPool::HashPool(Options options, base::Executor& executor)
    : options_(options), executor_(executor) {
  if (sodium_init() < 0) throw std::runtime_error("libsodium cannot be initialised");
  try {
    for (std::size_t i = 0; i < options_.slots; ++i) threads_.emplace_back([this] { run(); });
  } catch (...) {
    stop();
    throw;
  }
}

base::Task<std::string> HashPool::hash(base::SecretString password) {
  std::string hash;
  Job job{[&] { hash = hash_password(password, options_.cost); }};
  co_await Done{*this, job};
  co_return hash;
}

base::Task<bool> HashPool::verify(std::string hash, base::SecretString password) {
  bool matches = false;
  Job job{[&] { matches = verify_password(hash, password); }};
  co_await Done{*this, job};
  co_return matches;
}

HashPool::Stats HashPool::stats() {
  const std::lock_guard lock(mutex_);
  return {.running = running_,
          .slots = options_.slots,
          .queued = queue_.size(),
          .max_queue = options_.max_queue,
          .refused = refused_.value(),
          .duration = duration_.snapshot()};
}

void HashPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  stopped_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

bool HashPool::enqueue(Job& job) {
  {
    const auto lock = base::lock_giving_way(mutex_);
    if (queue_.size() >= options_.max_queue) {
      refused_.add();
      return false;
    }
    queue_.push_back(&job);
  }
  changed_.notify_one();
  return true;
}

void HashPool::run() {
  // Of this thread alone: on Linux a priority belongs to a thread.
  setpriority(PRIO_PROCESS, 0, options_.nice);
  HashMemory memory(options_.cost.memory_kib * 1024);
  const auto has_news = [&] { return stopping_ || !queue_.empty(); };
  for (;;) {
    Job* job = nullptr;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait_for(lock, kKeepMemory, has_news)) {
        lock.unlock();
        memory.release();
        lock.lock();
        changed_.wait(lock, has_news);
      }
      if (stopping_) return;
      job = queue_.front();
      queue_.pop_front();
      ++running_;
    }
    const base::Stopwatch stopwatch;
    const std::chrono::nanoseconds used_before = thread_time();
    try {
      job->work();
    } catch (...) {
      job->failure = std::current_exception();
    }
    const auto elapsed = stopwatch.elapsed();
    const auto used = thread_time() - used_before;
    duration_.observe(elapsed);
    {
      const std::lock_guard lock(mutex_);
      --running_;
    }
    // The job is gone as soon as it is resumed.
    executor_.post(job->waiting);
    std::unique_lock lock(mutex_);
    stopped_.wait_for(lock, rest(elapsed, used), [&] { return stopping_; });
  }
}

}  // namespace userbin::auth
