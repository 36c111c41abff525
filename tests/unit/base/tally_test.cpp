#include "base/tally.h"

#include <numeric>
#include <thread>
#include <vector>

#include "support/catch.h"

namespace userbin::base {

namespace {

using namespace std::chrono_literals;

/// The bucket that has the only observation.
std::size_t bucket_of(std::chrono::nanoseconds duration) {
  DurationHistogram histogram;
  histogram.observe(duration);
  const auto counts = histogram.snapshot().counts;
  REQUIRE(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}) == 1);
  std::size_t bucket = 0;
  while (counts[bucket] == 0) ++bucket;
  return bucket;
}

}  // namespace

TEST_CASE("a duration is counted in the first bucket whose bound it does not exceed") {
  const auto& bounds = DurationHistogram::kBounds;
  CHECK(std::is_sorted(bounds.begin(), bounds.end()));
  CHECK(bucket_of(0ns) == 0);
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    CAPTURE(i);
    CHECK(bucket_of(bounds[i]) == i);
    CHECK(bucket_of(bounds[i] + 1ns) == i + 1);
  }
}

TEST_CASE("a histogram adds up what it was told") {
  DurationHistogram histogram;
  for (int i = 0; i < 1000; ++i) histogram.observe(3ms);
  histogram.observe(1min);
  CHECK(histogram.snapshot().sum == 63s);
  CHECK(histogram.snapshot().counts.back() == 1);
}

TEST_CASE("counts from several threads are all there") {
  Counter counter;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 10'000; ++j) counter.add();
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(counter.value() == 40'000);
}

}  // namespace userbin::base
