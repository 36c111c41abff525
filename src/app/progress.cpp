#include "app/progress.h"

namespace userbin::app {

namespace {

constexpr std::chrono::seconds kEvery{2};

}  // namespace

Progress::Progress(std::string what, const base::Clock& clock, std::FILE* out)
    : what_(std::move(what)), clock_(clock), out_(out), last_(clock.now()) {}

void Progress::at(std::size_t done, std::size_t total) {
  const base::WallTime now = clock_.now();
  if (now - last_ < kEvery) return;
  last_ = now;
  std::fprintf(out_, "%zu of %zu %s\n", done, total, what_.c_str());
  std::fflush(out_);
}

}  // namespace userbin::app
