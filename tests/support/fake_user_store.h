#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "store/user_store.h"
#include "support/fault.h"

namespace userbin::test {

/// Users in memory. Thread-safe, as UserStore says; fails when it is told to.
class FakeUserStore final : public store::UserStore {
 public:
  Fault fault;
  /// What happens once, when the next find() has read and before it returns; it may
  /// call this store. Set while no other thread calls.
  std::function<void()> after_find;

  std::optional<store::StoredUser> find(std::string_view key) override {
    fault.on_read();
    std::optional<store::StoredUser> found;
    {
      const std::lock_guard lock(mutex_);
      const auto at = users_.find(key);
      if (at != users_.end()) found = at->second;
    }
    if (after_find) std::exchange(after_find, nullptr)();
    return found;
  }

  bool insert(const store::User& user) override {
    fault.on_change();
    const std::lock_guard lock(mutex_);
    return users_.emplace(user.key(), store::StoredUser{user, 1}).second;
  }

  bool update(const store::User& user, std::int64_t revision) override {
    fault.on_change();
    const std::lock_guard lock(mutex_);
    const auto found = users_.find(user.key());
    if (found == users_.end() || found->second.revision != revision) return false;
    found->second = {user, revision + 1};
    return true;
  }

  bool remove(std::string_view key, std::int64_t revision) override {
    fault.on_change();
    const std::lock_guard lock(mutex_);
    const auto found = users_.find(key);
    if (found == users_.end() || found->second.revision != revision) return false;
    users_.erase(found);
    return true;
  }

  std::vector<store::StoredUser> list(std::string_view after, std::size_t limit) override {
    fault.on_read();
    const std::lock_guard lock(mutex_);
    std::vector<store::StoredUser> users;
    for (auto at = users_.upper_bound(after); at != users_.end() && users.size() < limit; ++at) {
      users.push_back(at->second);
    }
    return users;
  }

  void check() override { fault.on_change(); }

 private:
  std::mutex mutex_;
  std::map<std::string, store::StoredUser, std::less<>> users_;  // guarded by mutex_
};

}  // namespace userbin::test
