#include "app/figures.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

namespace userbin::app {

namespace {

/// Takes a line apart.
class LineReader {
 public:
  explicit LineReader(std::string_view line) : rest_(line) {}

  std::string name() { return std::string(take(rest_.find_first_of("{ "))); }

  /// False if they cannot be read.
  bool labels(Figures::Labels& labels) {
    if (!skip('{')) return true;
    while (!skip('}')) {
      const auto equals = rest_.find('=');
      if (equals == std::string_view::npos) return false;
      const std::string name(take(equals));
      if (!skip('=') || !skip('"')) return false;
      auto value = quoted();
      if (!value) return false;
      labels[name] = *std::move(value);
      skip(',');
    }
    return true;
  }

  std::optional<double> value() {
    if (!skip(' ')) return std::nullopt;
    const std::string text(rest_);
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (end == text.c_str()) return std::nullopt;
    return value;
  }

 private:
  std::string_view take(std::size_t count) {
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(taken.size());
    return taken;
  }

  bool skip(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  /// Up to the closing quotation mark.
  std::optional<std::string> quoted() {
    std::string text;
    while (!rest_.empty()) {
      if (skip('"')) return text;
      if (skip('\\') && !rest_.empty()) {
        text += skip('n') ? '\n' : take(1).front();
      } else if (!rest_.empty()) {
        text += take(1).front();
      }
    }
    return std::nullopt;
  }

  std::string_view rest_;
};

bool has_labels(const Figures::Sample& sample, const Figures::Labels& labels) {
  return std::all_of(labels.begin(), labels.end(), [&](const auto& label) {
    const auto found = sample.labels.find(label.first);
    return found != sample.labels.end() && found->second == label.second;
  });
}

}  // namespace

Figures::Figures(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.empty() || line.starts_with('#')) continue;
    LineReader reader(line);
    const std::string name = reader.name();
    Sample sample;
    if (!reader.labels(sample.labels)) continue;
    const auto value = reader.value();
    if (!value) continue;
    sample.value = *value;
    samples_[name].push_back(std::move(sample));
  }
}

const std::vector<Figures::Sample>& Figures::samples(const std::string& name) const {
  static const std::vector<Sample> kNone;
  const auto found = samples_.find(name);
  return found == samples_.end() ? kNone : found->second;
}

double Figures::sum(const std::string& name, const Labels& labels) const {
  double sum = 0;
  for (const Sample& sample : samples(name)) {
    if (has_labels(sample, labels)) sum += sample.value;
  }
  return sum;
}

std::optional<double> Figures::value(const std::string& name) const {
  const auto& all = samples(name);
  return all.empty() ? std::nullopt : std::optional(all.front().value);
}

std::vector<std::string> Figures::values_of(const std::string& name,
                                            const std::string& label) const {
  std::set<std::string> values;
  for (const Sample& sample : samples(name)) {
    const auto found = sample.labels.find(label);
    if (found != sample.labels.end()) values.insert(found->second);
  }
  return {values.begin(), values.end()};
}

Quantiles::Quantiles(const Figures& now, const Figures& before, const std::string& name,
                     const Figures::Labels& labels) {
  const auto add = [&](const Figures& figures, double sign) {
    for (const Figures::Sample& sample : figures.samples(name + "_bucket")) {
      const auto bound = sample.labels.find("le");
      if (bound == sample.labels.end() || !has_labels(sample, labels)) continue;
      cumulative_[std::strtod(bound->second.c_str(), nullptr)] += sign * sample.value;
    }
  };
  add(now, 1);
  add(before, -1);
}

double Quantiles::count() const {
  return cumulative_.empty() ? 0 : cumulative_.rbegin()->second;
}

std::optional<double> Quantiles::at(double quantile) const {
  if (count() <= 0) return std::nullopt;
  const double rank = quantile * count();
  double lower_bound = 0;
  double below = 0;
  for (const auto& [bound, up_to] : cumulative_) {
    if (up_to >= rank) {
      if (std::isinf(bound)) return lower_bound;
      const double here = up_to - below;
      return here <= 0 ? bound : lower_bound + (bound - lower_bound) * (rank - below) / here;
    }
    lower_bound = bound;
    below = up_to;
  }
  return lower_bound;
}

}  // namespace userbin::app
