// What is counted and timed while the program runs, as cheaply as can be: whoever shows it adds it
// up when he is asked.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace userbin::base {

/// A count that only rises. Any thread may call; it orders nothing else.
class Counter {
 public:
  void add(std::uint64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

/// How often something took how long. Any thread may call.
class DurationHistogram {
 public:
  using Duration = std::chrono::nanoseconds;

  /// The upper bounds, which are part of their buckets; one more bucket has what is longer.
  static constexpr std::array kBounds{
      Duration{50'000},        Duration{100'000},        Duration{250'000},
      Duration{500'000},       Duration{1'000'000},      Duration{2'500'000},
      Duration{5'000'000},     Duration{10'000'000},     Duration{25'000'000},
      Duration{50'000'000},    Duration{100'000'000},    Duration{250'000'000},
      Duration{500'000'000},   Duration{1'000'000'000},  Duration{2'500'000'000},
      Duration{5'000'000'000}, Duration{10'000'000'000},
  };

  struct Snapshot {
    /// Not cumulative: each has what the ones before don't have.
    std::array<std::uint64_t, kBounds.size() + 1> counts{};
    Duration sum{};
  };

  void observe(Duration duration) {
    std::size_t bucket = 0;
    while (bucket < kBounds.size() && duration > kBounds[bucket]) ++bucket;
    counts_[bucket].add();
    sum_.add(static_cast<std::uint64_t>(duration.count()));
  }

  /// While others go on, the sum may have one more or less than the counts.
  Snapshot snapshot() const {
    Snapshot snapshot;
    for (std::size_t i = 0; i < counts_.size(); ++i) snapshot.counts[i] = counts_[i].value();
    snapshot.sum = Duration{static_cast<Duration::rep>(sum_.value())};
    return snapshot;
  }

 private:
  std::array<Counter, kBounds.size() + 1> counts_;
  Counter sum_;  // in nanoseconds
};

/// Time since it was made, on a clock that nobody sets.
class Stopwatch {
 public:
  std::chrono::nanoseconds elapsed() const { return std::chrono::steady_clock::now() - start_; }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace userbin::base
