// What the throttle remembers, within a bound.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "auth/client_key.h"
#include "base/clock.h"
#include "store/throttle_store.h"

namespace userbin::auth {

/// A name as it is counted and kept: its digest under a secret, 128 bits.
using HiddenName = std::array<unsigned char, 16>;

/// As store::ThrottleKey, in little memory.
struct TableKey {
  store::ThrottleKind kind = store::ThrottleKind::kPair;
  /// All zero if the kind has none.
  HiddenName name{};
  ClientKey client{};

  auto operator<=>(const TableKey&) const = default;
};

/// As store::ThrottleEntry, without the key.
struct TableEntry {
  int failures = 0;
  base::WallTime changed_at{};
  base::WallTime held_until{};
  base::WallTime forget_at{};

  friend bool operator==(const TableEntry&, const TableEntry&) = default;
};

/// Entries by key, at most so many of each kind, some 250 bytes each. When a kind is full, the
/// entry that would be forgotten first goes. Not thread-safe.
class ThrottleTable {
 public:
  /// `max_entries` of each kind, 1 or more.
  explicit ThrottleTable(std::size_t max_entries) : max_entries_(max_entries) {}

  /// nullopt if there is none, or it is to be forgotten by `now`.
  std::optional<TableEntry> find(const TableKey& key, base::WallTime now) const;
  void put(const TableKey& key, const TableEntry& entry);
  void erase(const TableKey& key);
  void forget(base::WallTime now);
  /// Those of a kind that are forgotten after `time`.
  std::vector<TableKey> lasting_beyond(store::ThrottleKind kind, base::WallTime time) const;
  /// Makes room for one more of a kind and a name: of `max_clients`, the one that would be
  /// forgotten first goes.
  void make_room_for_client(store::ThrottleKind kind, const HiddenName& name,
                            std::size_t max_clients);
  std::size_t size() const { return entries_.size(); }

  /// Takes in what was kept; it counts as saved.
  void restore(const store::ThrottleEntry& entry);
  /// Takes in what another program has counted, or removed, on top of what was counted here and is
  /// not saved yet.
  void adopt(const store::ThrottleEntry& entry);
  void drop(const store::ThrottleKey& key);
  void lift(const store::ThrottleLift& lift);

  struct Changes {
    std::vector<store::ThrottleEntry> changed;
    std::vector<store::ThrottleKey> gone;
  };
  /// What has changed since it was last taken, or since it was put back.
  Changes take_changes();
  /// For what could not be saved.
  void put_back(const Changes& changes);

 private:
  struct Slot {
    TableEntry entry;
    /// Whether it may be in the store.
    bool is_saved = false;
  };
  void make_room(store::ThrottleKind kind);

  const std::size_t max_entries_;
  std::map<TableKey, Slot> entries_;
  /// By kind, then by when they are forgotten.
  std::set<std::tuple<store::ThrottleKind, base::WallTime, TableKey>> order_;
  std::map<store::ThrottleKind, std::size_t> counts_;
  /// Keys whose entries are not in the store as they are here. Bounded: when the store is away for
  /// long, some that should go from it stay there until they are to be forgotten.
  std::set<TableKey> unsaved_;
};

}  // namespace userbin::auth
