#include "base/clock.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "support/catch.h"
#include "support/fake_clock.h"

using namespace std::chrono_literals;
using userbin::base::format_rfc3339;
using userbin::base::parse_rfc3339;
using userbin::base::ServerClock;
using userbin::base::stamp_after;
using userbin::base::WallTime;
using userbin::test::FakeClock;

namespace {

constexpr WallTime kNoon = std::chrono::sys_days{std::chrono::November / 23 / 2026} + 12h;

}  // namespace

TEST_CASE("a time is written in UTC with six decimals", "[clock]") {
  const auto [time, text] = GENERATE(table<WallTime, std::string>({
      {WallTime{}, "1970-01-01T00:00:00.000000Z"},
      {kNoon, "2026-11-23T12:00:00.000000Z"},
      {kNoon + 1us, "2026-11-23T12:00:00.000001Z"},
      {kNoon + 5h + 30min + 9s + 123456us, "2026-11-23T17:30:09.123456Z"},
      {WallTime{-1us}, "1969-12-31T23:59:59.999999Z"},
      {WallTime{std::chrono::sys_days{std::chrono::February / 29 / 2024}},
       "2024-02-29T00:00:00.000000Z"},
      {WallTime{std::chrono::sys_days{std::chrono::January / 1 / 7}},
       "0007-01-01T00:00:00.000000Z"},
  }));
  CHECK(format_rfc3339(time) == text);
}

TEST_CASE("every form of an RFC 3339 date-time is read", "[clock]") {
  const auto [text, time] = GENERATE(table<std::string, WallTime>({
      {"2026-11-23T12:00:00Z", kNoon},
      {"2026-11-23t12:00:00z", kNoon},
      {"2026-11-23 12:00:00Z", kNoon},
      {"2026-11-23T12:00:00.0Z", kNoon},
      {"2026-11-23T12:00:00.5Z", kNoon + 500ms},
      {"2026-11-23T12:00:00.000001Z", kNoon + 1us},
      {"2026-11-23T13:00:00+01:00", kNoon},
      {"2026-11-23T08:30:00-03:30", kNoon},
      {"2026-11-23T12:00:00-00:00", kNoon},
      {"2026-11-24T11:59:00+23:59", kNoon},
      {"2026-11-23T00:00:00Z", kNoon - 12h},
      {"2026-11-23T23:59:59Z", kNoon + 12h - 1s},
  }));
  CAPTURE(text);
  CHECK(parse_rfc3339(text) == time);
}

TEST_CASE("digits beyond the microsecond are dropped, not rounded", "[clock]") {
  const auto text = GENERATE(values<std::string>({
      "2026-11-23T12:00:00.1234567Z",
      "2026-11-23T12:00:00.1234569Z",
      "2026-11-23T12:00:00.123456999999999999999999999999999999999999Z",
  }));
  CAPTURE(text);
  CHECK(parse_rfc3339(text) == kNoon + 123456us);
}

TEST_CASE("a leap second is read as the second after it", "[clock]") {
  CHECK(parse_rfc3339("2016-12-31T23:59:60Z") == parse_rfc3339("2017-01-01T00:00:00Z"));
}

TEST_CASE("the 29th of February exists in leap years only", "[clock]") {
  const auto [date, exists] = GENERATE(table<std::string, bool>({
      {"2024-02-29", true},
      {"2000-02-29", true},
      {"2026-02-29", false},
      {"1900-02-29", false},
      {"2100-02-29", false},
  }));
  CAPTURE(date);
  CHECK(parse_rfc3339(date + "T00:00:00Z").has_value() == exists);
}

TEST_CASE("what is no RFC 3339 date-time is not read", "[clock]") {
  using namespace std::string_literals;
  const auto text = GENERATE(values<std::string>({
      "",
      "2026",
      "2026-11-23",
      "12:00:00Z",
      "now",
      "1795435200",
      "Mon, 23 Nov 2026 12:00:00 GMT",
      // Something is missing
      "2026-11-23T12:00:00",
      "2026-11-23T12:00Z",
      "2026-11-23T12:00:00.Z",
      "2026-11-23T12:00:00+",
      "2026-11-23T12:00:00+01",
      "2026-11-23T12:00:00+01:",
      "2026-11-23T12:00:00+01:0",
      // Something is too much
      " 2026-11-23T12:00:00Z",
      "2026-11-23T12:00:00Z ",
      "2026-11-23T12:00:00ZZ",
      "2026-11-23T12:00:00Z+01:00",
      "12026-11-23T12:00:00Z",
      "2026-11-23T12:00:00Z\0"s,
      // Something is not as it should be
      "2026/11/23T12:00:00Z",
      "2026-11-23_12:00:00Z",
      "2026-11-23T12.00.00Z",
      "2026-11-23T12:00:00,5Z",
      "2026-11-23T12:00:00+0100",
      "2026-1-23T12:00:00Z",
      "-026-11-23T12:00:00Z",
      "2026-11-23T+2:00:00Z",
      "2026-11-23T12:00:00.-5Z",
      "2026-11-23T12:00:00EST",
      // Out of range
      "2026-00-23T12:00:00Z",
      "2026-13-23T12:00:00Z",
      "2026-11-00T12:00:00Z",
      "2026-11-31T12:00:00Z",
      "2026-11-23T24:00:00Z",
      "2026-11-23T12:60:00Z",
      "2026-11-23T12:00:61Z",
      "2026-11-23T12:00:00+24:00",
      "2026-11-23T12:00:00+01:60",
  }));
  CAPTURE(text);
  CHECK(parse_rfc3339(text) == std::nullopt);
}

