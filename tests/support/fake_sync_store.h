#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "store/sync_store.h"
#include "store/user_store.h"
#include "support/fault.h"

namespace userbin::test {

/// The death of a program, thrown through it.
struct Crash {};

/// One database in memory, as SqlUserStore and SqlSyncStore share it. Thread-safe, as those say;
/// fails when it is told to. Outlives those who use it, as a file does.
class FakeSyncStore final : public store::UserStore, public store::SyncStore {
 public:
  enum class Moment { kBeforeChange, kAfterChange };

  explicit FakeSyncStore(int server_number = 0) : server_number_(server_number) {}

  Fault fault;
  /// Called before and after every durable change (also one that is refused), on its thread and
  /// without a lock, so it may use the store. What it throws comes out of the change. Set it while
  /// nobody else uses the store.
  std::function<void(Moment)> hook;

  // UserStore
  std::optional<store::StoredUser> find(std::string_view key) override;
  bool insert(const store::User& user) override;
  bool update(const store::User& user, std::int64_t revision) override;
  /// Knows of sessions and of what a deletion keeps only that sessions end.
  store::ChangeResult change(const store::User& user, std::int64_t revision,
                             const store::ChangeEffects& effects) override;
  store::AdmitResult admit(const store::User&, std::int64_t, const store::InvitationUse&) override {
    return store::AdmitResult::kNoInvitation;
  }
  std::optional<store::User> former(std::string_view) override { return std::nullopt; }
  std::size_t forget_deletions(base::WallTime) override { return 0; }
  bool remove(std::string_view key, std::int64_t revision) override;
  store::ChangeResult import(const std::vector<store::StoredUser>& users,
                             const std::function<void(std::size_t done)>& progress) override;
  std::vector<store::StoredUser> list(std::string_view after, std::size_t limit) override;
  std::vector<store::User> search(const store::UserFilter&, std::string_view,
                                  std::size_t) override {
    return {};
  }
  void check() override { fault.on_change(); }

  // SyncStore
  void set_place(const std::string& place) override;
  std::string place() override;
  std::vector<store::SyncedUser> load() override;
  std::vector<store::PendingChange> pending(std::size_t limit) override;
  std::size_t count_pending() override;
  std::size_t total_bytes() override;
  bool apply(const std::vector<store::SyncChange>& changes) override;
  std::vector<Json::Value> set_aside() override;
  std::string state() override;
  void set_state(const std::string& state) override;
  void count_request(std::int64_t hour) override;
  std::int64_t requests(std::int64_t since_hour) override;
  int server_number() override;

  /// Counts the changes to users and to what is known of their past. Without faults.
  std::uint64_t user_changes();

  /// The table of sessions, as far as SyncStore knows it: a user's key and any token.
  void add_session(const std::string& key, const std::string& token);
  std::set<std::pair<std::string, std::string>> sessions();
  void end_sessions(const std::string& key);

 private:
  struct Row {
    store::User user;
    std::int64_t revision = 1;
    std::int64_t in_bin = 0;
  };
  /// What there was of one user before a transaction.
  struct Before;

  template <typename Read>
  auto read(Read what) {
    fault.on_read();
    const std::lock_guard lock(mutex_);
    return what();
  }

  /// What `what` returns.
  template <typename Change>
  auto change(Change what) {
    fault.on_change();
    if (hook) hook(Moment::kBeforeChange);
    const auto result = [&] {
      const std::lock_guard lock(mutex_);
      return what();
    }();
    if (hook) hook(Moment::kAfterChange);
    return result;
  }

  /// The same for what changes users: counted if it was done.
  template <typename Change>
  bool change_users(Change what) {
    return change([&] {
      const bool is_done = what();
      if (is_done) ++user_changes_;
      return is_done;
    });
  }

  // mutex_ is held:
  bool replace(const store::User& user, std::int64_t revision);
  bool apply_one(const store::SyncChange& change);
  bool import_one(const store::StoredUser& stored);
  bool has_enabled_admin() const;
  store::SyncNotes notes_of(const std::string& key) const;
  void drop_sessions(const std::string& key);

  const int server_number_;
  std::mutex mutex_;
  // Guarded by mutex_:
  std::map<std::string, Row, std::less<>> rows_;
  std::map<std::string, store::SyncNotes> notes_;
  std::set<std::pair<std::string, std::string>> set_aside_;  // key, record
  std::set<std::pair<std::string, std::string>> sessions_;   // key, token
  std::map<std::int64_t, std::int64_t> requests_;
  std::uint64_t user_changes_ = 0;
  std::string place_;
  std::string state_;
};

}  // namespace userbin::test
