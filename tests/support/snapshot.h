#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <json/value.h>

namespace userbin::test {

/// What a store holds, read without userbin.
struct Snapshot {
  struct User {
    /// nullopt: there are only remains of him.
    std::optional<Json::Value> record;
    /// Hashes of the tokens.
    std::set<std::string> sessions;
    /// Whether a deletion has kept what was there before.
    bool has_former = false;
  };
  /// By key.
  std::map<std::string, User> users;
  /// Hashes of the tokens, by the maker's key.
  std::map<std::string, std::set<std::string>> invitations;
  /// What must be in no store, a sentence each.
  std::vector<std::string> flaws;
};

/// Of a store that no program uses: of a file a copy is read, so that the log beside it is left for
/// the next program to recover from, and checked whole; for PostgreSQL it is waited until the
/// connections of a killed program have ended.
Snapshot read_snapshot(const std::string& store);

/// The users whose changes are not in the bin yet, and each one's record; of a store in use.
struct BinState {
  std::size_t pending = 0;
  std::map<std::string, Json::Value> records;
};
BinState read_bin_state(const std::string& store);

}  // namespace userbin::test
