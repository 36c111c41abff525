// Where it is kept how often logins and registrations were tried.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"

namespace userbin::store {

/// What is counted; the numbers stand in the store.
enum class ThrottleKind {
  /// Wrong passwords for a name from a client.
  kPair = 1,
  /// Wrong passwords from a client, for whatever name.
  kLogins = 2,
  /// Registrations from a client.
  kRegistrations = 3,
  /// Wrong passwords for a name, from wherever.
  kAccount = 4,
  /// Nothing: that a client has logged in to a name.
  kKnown = 5,
};

struct ThrottleKey {
  ThrottleKind kind = ThrottleKind::kPair;
  /// auth::hidden_name(), as people type a password into the field for the name at times. Empty if
  /// the kind has none.
  std::string name;
  /// auth::ClientKey::text(); empty if the kind has none.
  std::string client;

  auto operator<=>(const ThrottleKey&) const = default;
};

struct ThrottleEntry {
  ThrottleKey key;
  /// For kPair.
  int failures = 0;
  base::WallTime changed_at{};
  /// Until when further tries are refused; past if they aren't.
  base::WallTime held_until{};
  /// When all of this is as if it had never been.
  base::WallTime forget_at{};

  friend bool operator==(const ThrottleEntry&, const ThrottleEntry&) = default;
};

/// What other programs on the same store have counted.
struct ThrottleNews {
  std::vector<ThrottleEntry> changed;
  std::vector<ThrottleKey> gone;
  std::int64_t stamp = 0;
};

/// That somebody is to be held off no longer.
struct ThrottleLift {
  /// As in ThrottleKey; empty: whatever name, whatever client.
  std::string name;
  std::string client;
  /// What was tried later counts anew.
  base::WallTime at{};

  bool covers(const ThrottleKey& key, base::WallTime changed_at) const {
    return key.kind != ThrottleKind::kKnown && changed_at <= at &&
           (name.empty() || name == key.name) && (client.empty() || client == key.client);
  }
  friend bool operator==(const ThrottleLift&, const ThrottleLift&) = default;
};

/// Same promises as UserStore: atomic, durable, any thread, base::StoreUnavailable.
class ThrottleStore {
 public:
  virtual ~ThrottleStore() = default;

  /// The secret with which names are hidden here: `drawn`, if there was none before.
  virtual std::string name_key(const std::string& drawn) = 0;

  virtual std::vector<ThrottleEntry> load() = 0;
  /// Puts entries in the place of those with the same key, and removes others, in one step. `by`
  /// tells programs on one store apart.
  virtual void save(const std::vector<ThrottleEntry>& changed, const std::vector<ThrottleKey>& gone,
                    const std::string& by = "") = 0;
  /// What others than `by` have saved after the news that had the stamp `since`; 0: all that there
  /// is. Some of it may be told twice.
  virtual ThrottleNews news(std::int64_t since, const std::string& by) = 0;

  /// Removes what the lift covers, and notes it for programs that have it in memory. Lifts that
  /// are a day older than it are forgotten. How many entries held somebody off.
  virtual std::size_t lift(const ThrottleLift& lift) = 0;
  /// In the order of their times.
  virtual std::vector<ThrottleLift> lifts() = 0;
};

}  // namespace userbin::store
