// One store made the same as another, whichever engines they are.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "store/database.h"

namespace userbin::store {

/// What was found, and done, in one table.
struct TableCopy {
  std::string table;
  /// That the first store has.
  std::size_t rows = 0;
  /// That the second lacked, or had otherwise.
  std::size_t differing = 0;
  /// That the second had beyond them.
  std::size_t surplus = 0;
};

/// Told how many rows of a table have been looked at, of how many.
using CopyProgress =
    std::function<void(const std::string& table, std::size_t done, std::size_t total)>;

enum class CopyStart {
  kFresh,
  /// An earlier copy from the same place was broken off.
  kResumed,
  /// There are users, and no copy from there was broken off.
  kOccupied,
};

/// Begins a copy: `to` is marked as one until copy_store() has ended. Unless `may_replace`, nothing
/// is done where it says kOccupied. Throws base::StoreUnavailable.
CopyStart begin_copy(Database& from, Database& to, bool may_replace);

/// Makes all tables of `to` hold what those of `from` hold, but for whose turn it is; in
/// transactions of bounded length, users first. What is the same already is only read, so what was
/// broken off goes on there. Throws base::StoreUnavailable.
std::vector<TableCopy> copy_store(Database& from, Database& to, const CopyProgress& progress);

/// Changes nothing, and counts what copy_store() would change. Throws base::StoreUnavailable.
std::vector<TableCopy> compare_stores(Database& from, Database& to, const CopyProgress& progress);

}  // namespace userbin::store
