#pragma once

#include <string>

#include "store/database.h"

namespace userbin::store {

/// What SQLite finds wrong in the file (PRAGMA quick_check); empty if nothing. Reads all of it.
/// Throws base::StoreUnavailable.
std::string find_damage(Database& database);

}  // namespace userbin::store