TEST_CASE("a time comes back as it was written", "[clock]") {
  const auto time = GENERATE(values<WallTime>({
      WallTime{},
      WallTime{-1us},
      kNoon + 999999us,
      WallTime{std::chrono::sys_days{std::chrono::December / 31 / 9999}} + 24h - 1us,
      WallTime{std::chrono::sys_days{std::chrono::January / 1 / 1}},
  }));
  CHECK(parse_rfc3339(format_rfc3339(time)) == time);
}

TEST_CASE("a text that is cut off anywhere is not read", "[clock]") {
  const std::string whole = "2026-11-23T12:00:00.123456Z";
  const auto length = GENERATE(range(std::size_t{0}, std::size_t{26}));
  CAPTURE(length);
  CHECK(parse_rfc3339(whole.substr(0, length)) == std::nullopt);
}

TEST_CASE("a server's clock has its number behind the millisecond", "[clock]") {
  const auto [time, server, shown] = GENERATE(table<WallTime, int, WallTime>({
      {kNoon, 0, kNoon},
      {kNoon, 999, kNoon + 999us},
      {kNoon + 1ms, 7, kNoon + 1ms + 7us},
      {kNoon + 999us, 7, kNoon + 7us},
      {kNoon + 5ms + 3us, 0, kNoon + 5ms},
      {WallTime{-1us}, 5, WallTime{-1ms} + 5us},
  }));
  CHECK(ServerClock(FakeClock(time), server).now() == shown);
}

TEST_CASE("a server's clock goes on with the clock that it shows", "[clock]") {
  FakeClock clock(kNoon);
  const ServerClock shown(clock, 12);
  clock.advance(3ms);
  CHECK(shown.now() == kNoon + 3ms + 12us);
  clock.advance(-1h);
  CHECK(shown.now() == kNoon - 1h + 3ms + 12us);
}

TEST_CASE("a stamp is now, or else the next time after the last with the digits of now",
          "[clock]") {
  const auto [last, now, stamp] = GENERATE(table<WallTime, WallTime, WallTime>({
      {kNoon, kNoon + 1us, kNoon + 1us},
      {kNoon, kNoon + 1h, kNoon + 1h},
      {kNoon, kNoon, kNoon + 1ms},
      {kNoon + 7us, kNoon + 7us, kNoon + 1ms + 7us},
      {kNoon + 5us, kNoon - 1h + 7us, kNoon + 7us},
      {kNoon + 7us, kNoon - 1h + 5us, kNoon + 1ms + 5us},
      {kNoon + 999us, kNoon, kNoon + 1ms},
      {kNoon, kNoon - 1us, kNoon + 999us},
  }));
  CAPTURE(format_rfc3339(last), format_rfc3339(now));
  CHECK(stamp_after(last, now) == stamp);
}

TEST_CASE("stamps rise although the clock stands still or lags, and bear the server's number",
          "[clock]") {
  FakeClock clock(kNoon);
  const int number = GENERATE(0, 1, 500, 999);
  const ServerClock server(clock, number);
  WallTime last = kNoon + 10min + 333us;  // another server's, whose clock is ahead
  for (int i = 0; i < 1000; ++i) {
    const WallTime stamp = stamp_after(last, server.now());
    REQUIRE(stamp > last);
    REQUIRE(stamp - last <= 1ms);
    REQUIRE((stamp - std::chrono::floor<std::chrono::milliseconds>(stamp)).count() == number);
    last = stamp;
  }
}

TEST_CASE("two servers never give the same stamp, however their clocks lag", "[clock]") {
  const auto [first_lag, second_lag] = GENERATE(table<std::chrono::seconds, std::chrono::seconds>({
      {0s, 0s},
      {0s, 3600s},
      {3600s, 3600s},
      {-3600s, 3600s},
  }));
  FakeClock first_clock(kNoon - first_lag);
  FakeClock second_clock(kNoon - second_lag);
  const ServerClock first(first_clock, 41);
  const ServerClock second(second_clock, 42);
  WallTime last = kNoon;
  for (int i = 0; i < 1000; ++i) {
    const WallTime a = stamp_after(last, first.now());
    const WallTime b = stamp_after(last, second.now());
    REQUIRE(a != b);
    // The one follows the other's, or both follow one third.
    last = i % 3 == 0 ? a : i % 3 == 1 ? b : std::max(a, b);
    first_clock.advance(std::chrono::microseconds{i % 7 * 100});
    second_clock.advance(std::chrono::microseconds{i % 5 * 100});
  }
}
