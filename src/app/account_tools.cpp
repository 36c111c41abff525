#include "app/account_tools.h"

namespace userbin::app {

namespace {

auth::HashPool::Options one_at_a_time(auth::HashPool::Options options) {
  options.slots = 1;
  return options;
}

}  // namespace

void WaitingThread::post(std::coroutine_handle<> work) {
  // Notified under the lock: once it is let go, the other thread may end, and this object with it.
  const std::lock_guard lock(mutex_);
  work_.push_back(work);
  posted_.notify_one();
}

std::coroutine_handle<> WaitingThread::next() {
  std::unique_lock lock(mutex_);
  posted_.wait(lock, [&] { return !work_.empty(); });
  const std::coroutine_handle<> work = work_.front();
  work_.pop_front();
  return work;
}

std::unique_ptr<store::Replica::Room> BinRoom::room_for(const store::User& user) {
  if (!settings_.sync.bin_id.empty()) {
    const std::size_t bytes = store_.total_bytes() + jsonbin::wire_bytes(user.record());
    if (bytes > jsonbin::room_limit(settings_.sync.max_bytes)) return nullptr;
  }
  return std::make_unique<Room>();
}

store::User find_user(OpenStore& store, const std::string& username) {
  auto found = store.users().find(store::user_key(username));
  if (found && !found->user.deleted()) return std::move(found->user);
  throw Failed("there is no user '" + shown(username) + "'" +
               (found ? "; who had the name was deleted, see 'userbin user restore --help'" : ""));
}

AccountTools::AccountTools(const Settings& settings, OpenStore& store)
    : room(settings.bin, store.rows()),
      hashes(one_at_a_time(settings.hashing), thread),
      administration(store.users(), room, hashes, store.clock()) {}

}  // namespace userbin::app
