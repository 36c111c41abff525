// A synchronisation between a store and a service in memory, at a time that the test decides.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "jsonbin/sync.h"
#include "support/captured_log.h"
#include "support/fake_clock.h"
#include "support/fake_service.h"
#include "support/fake_sync_store.h"
#include "support/json_text.h"

namespace userbin::test {

using Log = std::vector<std::string>;

inline constexpr const char* kKey = "$2a$10$not/a/real.key";

/// "$1" + the password backwards: quick, and nobody finds the password in it.
inline std::string fake_hash(std::string_view password) {
  return "$1" + std::string(password.rbegin(), password.rend());
}

/// Counts the hashes that it makes in `hashes`, which outlives it.
inline jsonbin::Passwords fake_passwords(int& hashes) {
  return {.is_hash = [](const std::string& text) { return text.starts_with('$'); },
          .verify =
              [](const std::string& hash, const base::SecretString& password) {
                return hash == fake_hash(password.reveal());
              },
          .hash =
              [&hashes](const base::SecretString& password) {
                ++hashes;
                return fake_hash(password.reveal());
              }};
}

struct SyncOnFakes {
  FakeClock clock;
  FakeSyncStore store;
  FakeService service;
  jsonbin::SyncSettings settings{.bin_id = "bin1"};
  int hashes = 0;  // that were made
  CapturedLog log;
  std::unique_ptr<jsonbin::Sync> sync;

  /// As the program starts.
  void start() {
    sync = std::make_unique<jsonbin::Sync>(
        service, jsonbin::Client::Settings{.key = base::SecretString(kKey)}, store, clock,
        fake_passwords(hashes), settings, 7);
  }

  /// Steps for a time; then nothing is due before its end.
  void run(std::chrono::microseconds time) {
    const base::WallTime end = clock.now() + time;
    for (;;) {
      const base::WallTime next = sync->step();
      if (next <= clock.now()) continue;
      const base::WallTime until = std::min(next, end);
      clock.advance(until - clock.now());
      if (next > end) return;
    }
  }
  /// Until all that is due now is done; the delay of a round may pass.
  void settle() { run(settings.delay); }
  /// The log of settle().
  Log settled() {
    settle();
    return service.take_log();
  }
  /// A start with a first round in which nothing is written or logged.
  void start_quietly() {
    start();
    settle();
    service.take_log();
  }
  /// Users in the store and the bin, and a synchronisation that is at rest.
  void start_with(const std::vector<std::string>& names) {
    service.put(settings.bin_id, "[{}]");
    for (const std::string& name : names) add(name);
    start();
    run(std::chrono::minutes{2});
    service.take_log();
  }

  void add(const std::string& name) { store.insert(store::User(name, "$hash", clock.now())); }
  /// Sets a member of a user, as somebody who uses the site does.
  void change(const std::string& key, const std::string& member, const Json::Value& value) {
    store::StoredUser stored = *store.find(key);
    Json::Value record = stored.user.record();
    record[member] = value;
    store::User user(record);
    user.touch(clock.now());
    store.update(user, stored.revision);
  }
  /// What the owner of the bin types into its element number `index`.
  void edit(const std::string& bin, int index, const std::string& member,
            const Json::Value& value) {
    Json::Value document = service.json(bin);
    document[index][member] = value;
    service.put(bin, base::to_json(document));
  }

  Json::Value record(const std::string& key) {
    const auto stored = store.find(key);
    return stored ? stored->user.record() : Json::Value();
  }
  std::vector<std::string> users_in(const std::string& bin) const {
    std::vector<std::string> names;
    for (const Json::Value& element : service.json(bin)) {
      if (element.isObject() && !element.empty()) names.push_back(element["username"].asString());
    }
    return names;
  }
  /// All that the store knows, but the state.
  std::string dump() {
    Json::Value all(Json::arrayValue);
    for (const store::SyncedUser& user : store.load()) {
      Json::Value row;
      row["record"] = user.user.record();
      row["revision"] = Json::Int64{user.revision};
      row["in_bin"] = Json::Int64{user.in_bin};
      row["notes"] = user.notes.bin + " " + user.notes.common + " " + user.notes.written + " " +
                     user.notes.merged;
      for (const Json::Value& version : user.notes.versions) row["versions"].append(version);
      all.append(row);
    }
    for (const Json::Value& record : store.set_aside()) all.append(record);
    return base::to_json(all);
  }

  /// "": all is well.
  std::string problem() const { return sync->status().problem ? sync->status().problem->word : ""; }
  /// From now until the next attempt; 0 if nothing keeps it back.
  std::chrono::microseconds hold() const {
    const auto next = sync->status().next_attempt;
    return next ? *next - clock.now() : std::chrono::microseconds{0};
  }
};

}  // namespace userbin::test
