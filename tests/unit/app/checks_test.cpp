#include "app/checks.h"

#include "support/catch.h"

namespace userbin::app {

TEST_CASE("a disk that is nearly full is a fault") {
  const auto [bytes, result] = GENERATE(table<std::uintmax_t, CheckResult>({
      {0, CheckResult::kFault},
      {(64ULL << 20) - 1, CheckResult::kFault},
      {64ULL << 20, CheckResult::kOk},
  }));
  CheckReport report;
  judge_room(bytes, report);
  CHECK(report.findings().front().result == result);
}

TEST_CASE("a change of the future is a fault of the clock, from a minute on") {
  const base::WallTime now(std::chrono::seconds{1'795'455'000});
  const auto [ahead, result] = GENERATE(table<int, CheckResult>({
      {-1'000'000, CheckResult::kOk},
      {60, CheckResult::kOk},
      {61, CheckResult::kFault},
  }));
  CheckReport report;
  judge_clock(now, now + std::chrono::seconds{ahead}, report);
  CHECK(report.findings().front().result == result);
  CHECK(report.has_fault("clock") == (result == CheckResult::kFault));
}

TEST_CASE("what is found is shown without control characters") {
  CheckReport report;
  report.fault("store", "a\x1b[1m", "b\n");
  CHECK(report.findings().front().what == "a\\x1b[1m");
  CHECK(report.findings().front().mend == "b\\x0a");
}

}  // namespace userbin::app
