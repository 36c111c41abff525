#include "jsonbin/bin_replica.h"

#include <algorithm>
#include <exception>
#include <new>
#include <set>
#include <string_view>
#include <utility>

#include "base/failure.h"
#include "base/log.h"
#include "jsonbin/plan.h"

namespace userbin::jsonbin {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMaxPending = 10'000;
constexpr milliseconds kLookEvery{1000};
constexpr milliseconds kLookForOthers{200};
constexpr BackOff::Range kStoreBackOff{std::chrono::seconds{1}, std::chrono::seconds{30}};

/// A user with a short name, an argon2id hash and both times.
constexpr std::size_t kTypicalUserBytes = 240;
constexpr const char* kFull =
    "the bin has no room for further users within --bin-max-bytes, so nobody can register; take "
    "users out, raise it as your plan allows, or use --jsonbin-collection";

}  // namespace

/// Room for a user who is on his way into the store.
class BinReplica::HeldRoom final : public Room {
 public:
  HeldRoom(std::atomic<std::size_t>& held, std::size_t bytes) : held_(held), bytes_(bytes) {
    held_ += bytes_;
  }
  ~HeldRoom() override { held_ -= bytes_; }
  HeldRoom(const HeldRoom&) = delete;
  HeldRoom& operator=(const HeldRoom&) = delete;

 private:
  std::atomic<std::size_t>& held_;
  const std::size_t bytes_;
};

struct BinReplica::Arrived {
  BinReplica& replica;
  Waiter& waiter;

  bool await_ready() { return false; }
  bool await_suspend(std::coroutine_handle<> waiting) {
    waiter.waiting = waiting;
    return replica.enter(waiter);
  }
  bool await_resume() { return waiter.has_arrived; }
};

BinReplica::BinReplica(Sync& sync, Transport& transport, store::SyncStore& store,
                       base::Executor& executor, Options options)
    : sync_(sync), transport_(transport), store_(store), executor_(executor), options_(options) {}

void BinReplica::start() {
  sync_thread_ = std::thread([this] { run_sync(); });
  deadline_thread_ = std::thread([this] { run_deadlines(); });
}

void BinReplica::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    while (!waiters_.empty()) dismiss(waiters_.begin(), false);
  }
  transport_.cancel();
  woken_.notify_all();
  deadline_set_.notify_all();
  if (sync_thread_.joinable()) sync_thread_.join();
  if (deadline_thread_.joinable()) deadline_thread_.join();
}

void BinReplica::retry() {
  {
    const std::lock_guard lock(mutex_);
    must_retry_ = is_woken_ = true;
  }
  woken_.notify_all();
}

std::unique_ptr<store::Replica::Room> BinReplica::room_for(const store::User& user) {
  if (!options_.max_bytes) return std::make_unique<Room>();
  auto room = std::make_unique<HeldRoom>(held_, wire_bytes(user.record()));
  const bool fits = has_room_for(0);
  if (!fits && !was_full_.exchange(true)) spdlog::error("bin: {}", kFull);
  if (fits) was_full_ = false;
  if (!fits) return nullptr;
  return room;
}

bool BinReplica::has_room_for(std::size_t bytes) {
  // In this order: who leaves held_ meanwhile is in the store already, and counts twice rather than
  // not at all.
  const std::size_t held = held_;
  return held + bytes + store_.total_bytes() + foreign_ <= room_limit(*options_.max_bytes);
}

base::Task<bool> BinReplica::arrival(std::string key) {
  Waiter waiter{.key = std::move(key)};
  co_return co_await Arrived{*this, waiter};
}

std::optional<store::Replica::Problem> BinReplica::problem() {
  {
    const std::lock_guard lock(mutex_);
    if (problem_) return problem_;
  }
  if (!options_.max_bytes || has_room_for(kTypicalUserBytes)) return std::nullopt;
  return Problem{.word = "full", .sentence = kFull};
}

bool BinReplica::enter(Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  waiter.deadline = std::chrono::steady_clock::now() + options_.wait;
  if (is_stopping_ || held_until_ >= waiter.deadline) return false;
  waiter.number = ++last_number_;
  waiters_.push_back(&waiter);
  is_woken_ = true;
  woken_.notify_all();
  deadline_set_.notify_all();
  return true;
}

