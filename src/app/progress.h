#pragma once

#include <cstddef>
#include <cstdio>
#include <string>

#include "base/clock.h"

namespace userbin::app {

/// Says how far a long work is: nothing in its first two seconds, then a line every two seconds,
/// like "40000 of 100000 users stored". Used by one thread.
class Progress {
 public:
  /// `what` is "users stored". `clock` and `out` outlive this.
  Progress(std::string what, const base::Clock& clock, std::FILE* out = stderr);

  void at(std::size_t done, std::size_t total);

 private:
  const std::string what_;
  const base::Clock& clock_;
  std::FILE* const out_;
  base::WallTime last_;
};

}  // namespace userbin::app
