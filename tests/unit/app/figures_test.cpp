#include "app/figures.h"

#include <cmath>

#include "support/catch.h"

namespace userbin::app {

namespace {

constexpr const char* kText =
    "# HELP a_total Something.\n"
    "# TYPE a_total counter\n"
    "a_total{route=\"/me\",code=\"200\"} 3\n"
    "a_total{route=\"/me\",code=\"401\"} 2\n"
    "a_total{route=\"/login\",code=\"200\"} 5\n"
    "b_seconds 1.5e-05\n"
    "odd{text=\"a \\\"quoted\\\" \\\\ line\\nend\"} 1\n"
    "bare\n"
    "open{x=\"1 7\n"
    "words in a row\n"
    "late 8 1700000000000\n";

/// A histogram with counts up to 0.1 s, up to 1 s, and beyond.
std::string buckets(int tenth, int one, int all) {
  const auto line = [](const char* bound, int count) {
    return "h_bucket{op=\"x\",le=\"" + std::string(bound) + "\"} " + std::to_string(count) + "\n";
  };
  return line("0.1", tenth) + line("1", one) + line("+Inf", all);
}

double quantile(const std::string& now, const std::string& before, double at) {
  const double seconds =
      Quantiles(Figures(now), Figures(before), "h", {{"op", "x"}}).at(at).value();
  return std::round(seconds * 1e6) / 1e6;
}

}  // namespace

TEST_CASE("metrics are read back from their text, and lines that are none are skipped") {
  const Figures figures(kText);
  CHECK(figures.sum("a_total") == 10);
  CHECK(figures.sum("a_total", {{"code", "200"}}) == 8);
  CHECK(figures.sum("a_total", {{"code", "200"}, {"route", "/me"}}) == 3);
  CHECK(figures.sum("a_total", {{"code", "500"}}) == 0);
  CHECK(figures.value("b_seconds") == 1.5e-05);
  CHECK(figures.value("late") == 8);
  CHECK(figures.values_of("a_total", "route") == std::vector<std::string>{"/login", "/me"});
  CHECK(figures.samples("odd").at(0).labels.at("text") == "a \"quoted\" \\ line\nend");
  for (const char* name : {"bare", "open", "words", "", "no_such"}) {
    CAPTURE(name);
    CHECK(figures.samples(name).empty());
    CHECK_FALSE(figures.value(name));
  }
}

TEST_CASE("a quantile lies within the bucket that has it, evenly spread") {
  CHECK(quantile(buckets(100, 100, 100), "", 0.5) == 0.05);
  CHECK(quantile(buckets(0, 100, 100), "", 0.5) == 0.55);
  CHECK(quantile(buckets(50, 100, 100), "", 0.5) == 0.1);
  // Beyond the last bound nothing is known but that.
  CHECK(quantile(buckets(0, 0, 100), "", 0.5) == 1);
}

TEST_CASE("a quantile is of what came between two looks") {
  CHECK(quantile(buckets(1000, 1010, 1010), buckets(1000, 1000, 1000), 0.5) == 0.55);
}

TEST_CASE("there is no quantile of nothing") {
  const Figures some(buckets(1, 1, 1));
  CHECK_FALSE(Quantiles(some, some, "h", {{"op", "x"}}).at(0.5));
  CHECK_FALSE(Quantiles(some, Figures(), "h", {{"op", "y"}}).at(0.5));
  CHECK(Quantiles(some, some, "h", {}).count() == 0);
}

}  // namespace userbin::app
