#include "auth/throttle.h"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include <sodium.h>

#include "base/text.h"
#include "store/user.h"

namespace userbin::auth {

namespace {

using std::chrono::microseconds;
using std::chrono::seconds;
using store::ThrottleKind;

constexpr seconds kFirstDelay{1};
constexpr seconds kNobodysDelayMax{8};
constexpr std::chrono::hours kWindow{1};
constexpr std::chrono::hours kForgetFailuresAfter{1};
constexpr std::chrono::days kForgetWaitsAfter{1};
constexpr std::chrono::days kForgetKnownAfter{90};
/// How old the note of a login may be without being written anew.
constexpr std::chrono::days kRenewKnownAfter{1};
constexpr std::size_t kKnownClientsPerName = 32;

constexpr std::array kKinds{ThrottleKind::kPair, ThrottleKind::kLogins,
                            ThrottleKind::kRegistrations, ThrottleKind::kAccount,
                            ThrottleKind::kKnown};

microseconds lifetime_of(ThrottleKind kind) {
  switch (kind) {
    case ThrottleKind::kPair: return kForgetWaitsAfter;
    case ThrottleKind::kKnown: return kForgetKnownAfter;
    default: return kWindow;
  }
}

/// The wait after so many wrong passwords of which `free` cost nothing.
microseconds delay_after(int failures, int free, seconds longest) {
  if (free == 0 || failures < free) return microseconds{0};
  seconds delay = kFirstDelay;
  for (int i = free; i < failures && delay < longest; ++i) delay *= 2;
  return std::min(delay, longest);
}

/// How long a charge lasts if there may be `limit` in a window.
microseconds share_of(int limit) {
  return microseconds(kWindow) / limit;
}

/// With this debt the next charge would be one too many until then (the generic cell rate
/// algorithm: ITU-T I.371, annex A, where forget_at is the theoretical arrival time).
base::WallTime held_until(base::WallTime forget_at, int limit) {
  return forget_at + share_of(limit) - kWindow;
}

}  // namespace

std::string draw_name_key() {
  std::string bytes(crypto_generichash_KEYBYTES, '\0');
  randombytes_buf(bytes.data(), bytes.size());
  return base::to_hex(bytes);
}

HiddenName hidden_name(std::string_view name_key, std::string_view username) {
  const std::string key = store::user_key(username);
  HiddenName hidden{};
  crypto_generichash(hidden.data(), hidden.size(),
                     reinterpret_cast<const unsigned char*>(key.data()), key.size(),
                     reinterpret_cast<const unsigned char*>(name_key.data()), name_key.size());
  return hidden;
}

std::string hidden_name_text(std::string_view name_key, std::string_view username) {
  const HiddenName hidden = hidden_name(name_key, username);
  return base::to_hex({reinterpret_cast<const char*>(hidden.data()), hidden.size()});
}

Throttle::Throttle(ThrottleRules rules, std::string name_key, const base::Clock& clock)
    : rules_(rules), name_key_(std::move(name_key)), clock_(clock), table_(rules.max_entries) {}

Throttle::Attempt Throttle::try_login(std::string_view username, std::string_view address) {
  const HiddenName name = hidden_name(name_key_, username);
  const ClientKey client(address);
  const TableKey pair{ThrottleKind::kPair, name, client};
  const TableKey logins{ThrottleKind::kLogins, {}, client};
  const TableKey account{ThrottleKind::kAccount, name, {}};
  Attempt attempt(*this);
  const std::lock_guard lock(mutex_);
  const base::WallTime now = clock_.now();
  const bool is_known = table_.find({ThrottleKind::kKnown, name, client}, now).has_value();
  microseconds wait = hold_of(pair, now);
  if (!is_known) wait = std::max(wait, hold_of(logins, now));
  attempt.retry_after_ = std::chrono::ceil<seconds>(wait);
  if (wait > microseconds{0}) {
    refused_logins_.add();
    return attempt;
  }

  const bool is_attacked = !is_known && hold_of(account, now) > microseconds{0};
  attempt.is_open_ = true;
  attempt.pair_ = pair;
  count_failure(attempt, is_attacked, now);
  if (is_known) return attempt;
  if (client.is_address()) charge(attempt, logins, rules_.logins_per_client, now);
  charge(attempt, account, rules_.failures_per_account, now);
  return attempt;
}

Throttle::Attempt Throttle::try_registration(std::string_view address) {
  const TableKey key{ThrottleKind::kRegistrations, {}, ClientKey(address)};
  Attempt attempt(*this);
  const std::lock_guard lock(mutex_);
  const base::WallTime now = clock_.now();
  const microseconds wait = hold_of(key, now);
  attempt.retry_after_ = std::chrono::ceil<seconds>(wait);
  if (wait > microseconds{0}) refused_registrations_.add();
  if (wait > microseconds{0} || !key.client.is_address()) return attempt;
  attempt.is_open_ = true;
  charge(attempt, key, rules_.registrations_per_client, now);
  return attempt;
}

microseconds Throttle::hold_of(const TableKey& key, base::WallTime now) {
  const auto found = table_.find(key, now);
  if (!found) return microseconds{0};
  const TableEntry entry = bounded(key.kind, *found, now);
  if (entry != *found) put(key, entry);
  return std::max(entry.held_until - now, microseconds{0});
}

TableEntry Throttle::bounded(ThrottleKind kind, TableEntry entry, base::WallTime now) const {
  entry.changed_at = std::min(entry.changed_at, now);
  entry.held_until = std::min(entry.held_until, now + longest_hold(kind));
  entry.forget_at = std::min(entry.forget_at, now + lifetime_of(kind));
  return entry;
}

microseconds Throttle::longest_hold(ThrottleKind kind) const {
  const int limit = limit_of(kind);
  if (kind != ThrottleKind::kPair) return limit == 0 ? microseconds{0} : share_of(limit);
  const bool is_off = limit == 0 && rules_.failures_per_account == 0;
  return is_off ? microseconds{0} : microseconds(rules_.delay_max);
}

void Throttle::count_failure(Attempt& attempt, bool waits_longest, base::WallTime now) {
  if (rules_.login_failures == 0 && !waits_longest) return;
  const TableKey& key = attempt.pair_;
  TableEntry entry = table_.find(key, now).value_or(TableEntry{});
  const bool is_somebody = key.client.is_address();
  const seconds longest =
      is_somebody ? rules_.delay_max : std::min(rules_.delay_max, kNobodysDelayMax);
  const base::WallTime held_before = entry.held_until;
  ++entry.failures;
  microseconds delay = delay_after(entry.failures, rules_.login_failures, longest);
  if (waits_longest) delay = longest;
  entry.changed_at = now;
  entry.held_until = now + delay;
  entry.forget_at = delay > microseconds{0} ? now + kForgetWaitsAfter : now + kForgetFailuresAfter;
  put(key, entry);
  attempt.held_before_ = held_before;
  attempt.held_by_this_ = entry.held_until;
}

void Throttle::charge(Attempt& attempt, const TableKey& key, int limit, base::WallTime now) {
  if (limit == 0) return;
  TableEntry entry = table_.find(key, now).value_or(TableEntry{.forget_at = now});
  const base::WallTime before = std::min(entry.forget_at, now + kWindow);
  entry.changed_at = now;
  entry.forget_at = std::min(before + share_of(limit), now + kWindow);
  entry.held_until = held_until(entry.forget_at, limit);
  put(key, entry);
  attempt.charged_.emplace_back(key, entry.forget_at - before);
}

void Throttle::put(const TableKey& key, const TableEntry& entry) {
  last_hold_ = std::max(last_hold_, entry.held_until);
  table_.put(key, entry);
}

int Throttle::limit_of(ThrottleKind kind) const {
  switch (kind) {
    case ThrottleKind::kPair: return rules_.login_failures;
    case ThrottleKind::kLogins: return rules_.logins_per_client;
    case ThrottleKind::kRegistrations: return rules_.registrations_per_client;
    case ThrottleKind::kAccount: return rules_.failures_per_account;
    case ThrottleKind::kKnown: break;
  }
  return 0;
}

void Throttle::undo(const Attempt& attempt) {
  const std::lock_guard lock(mutex_);
  const base::WallTime now = clock_.now();
  undo_charges(attempt, now);
  const bool is_counted = attempt.held_by_this_ != base::WallTime{};
  auto pair = table_.find(attempt.pair_, now);
  if (!is_counted || !pair) return;
  --pair->failures;
  if (pair->held_until == attempt.held_by_this_) pair->held_until = attempt.held_before_;
  if (pair->failures > 0) {
    put(attempt.pair_, *pair);
  } else {
    table_.erase(attempt.pair_);
  }
}

void Throttle::undo_charges(const Attempt& attempt, base::WallTime now) {
  for (const auto& [key, charge] : attempt.charged_) {
    auto entry = table_.find(key, now);
    if (!entry) continue;
    entry->forget_at -= charge;
    entry->held_until = held_until(entry->forget_at, limit_of(key.kind));
    if (entry->forget_at > now) {
      put(key, *entry);
    } else {
      table_.erase(key);
    }
  }
}

void Throttle::note_success(const Attempt& attempt) {
  const TableKey& pair = attempt.pair_;
  const TableKey key{ThrottleKind::kKnown, pair.name, pair.client};
  const std::lock_guard lock(mutex_);
  const base::WallTime now = clock_.now();
  undo_charges(attempt, now);
  table_.erase(pair);
  if (!pair.client.is_address()) return;
  const auto known = table_.find(key, now);
  if (known && now - known->changed_at < kRenewKnownAfter) return;
  if (!known) table_.make_room_for_client(key.kind, key.name, kKnownClientsPerName);
  put(key, {.changed_at = now, .forget_at = now + kForgetKnownAfter});
}

void Throttle::adopt(const store::ThrottleNews& news) {
  const std::lock_guard lock(mutex_);
  for (const store::ThrottleEntry& entry : news.changed) {
    table_.adopt(entry);
    last_hold_ = std::max(last_hold_, entry.held_until);
  }
  for (const store::ThrottleKey& key : news.gone) table_.drop(key);
}

void Throttle::lift(const std::vector<store::ThrottleLift>& lifts) {
  const std::lock_guard lock(mutex_);
  for (const store::ThrottleLift& lift : lifts) table_.lift(lift);
}

ThrottleTable::Changes Throttle::take_changes() {
  const std::lock_guard lock(mutex_);
  const base::WallTime now = clock_.now();
  table_.forget(now);
  for (const ThrottleKind kind : kKinds) {
    for (const TableKey& key : table_.lasting_beyond(kind, now + lifetime_of(kind))) {
      put(key, bounded(kind, *table_.find(key, now), now));
    }
  }
  return table_.take_changes();
}

void Throttle::put_back(const ThrottleTable::Changes& changes) {
  const std::lock_guard lock(mutex_);
  table_.put_back(changes);
}

bool Throttle::holds_anybody() const {
  const std::lock_guard lock(mutex_);
  return last_hold_ > clock_.now();
}

std::size_t Throttle::size() const {
  const std::lock_guard lock(mutex_);
  return table_.size();
}

Throttle::Attempt::Attempt(Attempt&& other) noexcept
    : throttle_(other.throttle_),
      retry_after_(other.retry_after_),
      is_open_(std::exchange(other.is_open_, false)),
      pair_(other.pair_),
      held_before_(other.held_before_),
      held_by_this_(other.held_by_this_),
      charged_(std::move(other.charged_)) {}

Throttle::Attempt::~Attempt() {
  if (!is_open_) return;
  try {
    throttle_.undo(*this);
  } catch (const std::bad_alloc&) {
    // It stays counted.
  }
}

void Throttle::Attempt::keep() {
  is_open_ = false;
}

void Throttle::Attempt::succeed() {
  if (std::exchange(is_open_, false)) throttle_.note_success(*this);
}

}  // namespace userbin::auth
