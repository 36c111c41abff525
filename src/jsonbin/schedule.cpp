#include "jsonbin/schedule.h"

#include <algorithm>

namespace userbin::jsonbin {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// A GET, a PUT and the GET that looks whether it stayed.
constexpr std::int64_t kRequestsPerRound = 3;
constexpr int kMaxDoublings = 20;

}  // namespace

milliseconds BackOff::after_failure(Range range) {
  const auto doubled = range.first * (std::int64_t{1} << std::min(failures_, kMaxDoublings));
  ++failures_;
  const milliseconds longest = std::min(doubled, range.longest);
  const auto half = longest.count() / 2;
  return milliseconds(
      half + static_cast<milliseconds::rep>(random_() % static_cast<std::uint64_t>(half + 1)));
}

BackOff::Range back_off_for(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kAway: return {seconds{1}, seconds{60}};
    case ErrorKind::kSlowDown: return {seconds{2}, minutes{5}};
    case ErrorKind::kOutOfRequests: return {hours{1}, hours{12}};
    case ErrorKind::kNotThere:
    case ErrorKind::kNotAllowed:
    case ErrorKind::kTooBig:
    case ErrorKind::kBlankRefused:
    case ErrorKind::kRefused: return {minutes{1}, hours{1}};
  }
  return {minutes{1}, hours{1}};
}

std::int64_t Budget::hour_of(base::WallTime time) {
  return std::chrono::floor<hours>(time).time_since_epoch().count();
}

milliseconds Budget::distance(std::int64_t used) const {
  if (per_day_ == 0 || used < per_day_ / 4) return milliseconds{0};
  const std::int64_t rounds = std::max<std::int64_t>(1, per_day_ * 3 / 4 / kRequestsPerRound);
  return milliseconds(hours{24}) / rounds;
}

}  // namespace userbin::jsonbin
