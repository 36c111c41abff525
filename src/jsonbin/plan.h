// What is to be done so that the store and the bins hold the same list: a pure function over one
// bin or all bins of a collection, by the rules of merge.h.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "jsonbin/merge.h"
#include "store/sync_store.h"

namespace userbin::jsonbin {

/// A bin as it was read.
struct BinCopy {
  std::string id;
  /// nullopt: it was not read this time, so nothing is known of what it holds.
  std::optional<BinDocument> document;
  /// It is to be written in any case: a password stood there as plain text.
  bool must_write = false;
};

struct PlanRules {
  /// Above this a bin takes no further user. Those who are in it stay, and may grow.
  std::size_t max_bytes = 100'000;
  /// Whether a bin may be made for those who find no room.
  bool may_create = false;
  /// Nobody else writes: what was written is known to all.
  bool exclusive = false;
};

/// A document to be written, once the plan's changes are in the store.
struct BinWrite {
  /// Empty: a new bin.
  std::string bin;
  Json::Value document;
  /// What follows from its arrival.
  std::vector<store::SyncChange> on_arrival;
};

struct PlanFinding {
  std::string bin;
  Finding finding;
};

/// For the operator, on one line.
std::string sentence_for(const PlanFinding& found);

struct Plan {
  /// For the store; each user at most once, but for those who are set aside only.
  std::vector<store::SyncChange> changes;
  std::vector<BinWrite> writes;
  /// Keys of users for whom there is no room.
  std::vector<std::string> no_room;
  std::vector<PlanFinding> findings;
};

/// The bytes that a bin's document may have before new users go elsewhere: a little is left of
/// `max_bytes` for changes to those who are there.
std::size_t room_limit(std::size_t max_bytes);

/// The bytes that a record takes in a document, with the comma.
std::size_t wire_bytes(const Json::Value& record);

/// `bins` are in the service's order. A user lives in one of them: the one he was found in, the
/// first if there are several; a new one goes to the last bin. `users` are all users of the store.
Plan make_plan(const std::vector<BinCopy>& bins, const std::vector<store::SyncedUser>& users,
               const PlanRules& rules, base::WallTime now);

/// What a change makes of a user: "new", "changed", "deleted", "removed"; empty if nothing.
std::string_view word_for(const store::SyncChange& change);

/// A line in the audit log for each user whom the changes brought new, changed or deleted.
void audit_pulled(const std::vector<store::SyncChange>& changes, const std::string& by);

/// Applies what the bin brings in transactions of bounded length, as the store's users wait for
/// each. What one of them made is in the audit log, and `told`, as soon as it is made: the rest may
/// fail. False, and the rest not done, if a user has changed meanwhile.
bool apply_pulled(store::SyncStore& store, const std::vector<store::SyncChange>& changes,
                  const std::string& by,
                  const std::function<void(const std::vector<store::SyncChange>&)>& told = nullptr);

}  // namespace userbin::jsonbin
