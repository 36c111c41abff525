// Metrics as they were at one moment, read back from Prometheus's text format.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace userbin::app {

/// What a worker showed at one moment. A value; not synchronised.
class Figures {
 public:
  using Labels = std::map<std::string, std::string>;
  struct Sample {
    Labels labels;
    double value = 0;
  };

  Figures() = default;
  /// Takes the lines that can be read (text format 0.0.4); the others are skipped.
  explicit Figures(std::string_view text);

  /// All of a name, which for a histogram has its suffix; empty if there are none.
  const std::vector<Sample>& samples(const std::string& name) const;

  /// The sum of those that have at least these labels; 0 if there are none.
  double sum(const std::string& name, const Labels& labels = {}) const;

  /// Of the only sample of a name, or the first; nullopt if there is none.
  std::optional<double> value(const std::string& name) const;

  /// The values that a label has, each once, in order.
  std::vector<std::string> values_of(const std::string& name, const std::string& label) const;

 private:
  std::map<std::string, std::vector<Sample>> samples_;
};

/// A histogram's upper bounds and how many are in or below each, as what came in between two looks.
class Quantiles {
 public:
  /// The buckets of `name` (without suffix) that have these labels, added up; `before` has what is
  /// to be left out.
  Quantiles(const Figures& now, const Figures& before, const std::string& name,
            const Figures::Labels& labels);

  double count() const;
  /// In seconds, evenly spread within a bucket, as histogram_quantile() of PromQL does; the last
  /// bound for what lies beyond it. nullopt if there was nothing.
  std::optional<double> at(double quantile) const;

 private:
  std::map<double, double> cumulative_;  // by upper bound
};

}  // namespace userbin::app
