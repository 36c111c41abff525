#include "base/clock.h"

#include <chrono>
#include <string>

#include "support/catch.h"

using namespace std::chrono_literals;
using userbin::base::format_rfc3339;
using userbin::base::parse_rfc3339;
using userbin::base::WallTime;

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
