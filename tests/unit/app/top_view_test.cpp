#include "app/top_view.h"

#include "support/catch.h"

namespace userbin::app {

namespace {

/// Of a worker that started at 1000.
std::string figures(int verified, int failed, double started_at = 1000) {
  return "userbin_http_requests_total{method=\"GET\",route=\"/verify\",code=\"200\"} " +
         std::to_string(verified) +
         "\nuserbin_http_requests_total{method=\"GET\",route=\"/verify\",code=\"503\"} " +
         std::to_string(failed) +
         "\nuserbin_http_requests_total{method=\"POST\",route=\"/login\",code=\"401\"} 7"
         "\nuserbin_http_requests_total{method=\"GET\",route=\"/me\",code=\"200\"} 0"
         "\nuserbin_sign_ins_total{outcome=\"ok\"} 0"
         "\nuserbin_sign_ins_total{outcome=\"wrong_password\"} 7"
         "\nprocess_start_time_seconds " +
         std::to_string(started_at) + "\n";
}

/// The line that starts so; empty if there is none.
std::string line_of(const Interval& interval, const std::string& start) {
  for (const std::string& line : top_lines(interval)) {
    if (line.starts_with(start)) return line;
  }
  return "";
}

}  // namespace

TEST_CASE("rates are of the time between two looks") {
  const Figures before(figures(100, 0));
  const Figures now(figures(120, 1));
  const Interval interval(now, &before, 2, 1100);
  CHECK_FALSE(interval.is_since_start());
  CHECK(interval.uptime() == 100);
  CHECK(line_of(interval, "requests").starts_with("requests       10.5/s"));
  CHECK(line_of(interval, "GET /verify") ==
        "GET /verify                      10.5     10.0      0.0      0.5         -         -");
}

TEST_CASE("without an earlier look rates are since the worker's start") {
  const Figures now(figures(200, 0));
  const Interval interval(now, nullptr, 0, 1100);
  CHECK(interval.is_since_start());
  CHECK(line_of(interval, "GET /verify").find(" 2.0 ") != std::string::npos);
}

TEST_CASE("a worker that was started anew meanwhile is looked at from its new start") {
  const Figures before(figures(1000, 0));
  const Figures now(figures(50, 0, 1090));
  const Interval interval(now, &before, 20, 1100);
  CHECK(interval.is_since_start());
  CHECK(line_of(interval, "GET /verify").find(" 5.0 ") != std::string::npos);
}

TEST_CASE("routes that nobody asked for are left out, the busiest stands first") {
  const Figures before(figures(100, 0));
  const Figures now(figures(120, 0));
  const auto lines = top_lines(Interval(now, &before, 2, 1100));
  REQUIRE(lines.size() > 2);
  CHECK(lines[lines.size() - 2].starts_with("GET /verify"));
  CHECK(lines[lines.size() - 1].starts_with("POST /login"));
}

TEST_CASE("outcomes that never happened are left out, a bin that there is not, too") {
  const Figures now(figures(0, 0));
  const Interval interval(now, nullptr, 0, 1070);
  CHECK(line_of(interval, "sign-ins") == "sign-ins       0.1/s wrong_password");
  CHECK(line_of(interval, "registrations") == "registrations  none yet");
  CHECK(line_of(interval, "bin").empty());
}

TEST_CASE("a bin is shown with what is wrong with it") {
  const Figures now(
      "userbin_bin_pending_changes 3\nuserbin_bin_last_success_timestamp_seconds 1000\n"
      "userbin_bin_requests_used 250\nuserbin_bin_requests_allowed 300\n"
      "userbin_bin_problem{problem=\"away\"} 1\nuserbin_bin_problem{problem=\"full\"} 0\n");
  CHECK(line_of(Interval(now, nullptr, 0, 1075), "bin") ==
        "bin            3 pending, last success 1 min 15 s ago, 250 of 300 requests in 24 h, "
        "problem: away");
}

TEST_CASE("what another program wrote cannot move the cursor") {
  const Figures now(
      "userbin_sign_ins_total{outcome=\"\x1b[2J\"} 1\n"
      "userbin_http_requests_total{method=\"\x1b[2J\",route=\"\x1b[2J\",code=\"200\"} 1\n");
  for (const std::string& line : top_lines(Interval(now, nullptr, 0, 1))) {
    CHECK(line.find('\x1b') == std::string::npos);
  }
}

TEST_CASE("figures are short and have their unit") {
  CHECK(rate_text(0) == "0.0");
  CHECK(rate_text(0.034) == "0.03");
  CHECK(rate_text(12.54) == "12.5");
  CHECK(rate_text(830.4) == "830");
  CHECK(time_text(0.00008) == "0.08 ms");
  CHECK(time_text(0.0042) == "4.2 ms");
  CHECK(time_text(0.21) == "210 ms");
  CHECK(time_text(2.5) == "2.5 s");
  CHECK(age_text(45) == "45 s");
  CHECK(age_text(11'520) == "3 h 12 min");
  CHECK(age_text(180'000) == "2 d 2 h");
  CHECK(size_text(10.5 * 1024 * 1024) == "10.5 MiB");
}

}  // namespace userbin::app
