// What all parts of a simulated history share: its dice, its time, its trace.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/clock.h"

namespace userbin::simulation {

/// A promise was broken: the history of this seed is a bug report.
class Violation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  /// 0 to `sides` - 1.
  std::size_t below(std::size_t sides) { return random_() % sides; }
  bool one_in(std::size_t sides) { return below(sides) == 0; }
  bool percent(std::size_t chance) { return below(100) < chance; }
  template <typename T>
  const T& pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }

 private:
  std::mt19937_64 random_;
};

/// Used by one thread.
struct World {
  explicit World(std::uint64_t seed, bool traced) : dice(seed), is_traced(traced) {}

  Dice dice;
  base::WallTime now{std::chrono::seconds{1'795'455'000}};
  /// Requests fail, programs crash, old pages are read.
  bool is_faulty = true;
  const bool is_traced;

  void say(const std::string& who, const std::string& what) const {
    if (!is_traced) return;
    std::printf("%s %-8s %s\n", base::format_rfc3339(now).substr(5).c_str(), who.c_str(),
                what.c_str());
  }
};

/// A computer's clock, which goes wrong by some minutes.
class SkewedClock final : public base::Clock {
 public:
  explicit SkewedClock(const World& world) : world_(world) {}
  base::WallTime now() const override { return world_.now + skew; }
  std::chrono::microseconds skew{0};

 private:
  const World& world_;
};

}  // namespace userbin::simulation
