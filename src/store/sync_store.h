// What is kept for keeping the list of users the same in the store and in a JSON bin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <json/value.h>

#include "base/clock.h"
#include "store/user.h"

namespace userbin::store {

/// What is known of a user's past in the bins. The words are explained in jsonbin/merge.h
/// (KnownUser); texts are empty where nothing is known.
struct SyncNotes {
  /// The id of the bin that holds the user.
  std::string bin;
  std::string common;
  std::string written;
  /// The stamp of the last version that was made here of two servers' versions.
  std::string merged;
  std::vector<Json::Value> versions;

  friend bool operator==(const SyncNotes&, const SyncNotes&) = default;
};

struct SyncedUser {
  User user;
  std::int64_t revision = 1;
  /// The latest revision that was in the bin, as far as known: if it is not `revision`, a change is
  /// pending.
  std::int64_t in_bin = 0;
  SyncNotes notes;
};

/// What becomes of one user.
struct SyncChange {
  std::string key;
  /// What the change was made from; 0: there was no such user. Looked at only with `record` or
  /// `remove`.
  std::int64_t revision = 0;
  /// The new record, whose revision is one higher. nullopt: it stays as it is.
  std::optional<Json::Value> record;
  /// The user goes, with all that is known of him and his sessions.
  bool remove = false;
  bool ends_sessions = false;
  /// The revision that has arrived in the bin; in_bin only rises by this.
  std::optional<std::int64_t> in_bin;
  /// nullopt: they stay as they are.
  std::optional<SyncNotes> notes;
  /// A user who lost his name to another one, for the owner to see.
  std::optional<Json::Value> set_aside;
};

/// A change that is not in the bin yet.
struct PendingChange {
  std::string key;
  std::int64_t revision = 0;
  /// SyncNotes::bin.
  std::string bin;
};

/// Same promises as UserStore: atomic, durable, any thread, base::StoreUnavailable.
class SyncStore {
 public:
  virtual ~SyncStore() = default;

  /// Names the place that all of the rest is about. If it was another one before, what was known of
  /// that is forgotten: every user is pending, and has no notes.
  virtual void set_place(const std::string& place) = 0;
  /// Empty if none was named.
  virtual std::string place() = 0;

  /// All users, in the order of their keys.
  virtual std::vector<SyncedUser> load() = 0;
  /// Users with pending changes, in the order of their keys, up to `limit`.
  virtual std::vector<PendingChange> pending(std::size_t limit) = 0;
  virtual std::size_t count_pending() = 0;
  /// The bytes of all records as they are stored, with a separator each.
  virtual std::size_t total_bytes() = 0;

  /// Makes all changes or none. False, and nothing changed, if a user is no longer as a change was
  /// made from.
  virtual bool apply(const std::vector<SyncChange>& changes) = 0;
  virtual std::vector<Json::Value> set_aside() = 0;

  /// A text that the synchronisation keeps about itself; empty at first.
  virtual std::string state() = 0;
  virtual void set_state(const std::string& state) = 0;

  /// Counts a request that is about to be sent, under its hour (since 1970).
  virtual void count_request(std::int64_t hour) = 0;
  /// Requests counted in `since_hour` and later.
  virtual std::int64_t requests(std::int64_t since_hour) = 0;

  /// A number from 0 to 999 that this store drew when it was first asked.
  virtual int server_number() = 0;
};

}  // namespace userbin::store
