// What is counted of requests, logins and registrations, to be shown by whoever watches the worker.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

#include "base/tally.h"
#include "http/router.h"

namespace userbin::handlers {

/// A Counter for each of a few values that have names: Enum's enumerators, from 0, in the order of
/// `names`. Any thread may call.
template <typename Enum, std::size_t kCount>
class Outcomes {
 public:
  explicit Outcomes(const std::array<std::string_view, kCount>& names) : names_(names) {}

  void add(Enum outcome) { counters_[static_cast<std::size_t>(outcome)].add(); }
  std::string_view name(Enum outcome) const { return names_[static_cast<std::size_t>(outcome)]; }

  const std::array<std::string_view, kCount>& names() const { return names_; }
  const std::array<base::Counter, kCount>& counters() const { return counters_; }

 private:
  const std::array<std::string_view, kCount> names_;
  std::array<base::Counter, kCount> counters_;
};

/// What a login came to.
enum class SignIn { kOk, kWrongPassword, kUnknownUser, kDisabled, kAwaitingApproval, kThrottled };
/// What a registration came to that had everything it needs.
enum class Registration {
  kOk,
  kAwaitingApproval,
  kUsernameTaken,
  kInvalidInvitation,
  kUserListFull,
  kThrottled
};

struct AccountStats {
  Outcomes<SignIn, 6> sign_ins{
      {"ok", "wrong_password", "unknown_user", "disabled", "awaiting_approval", "throttled"}};
  Outcomes<Registration, 6> registrations{{"ok", "awaiting_approval", "username_taken",
                                           "invalid_invitation", "user_list_full", "throttled"}};
};

/// How often each route had each status, and how long it took. Any thread may call.
class RequestStats {
 public:
  static constexpr std::array kStatuses{200, 202, 400, 401, 403, 404, 405,
                                        409, 413, 415, 429, 500, 503, 507};

  /// Requests to one route of the table, or to none of them: then both texts are empty.
  struct Entry {
    std::string method;
    /// The pattern in the table, not what was asked for: "/users/**".
    std::string pattern;
    /// The last is for any other status.
    std::array<base::Counter, kStatuses.size() + 1> by_status{};
    base::DurationHistogram duration{};
  };

  /// `router` outlives this.
  explicit RequestStats(const http::Router& router) : first_(router.routes().data()) {
    for (const http::Route& route : router.routes()) {
      Entry& entry = entries_.emplace_back();
      entry.method = route.method;
      entry.pattern = route.path;
    }
    entries_.emplace_back();
  }

  /// `route` is the router's, or nullptr.
  void count(const http::Route* route, int status, std::chrono::nanoseconds duration) {
    Entry& entry =
        route == nullptr ? entries_.back() : entries_[static_cast<std::size_t>(route - first_)];
    const auto* known = std::find(kStatuses.begin(), kStatuses.end(), status);
    entry.by_status[static_cast<std::size_t>(known - kStatuses.begin())].add();
    entry.duration.observe(duration);
  }

  /// In the order of the table; the last is for what no route is for.
  const std::deque<Entry>& entries() const { return entries_; }

 private:
  const http::Route* const first_;
  std::deque<Entry> entries_;
};

}  // namespace userbin::handlers
