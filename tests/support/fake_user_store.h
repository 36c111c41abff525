#pragma once

#include <algorithm>
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

  /// Knows of no sessions that could end.
  store::ImportResult import(const std::vector<store::StoredUser>& users,
                             const std::function<void(std::size_t done)>& progress) override {
    fault.on_change();
    const std::lock_guard lock(mutex_);
    auto imported = users_;
    for (const store::StoredUser& stored : users) {
      const auto found = imported.find(stored.user.key());
      const bool is_free = found == imported.end();
      if ((is_free ? 0 : found->second.revision) != stored.revision) {
        return store::ImportResult::kStale;
      }
      imported.insert_or_assign(stored.user.key(),
                                store::StoredUser{stored.user, stored.revision + 1});
      progress(imported.size());
    }
    if (has_admin(users_) && !has_admin(imported)) return store::ImportResult::kLastAdmin;
    users_ = std::move(imported);
    return store::ImportResult::kDone;
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
  using Users = std::map<std::string, store::StoredUser, std::less<>>;

  static bool has_admin(const Users& users) {
    return std::any_of(users.begin(), users.end(), [](const auto& entry) {
      return store::is_enabled_admin(entry.second.user);
    });
  }

  std::mutex mutex_;
  Users users_;  // guarded by mutex_
};

}  // namespace userbin::test
