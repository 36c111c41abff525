// Runs histories of many seeds, or shows one.
// usage: simulate [--first N] [--seeds N] [--threads N], or: simulate --seed N [--trace]

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <spdlog/spdlog.h>

#include "simulation/history.h"

namespace {

using userbin::simulation::run_history;

struct Task {
  std::uint64_t first = 1;
  std::uint64_t seeds = 10'000;
  std::uint64_t threads = 2;
  std::optional<std::uint64_t> only;
  bool is_traced = false;
  bool goes_on = false;
};

constexpr std::chrono::seconds kTellEvery{3};

/// What went wrong; nullopt: nothing.
std::optional<std::string> failure_of(std::uint64_t seed, bool is_traced) {
  try {
    run_history(seed, is_traced);
    return std::nullopt;
  } catch (const std::exception& error) {
    return error.what();
  }
}

/// Runs all seeds, the lowest first; the failures by seed.
class Run {
 public:
  explicit Run(const Task& task) : task_(task), next_(task.first) {}

  std::map<std::uint64_t, std::string> run() {
    std::vector<std::thread> threads;
    for (std::uint64_t i = 0; i < task_.threads; ++i) threads.emplace_back([this] { work(); });
    for (std::thread& thread : threads) thread.join();
    std::printf("  %llu histories simulated, from seed %llu on\n",
                static_cast<unsigned long long>(done_),
                static_cast<unsigned long long>(task_.first));
    return failures_;
  }

 private:
  void work() {
    while (true) {
      const std::uint64_t seed = next_++;
      if (seed >= task_.first + task_.seeds) return;
      const auto failure = failure_of(seed, false);
      note(seed, failure);
      if (failure && !task_.goes_on) next_ = task_.first + task_.seeds;
    }
  }

  void note(std::uint64_t seed, const std::optional<std::string>& failure) {
    const std::lock_guard lock(mutex_);
    ++done_;
    if (failure) failures_[seed] = *failure;
    if (std::chrono::steady_clock::now() - told_ < kTellEvery) return;
    told_ = std::chrono::steady_clock::now();
    std::printf("  %llu of %llu histories\n", static_cast<unsigned long long>(done_),
                static_cast<unsigned long long>(task_.seeds));
    std::fflush(stdout);
  }

  const Task task_;
  std::atomic<std::uint64_t> next_;
  std::mutex mutex_;
  // Guarded by mutex_:
  std::uint64_t done_ = 0;
  std::chrono::steady_clock::time_point told_ = std::chrono::steady_clock::now();
  std::map<std::uint64_t, std::string> failures_;
};

int usage() {
  std::fputs(
      "usage: simulate [--first N] [--seeds N] [--threads N] [--go-on]\n"
      "       simulate --seed N [--trace]\n",
      stderr);
  return 2;
}

std::optional<Task> read_arguments(int count, char** words) {
  Task task;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word == "--trace") {
      task.is_traced = true;
    } else if (word == "--go-on") {
      task.goes_on = true;
    } else if (i + 1 == count) {
      return std::nullopt;
    } else {
      const std::uint64_t number = std::strtoull(words[++i], nullptr, 10);
      if (word == "--first")
        task.first = number;
      else if (word == "--seeds")
        task.seeds = number;
      else if (word == "--threads")
        task.threads = number;
      else if (word == "--seed")
        task.only = number;
      else
        return std::nullopt;
    }
  }
  return task;
}

}  // namespace

int main(int count, char** words) {
  const auto task = read_arguments(count, words);
  if (!task) return usage();
  spdlog::set_level(task->is_traced ? spdlog::level::info : spdlog::level::off);
  std::map<std::uint64_t, std::string> failures;
  if (task->only) {
    const auto failure = failure_of(*task->only, task->is_traced);
    if (failure) failures[*task->only] = *failure;
  } else {
    failures = Run(*task).run();
  }
  for (const auto& [seed, what] : failures) {
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), what.c_str());
  }
  if (failures.empty()) return 0;
  std::printf("see it: %s --seed %llu --trace\n", words[0],
              static_cast<unsigned long long>(failures.begin()->first));
  return 1;
}
