#include "auth/throttle_keeper.h"

#include "base/failure.h"
#include "base/log.h"

namespace userbin::auth {

namespace {

constexpr std::chrono::seconds kLookEvery{1};

}  // namespace

std::string name_key_of(store::ThrottleStore& store) {
  return store.name_key(draw_name_key());
}

ThrottleKeeper::ThrottleKeeper(Throttle& throttle, store::ThrottleStore& store,
                               store::ChangeWatch& changes)
    : throttle_(throttle), store_(store), changes_(changes), own_name_(draw_name_key()) {
  look();
}

void ThrottleKeeper::start() {
  thread_ = std::thread([this] { run(); });
}

void ThrottleKeeper::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
  if (thread_.joinable()) thread_.join();
  flush();
}

void ThrottleKeeper::look() {
  const std::uint64_t version = changes_.version();
  if (version == seen_version_) return;
  const store::ThrottleNews news = store_.news(seen_stamp_, own_name_);
  throttle_.adopt(news);
  seen_stamp_ = news.stamp;
  const std::vector<store::ThrottleLift> lifts = store_.lifts();
  if (lifts != seen_lifts_) throttle_.lift(lifts);
  seen_lifts_ = lifts;
  seen_version_ = version;
}

void ThrottleKeeper::flush() noexcept {
  ThrottleTable::Changes changes;
  try {
    changes = throttle_.take_changes();
    store_.save(changes.changed, changes.gone, own_name_);
  } catch (const std::exception& error) {
    spdlog::warn("who is held off is not written yet: {}", error.what());
    put_back(changes);
  }
}

void ThrottleKeeper::put_back(const ThrottleTable::Changes& changes) noexcept {
  try {
    throttle_.put_back(changes);
  } catch (const std::exception& error) {  // no memory
    spdlog::warn("who is held off is not written: {}", error.what());
  }
}

void ThrottleKeeper::run() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (stopped_.wait_for(lock, kLookEvery, [&] { return stopping_; })) return;
    }
    try {
      look();
    } catch (const std::exception& error) {
      spdlog::debug("what others have counted is not known: {}", error.what());
    }
    flush();
  }
}

}  // namespace userbin::auth
