#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

#include "store/invitation_store.h"
#include "support/fault.h"

namespace userbin::test {

/// Invitations in memory. Thread-safe, as InvitationStore says; fails when it is told to.
class FakeInvitationStore final : public store::InvitationStore {
 public:
  Fault fault;

  void insert(const store::Invitation& invitation) override {
    fault.on_change();
    const std::lock_guard lock(mutex_);
    invitations_[invitation.token_hash] = invitation;
  }

  std::optional<store::Invitation> find(std::string_view token_hash) override {
    fault.on_read();
    const std::lock_guard lock(mutex_);
    const auto found = invitations_.find(token_hash);
    return found == invitations_.end() ? std::nullopt : std::optional(found->second);
  }

  std::vector<store::Invitation> list() override {
    fault.on_read();
    const std::lock_guard lock(mutex_);
    std::vector<store::Invitation> all;
    for (const auto& [hash, invitation] : invitations_) all.push_back(invitation);
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.created_at > b.created_at; });
    return all;
  }

  bool remove(std::string_view token_hash) override {
    fault.on_change();
    const std::lock_guard lock(mutex_);
    const auto found = invitations_.find(token_hash);
    if (found == invitations_.end()) return false;
    invitations_.erase(found);
    return true;
  }

  std::size_t remove_expired(base::WallTime now) override {
    fault.on_change();
    const std::lock_guard lock(mutex_);
    return std::erase_if(invitations_,
                         [&](const auto& each) { return each.second.expires_at <= now; });
  }

  /// For FakeUserStore::admit(). Whether there was one that is good.
  bool use(const store::InvitationUse& use) {
    const std::lock_guard lock(mutex_);
    const auto found = invitations_.find(use.token_hash);
    if (found == invitations_.end() || found->second.expires_at <= use.at) return false;
    invitations_.erase(found);
    return true;
  }

 private:
  std::mutex mutex_;
  // Guarded by mutex_:
  std::map<std::string, store::Invitation, std::less<>> invitations_;
};

}  // namespace userbin::test
