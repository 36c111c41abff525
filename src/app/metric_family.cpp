#include "app/metric_family.h"

#include <chrono>
#include <limits>

namespace userbin::app {

Family& Family::add(const base::DurationHistogram::Snapshot& durations, Labels labels) {
  using Seconds = std::chrono::duration<double>;
  prometheus::ClientMetric::Histogram& histogram = next(std::move(labels)).histogram;
  for (std::size_t i = 0; i < durations.counts.size(); ++i) {
    const auto& bounds = base::DurationHistogram::kBounds;
    histogram.sample_count += durations.counts[i];
    histogram.bucket.push_back(
        {histogram.sample_count,
         i < bounds.size() ? Seconds(bounds[i]).count() : std::numeric_limits<double>::infinity()});
  }
  histogram.sample_sum = Seconds(durations.sum).count();
  return *this;
}

}  // namespace userbin::app
