#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "store/session_limit.h"
#include "store/session_store.h"
#include "support/fault.h"

namespace userbin::test {

/// Sessions in memory. Thread-safe, as SessionStore says; fails when it is told to.
class FakeSessionStore final : public store::SessionStore {
 public:
  Fault fault;

  void insert(const store::Session& session) override {
    fault.on_change();
    const std::lock_guard lock(mutex_);
    if (sessions_.contains(session.token_hash)) {
      throw base::StoreUnavailable("store fake: this token hash is there already");
    }
    make_room(session.user_key);
    sessions_.emplace(session.token_hash, session);
  }

  std::optional<store::Session> find(std::string_view token_hash) override {
    fault.on_read();
    const std::lock_guard lock(mutex_);
    const auto found = sessions_.find(token_hash);
    return found == sessions_.end() ? std::nullopt : std::optional(found->second);
  }

  bool remove(std::string_view token_hash) override {
    fault.on_change();
    return erase_if([&](const store::Session& session) {
             return session.token_hash == token_hash;
           }) == 1;
  }

  std::size_t remove_all(std::string_view user_key) override {
    fault.on_change();
    return erase_if([&](const store::Session& session) { return session.user_key == user_key; });
  }

  std::vector<store::Session> list(std::string_view user_key) override {
    fault.on_read();
    const std::lock_guard lock(mutex_);
    std::vector<store::Session> sessions;
    for (const auto& [hash, session] : sessions_) {
      if (session.user_key == user_key) sessions.push_back(session);
    }
    std::sort(sessions.begin(), sessions.end(), [](const auto& a, const auto& b) {
      return std::tie(a.created_at, a.token_hash) < std::tie(b.created_at, b.token_hash);
    });
    return sessions;
  }

  void touch(const std::vector<store::SessionUse>& uses) override {
    fault.on_change();
    const std::lock_guard lock(mutex_);
    if (!uses.empty()) ++batches_;
    for (const store::SessionUse& use : uses) {
      const auto found = sessions_.find(use.token_hash);
      if (found == sessions_.end() || use.seen_at <= found->second.last_seen_at) continue;
      found->second.last_seen_at = use.seen_at;
      found->second.expires_at = use.expires_at;
    }
  }

  std::size_t remove_expired(base::WallTime now) override {
    fault.on_change();
    return erase_if([&](const store::Session& session) { return session.expires_at <= now; });
  }

  /// How often touch() had something to write.
  int batches() const {
    const std::lock_guard lock(mutex_);
    return batches_;
  }

 private:
  void make_room(const std::string& user_key) {
    std::vector<std::pair<base::WallTime, std::string>> seen;
    for (const auto& [hash, session] : sessions_) {
      if (session.user_key == user_key) seen.emplace_back(session.last_seen_at, hash);
    }
    if (seen.size() < store::kMaxSessionsPerUser) return;
    std::sort(seen.begin(), seen.end());
    seen.resize(seen.size() - store::kMaxSessionsPerUser + 1);
    for (const auto& entry : seen) sessions_.erase(entry.second);
  }

  template <typename Condition>
  std::size_t erase_if(Condition condition) {
    const std::lock_guard lock(mutex_);
    return std::erase_if(sessions_, [&](const auto& entry) { return condition(entry.second); });
  }

  mutable std::mutex mutex_;
  // Guarded by mutex_:
  std::map<std::string, store::Session, std::less<>> sessions_;
  int batches_ = 0;
};

}  // namespace userbin::test
