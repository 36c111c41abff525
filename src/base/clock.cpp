#include "base/clock.h"

#include <fmt/format.h>

namespace userbin::base {

namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// Takes fixed-width numbers and separators off the front of a text.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  int number(std::size_t digits) {
    int value = 0;
    for (; digits > 0; --digits) {
      if (rest_.empty() || !is_digit(rest_.front())) return fail();
      value = value * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    return value;
  }

  char one_of(std::string_view allowed) {
    if (rest_.empty() || allowed.find(rest_.front()) == std::string_view::npos) {
      fail();
      return 0;
    }
    const char found = rest_.front();
    rest_.remove_prefix(1);
    return found;
  }

  microseconds fraction() {
    if (rest_.empty() || rest_.front() != '.') return {};
    rest_.remove_prefix(1);
    microseconds value{0};
    microseconds unit{100'000};
    if (rest_.empty() || !is_digit(rest_.front())) fail();
    for (; !rest_.empty() && is_digit(rest_.front()); rest_.remove_prefix(1), unit /= 10) {
      value += unit * (rest_.front() - '0');
    }
    return value;
  }

  bool finished() const { return good_ && rest_.empty(); }

 private:
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  int fail() {
    good_ = false;
    rest_ = {};
    return 0;
  }

  std::string_view rest_;
  bool good_ = true;
};

}  // namespace

WallTime SystemClock::now() const {
  return std::chrono::floor<microseconds>(std::chrono::system_clock::now());
}

WallTime ServerClock::now() const {
  return std::chrono::floor<milliseconds>(clock_.now()) + server_;
}

WallTime stamp_after(WallTime last, WallTime now) {
  if (now > last) return now;
  const microseconds digits = now - std::chrono::floor<milliseconds>(now);
  const WallTime next = std::chrono::floor<milliseconds>(last) + digits;
  return next > last ? next : next + milliseconds{1};
}

std::string format_rfc3339(WallTime time) {
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  Reader reader(text);
  const std::chrono::year year{reader.number(4)};
  reader.one_of("-");
  const std::chrono::month month{static_cast<unsigned>(reader.number(2))};
  reader.one_of("-");
  const std::chrono::day day{static_cast<unsigned>(reader.number(2))};
  reader.one_of("Tt ");
  const int hour = reader.number(2);
  reader.one_of(":");
  const int minute = reader.number(2);
  reader.one_of(":");
  const int second = reader.number(2);
  const microseconds fraction = reader.fraction();
  const char zone = reader.one_of("Zz+-");
  minutes offset{0};
  if (zone == '+' || zone == '-') {
    const int offset_hours = reader.number(2);
    reader.one_of(":");
    const int offset_minutes = reader.number(2);
    if (offset_hours > 23 || offset_minutes > 59) return std::nullopt;
    offset = (hours{offset_hours} + minutes{offset_minutes}) * (zone == '-' ? -1 : 1);
  }
  const std::chrono::year_month_day date{year, month, day};
  if (!reader.finished() || !date.ok() || hour > 23 || minute > 59 || second > 60) {
    return std::nullopt;
  }
  return std::chrono::sys_days{date} + hours{hour} + minutes{minute} + seconds{second} + fraction -
         offset;
}

}  // namespace userbin::base
