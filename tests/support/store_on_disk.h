// A store in a real file, and what the tests about its failures share.
#pragma once

#include <string>

#include <soci/sqlite3/soci-sqlite3.h>

#include "base/failure.h"
#include "store/sql_user_store.h"
#include "store/sqlite_database.h"
#include "support/temporary_folder.h"
#include "support/text.h"

namespace userbin::test {

inline store::SqliteDatabase::Options options_for(const std::string& path) {
  return {.path = path, .max_connections = 8, .patience = std::chrono::milliseconds{50}};
}

inline store::User user_named(const std::string& name) {
  return {name, "!", base::WallTime(std::chrono::seconds{1'795'455'000})};
}

/// What `call` says as it throws a base::StoreUnavailable; empty if it does not.
template <typename Call>
std::string failure_of(Call call) {
  try {
    call();
  } catch (const base::StoreUnavailable& failure) {
    return failure.what();
  }
  return "";
}

/// A store with one user, Ada, all of it in the one file (nothing in the -wal).
struct OneUser {
  TemporaryFolder folder;
  std::string path = folder.file("users.db");
  std::string aside = folder.file("aside.db");
  store::SqliteDatabase database{options_for(path)};
  store::SqlUserStore users{database};

  OneUser() {
    users.insert(user_named("Ada"));
    soci::session sql(soci::sqlite3, "db=" + path);
    sql << "PRAGMA wal_checkpoint(TRUNCATE)";
  }

  /// Renames another store, with this one user, over the file.
  void put_in_its_place(const store::User& user) const {
    const std::string other = folder.file("other.db");
    {
      store::SqliteDatabase other_database(options_for(other));
      store::SqlUserStore(other_database).insert(user);
    }
    std::filesystem::rename(other, path);
  }
};

}  // namespace userbin::test