void BinReplica::run_sync() {
  for (;;) {
    milliseconds pause = kLookEvery;
    try {
      pause = step_once();
    } catch (const std::bad_alloc&) {
      // Not even for what went wrong.
    }
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, pause, [&] { return is_woken_ || is_stopping_; });
    if (is_stopping_) return;
    is_woken_ = false;
    if (std::exchange(must_retry_, false)) sync_.read_all_now();
  }
}

milliseconds BinReplica::step_once() {
  try {
    const bool in_turn = has_turn();
    const base::WallTime next = in_turn ? sync_.step() : base::SystemClock().now() + kLookEvery;
    store_failure_.clear();
    store_back_off_.reset();
    foreign_ = sync_.foreign_bytes();
    settle(in_turn);
    if (!in_turn) return is_waited_for() ? kLookForOthers : kLookEvery;
    const auto pause = std::chrono::ceil<milliseconds>(next - base::SystemClock().now());
    // Of what other workers change nobody wakes this one.
    const auto longest = options_.turn == nullptr ? kLookEvery : kLookForOthers;
    return std::clamp(pause, milliseconds{0}, longest);
  } catch (const std::exception& error) {
    if (std::exchange(store_failure_, error.what()) != error.what()) {
      spdlog::error("the synchronisation with the bin pauses: {}", error.what());
    }
    return store_back_off_.after_failure(kStoreBackOff);
  }
}

bool BinReplica::has_turn() {
  const bool in_turn = options_.turn == nullptr || options_.turn->is_held();
  // Whoever had the turn meanwhile has written what this one does not know.
  if (in_turn && !had_turn_) sync_.read_all_now();
  had_turn_ = in_turn;
  return in_turn;
}

bool BinReplica::is_waited_for() {
  const std::lock_guard lock(mutex_);
  return !waiters_.empty();
}

/// Lets those go on whose change has arrived, or will not within their time.
void BinReplica::settle(bool has_turn) {
  const auto now = std::chrono::steady_clock::now();
  const auto next_attempt = has_turn ? sync_.status().next_attempt : std::nullopt;
  const auto hold = next_attempt && sync_.is_idle()
                        ? std::chrono::ceil<milliseconds>(*next_attempt - base::SystemClock().now())
                        : milliseconds{0};
  std::uint64_t last_asked = 0;
  {
    const std::lock_guard lock(mutex_);
    problem_ = has_turn ? sync_.status().problem : std::nullopt;
    held_until_ = now + std::min<milliseconds>(hold, std::chrono::hours{24});
    if (waiters_.empty()) return;
    last_asked = last_number_;
  }
  // Of who comes from here on, the change may not be among these.
  const auto pending = store_.pending(kMaxPending);
  std::set<std::string_view> keys;
  for (const store::PendingChange& change : pending) keys.insert(change.key);
  const bool is_all = pending.size() < kMaxPending;
  const std::lock_guard lock(mutex_);
  for (auto at = waiters_.begin(); at != waiters_.end();) {
    const auto waiter = at++;
    const std::string& key = (*waiter)->key;
    const bool is_known = (*waiter)->number <= last_asked && (is_all || key <= pending.back().key);
    if (is_known && !keys.contains(key)) {
      dismiss(waiter, true);
    } else if (held_until_ >= (*waiter)->deadline) {
      dismiss(waiter, false);
    }
  }
}

void BinReplica::run_deadlines() {
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    if (waiters_.empty()) {
      deadline_set_.wait(lock);
      continue;
    }
    const Deadline next = waiters_.front()->deadline;
    if (std::chrono::steady_clock::now() >= next) {
      dismiss(waiters_.begin(), false);
    } else {
      deadline_set_.wait_until(lock, next);
    }
  }
}

void BinReplica::dismiss(std::list<Waiter*>::iterator waiter, bool has_arrived) {
  Waiter& leaving = **waiter;
  waiters_.erase(waiter);
  leaving.has_arrived = has_arrived;
  executor_.post(leaving.waiting);  // it may be gone from here on
}

}  // namespace userbin::jsonbin
