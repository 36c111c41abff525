// Short ways to write down metrics.
#pragma once

#include <prometheus/metric_family.h>
#include <string>
#include <utility>

#include "base/tally.h"

namespace userbin::app {

using Labels = std::vector<prometheus::ClientMetric::Label>;

/// One name, and its values by labels.
class Family {
 public:
  Family(std::string name, std::string help, prometheus::MetricType type)
      : family_{std::move(name), std::move(help), type, {}} {}

  Family& add(double value, Labels labels = {}) {
    prometheus::ClientMetric& metric = next(std::move(labels));
    if (family_.type == prometheus::MetricType::Counter) {
      metric.counter.value = value;
    } else {
      metric.gauge.value = value;
    }
    return *this;
  }

  Family& add(const base::DurationHistogram::Snapshot& durations, Labels labels = {});

  prometheus::MetricFamily take() { return std::move(family_); }

 private:
  prometheus::ClientMetric& next(Labels labels) {
    prometheus::ClientMetric& metric = family_.metric.emplace_back();
    metric.label = std::move(labels);
    return metric;
  }

  prometheus::MetricFamily family_;
};

inline Family counter(std::string name, std::string help) {
  return {std::move(name), std::move(help), prometheus::MetricType::Counter};
}
inline Family gauge(std::string name, std::string help) {
  return {std::move(name), std::move(help), prometheus::MetricType::Gauge};
}
inline Family histogram(std::string name, std::string help) {
  return {std::move(name), std::move(help), prometheus::MetricType::Histogram};
}

}  // namespace userbin::app
