// One userbin: its store, which outlives crashes, and its synchronisation, which does not.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "jsonbin/sync.h"
#include "simulation/network.h"
#include "simulation/witness.h"
#include "simulation/world.h"
#include "support/fake_sync_store.h"

namespace userbin::simulation {

/// Hashes that cost nothing, salted.
class FakeHashes {
 public:
  static bool is_hash(const std::string& text) { return text.starts_with("$h$"); }
  static bool fits(const std::string& hash, std::string_view password);
  std::string hash(std::string_view password);
  jsonbin::Passwords for_sync();

 private:
  int salt_ = 0;
};

/// What all userbins of a history have to do with.
struct Surroundings {
  World& world;
  Network& network;
  Witness& witness;
  FakeHashes& hashes;
  /// Everybody else may do something: called while a request is under way.
  std::function<void()> meanwhile;
};

class Node {
 public:
  /// `names` are those that its users have or want.
  Node(Surroundings& around, std::size_t number, jsonbin::SyncSettings settings,
       std::vector<std::string> names);

  /// One step of the synchronisation; the program is started if it is down and may come up. Gives
  /// when the next is due.
  base::WallTime step();
  /// Somebody registers, changes a password, is deleted, ...: any one of these.
  void act();
  /// One change of one user, who is there: gives his record after it.
  Json::Value change_field(const std::string& key, const std::string& field,
                           const std::string& value);
  Json::Value delete_user(const std::string& key);
  /// Without faults: one whole round that reads everything.
  void run_round();
  /// Without faults: what it does of itself in that time.
  void run_for(std::chrono::milliseconds time);
  void crash_for(std::chrono::seconds pause);

  bool is_up() const { return sync_ != nullptr; }
  test::FakeSyncStore& store() { return store_; }
  Wire& wire() { return wire_; }
  const jsonbin::SyncSettings& settings() const { return settings_; }
  SkewedClock& clock() { return clock_; }
  const jsonbin::SyncStatus& status() const { return sync_->status(); }
  const std::string& name() const { return name_; }

 private:
  void start();
  void hook(test::FakeSyncStore::Moment moment);
  void maybe_crash();
  void look();
  void guarded(const std::function<void()>& what);

  void register_user(const std::string& username);
  /// Changes the record, if the user is there and not deleted; ends his sessions if told.
  void change(const std::string& key, const char* what, bool ends_sessions,
              const std::function<void(Json::Value&)>& edit);
  void remove(const std::string& key);
  void log_in(const std::string& key);
  bool save(const store::User& user, std::optional<std::int64_t> revision);

  Surroundings& around_;
  World& world_;
  const std::string name_;
  const std::size_t number_;
  const jsonbin::SyncSettings settings_;
  const std::vector<std::string> names_;
  SkewedClock clock_;
  test::FakeSyncStore store_;
  base::ServerClock stamps_;
  Wire wire_;
  std::unique_ptr<jsonbin::Sync> sync_;
  base::WallTime down_until_{};
  std::uint64_t seen_changes_ = 0;
  std::optional<std::string> own_key_;
  int depth_ = 0;
  bool is_acting_ = false;
};

/// Names that people want.
extern const std::vector<std::string> kNames;

}  // namespace userbin::simulation
