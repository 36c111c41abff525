#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "store/user_store.h"
#include "support/fake_invitation_store.h"
#include "support/fault.h"

namespace userbin::test {

/// Users in memory. Thread-safe, as UserStore says; fails when it is told to.
class FakeUserStore final : public store::UserStore {
 public:
  Fault fault;
  /// What happens once, when the next find() has read and before it returns; it may
  /// call this store. Set while no other thread calls.
  std::function<void()> after_find;
  /// Where the sessions are that a change ends or begins; nullptr: nowhere.
  store::SessionStore* sessions = nullptr;

  /// Where the invitations are that admit() uses; nullptr: there is none.
  FakeInvitationStore* invitations = nullptr;

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

  store::ChangeResult change(const store::User& user, std::int64_t revision,
                             const store::ChangeEffects& effects) override {
    fault.on_change();
    const std::lock_guard lock(mutex_);
    const auto found = users_.find(user.key());
    if (found == users_.end() || found->second.revision != revision) {
      return store::ChangeResult::kStale;
    }
    const store::User before = found->second.user;
    found->second.user = user;
    if (before.is_active_admin() && !has_admin(users_)) {
      found->second.user = before;
      return store::ChangeResult::kLastAdmin;
    }
    ++found->second.revision;
    if (sessions != nullptr && effects.ends_sessions) sessions->remove_all(user.key());
    if (sessions != nullptr && effects.begins) sessions->insert(*effects.begins);
    deletions_.erase(user.key());
    if (!effects.kept_until) return store::ChangeResult::kDone;
    deletions_[user.key()] = {*effects.kept_until,
                              effects.keeps_former ? std::optional(before) : std::nullopt};
    return store::ChangeResult::kDone;
  }

  store::AdmitResult admit(const store::User& user, std::int64_t revision,
                           const store::InvitationUse& invitation) override {
    fault.on_change();
    const std::lock_guard lock(mutex_);
    const auto found = users_.find(user.key());
    const std::int64_t holder = found == users_.end() ? 0 : found->second.revision;
    const auto good =
        invitations != nullptr ? invitations->find(invitation.token_hash) : std::nullopt;
    if (!good || good->expires_at <= invitation.at) return store::AdmitResult::kNoInvitation;
    if (holder != revision) return store::AdmitResult::kNameTaken;
    if (!invitations->use(invitation)) return store::AdmitResult::kNoInvitation;
    users_.insert_or_assign(user.key(), store::StoredUser{user, revision + 1});
    deletions_.erase(user.key());
    return store::AdmitResult::kDone;
  }

  std::optional<store::User> former(std::string_view key) override {
    fault.on_read();
    const std::lock_guard lock(mutex_);
    const auto found = deletions_.find(key);
    return found == deletions_.end() ? std::nullopt : found->second.former;
  }

  std::size_t forget_deletions(base::WallTime now) override {
    fault.on_change();
    const std::lock_guard lock(mutex_);
    return std::erase_if(deletions_, [&](const auto& deletion) {
      if (deletion.second.kept_until > now) return false;
      const auto user = users_.find(deletion.first);
      if (user != users_.end() && user->second.user.deleted()) users_.erase(user);
      return true;
    });
  }

  bool remove(std::string_view key, std::int64_t revision) override {
    fault.on_change();
    const std::lock_guard lock(mutex_);
    const auto found = users_.find(key);
    if (found == users_.end() || found->second.revision != revision) return false;
    users_.erase(found);
    return true;
  }

  store::ChangeResult import(const std::vector<store::StoredUser>& users,
                             const std::function<void(std::size_t done)>& progress) override {
    fault.on_change();
    const std::lock_guard lock(mutex_);
    auto imported = users_;
    for (const store::StoredUser& stored : users) {
      const auto found = imported.find(stored.user.key());
      const bool is_free = found == imported.end();
      if ((is_free ? 0 : found->second.revision) != stored.revision) {
        return store::ChangeResult::kStale;
      }
      imported.insert_or_assign(stored.user.key(),
                                store::StoredUser{stored.user, stored.revision + 1});
      progress(imported.size());
    }
    if (has_admin(users_) && !has_admin(imported)) return store::ChangeResult::kLastAdmin;
    for (const store::StoredUser& stored : users) {
      if (sessions != nullptr) sessions->remove_all(stored.user.key());
      deletions_.erase(stored.user.key());
    }
    users_ = std::move(imported);
    return store::ChangeResult::kDone;
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

  std::vector<store::User> search(const store::UserFilter& filter, std::string_view after,
                                  std::size_t limit) override {
    fault.on_read();
    const std::lock_guard lock(mutex_);
    std::vector<store::User> users;
    for (auto at = users_.upper_bound(after); at != users_.end() && users.size() < limit; ++at) {
      const store::User& user = at->second.user;
      if (user.deleted() || !at->first.starts_with(filter.key_prefix)) continue;
      if (!filter.role.empty() && user.role() != filter.role) continue;
      if (filter.is_waiting && !user.waiting()) continue;
      users.push_back(user);
    }
    return users;
  }

  void check() override { fault.on_change(); }

 private:
  using Users = std::map<std::string, store::StoredUser, std::less<>>;

  struct Deletion {
    base::WallTime kept_until;
    std::optional<store::User> former;
  };

  static bool has_admin(const Users& users) {
    return std::any_of(users.begin(), users.end(),
                       [](const auto& user) { return user.second.user.is_active_admin(); });
  }

  std::mutex mutex_;
  // Guarded by mutex_:
  Users users_;
  std::map<std::string, Deletion, std::less<>> deletions_;
};

}  // namespace userbin::test
