// What happens to a store whose file, disk or lock is taken away while it is open.
#include <filesystem>
#include <fstream>
#include <thread>

#include "store/sqlite_database.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/small_disk.h"
#include "support/store_on_disk.h"

namespace userbin::store {

namespace {

namespace fs = std::filesystem;

using test::contains;
using test::failure_of;
using test::OneUser;
using test::options_for;
using test::SmallDisk;
using test::user_named;

void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// Every call fails, and says which file and something of the cause.
void check_fails(OneUser& store, const std::string& cause) {
  for (const std::string& text : {failure_of([&] { store.users.find("ada"); }),
                                  failure_of([&] { store.users.insert(user_named("Eve")); }),
                                  failure_of([&] { store.users.check(); })}) {
    CAPTURE(text, cause);
    CHECK(contains(text, store.path));
    CHECK(contains(text, cause));
  }
}

void check_works(OneUser& store) {
  CHECK(store.users.find("ada"));
  CHECK(store.users.insert(user_named("Bob")));
  CHECK_NOTHROW(store.users.check());
}

}  // namespace

TEST_CASE("a file that is taken away is missed, not made again, and used again when it is back") {
  OneUser store;
  fs::rename(store.path, store.aside);
  check_fails(store, "No such file");
  CHECK_FALSE(fs::exists(store.path));
  fs::rename(store.aside, store.path);
  check_works(store);
}

TEST_CASE("while something else is in the file's place calls fail, and work again after it") {
  OneUser store;
  fs::rename(store.path, store.aside);
  SECTION("a file that is no database") {
    write_text(store.path, std::string(5000, 'x'));
    check_fails(store, "not a database");
    fs::remove(store.path);
  }
  SECTION("a folder") {
    fs::create_directory(store.path);
    check_fails(store, "unable to open");
    fs::remove(store.path);
  }
  SECTION("a newer version's database") {
    fs::copy(store.aside, store.path);
    {
      soci::session sql(soci::sqlite3, "db=" + store.path);
      sql << "INSERT INTO schema_version (version) VALUES (999)";
    }
    check_fails(store, "newer userbin");
    fs::remove(store.path);
  }
  fs::rename(store.aside, store.path);
  check_works(store);
}

TEST_CASE("a database that is put in the file's place is used from then on") {
  OneUser store;
  store.put_in_its_place(user_named("Grace"));
  CHECK(store.users.find("grace"));
  CHECK_FALSE(store.users.find("ada"));
  CHECK(store.users.insert(user_named("Eve")));
  CHECK(store.users.list("", 10).size() == 2);
}

// SQLite applies a write-ahead log to whatever file it finds beside it, so the new database must
// not be opened while the old one's log is still there.
TEST_CASE("a database that is put in the file's place is never mixed with the old one's log") {
  OneUser store;
  REQUIRE(store.users.insert(user_named("Bob")));  // in the log
  store.put_in_its_place(user_named("Grace"));
  for (int i = 0; i < 2; ++i) {
    CHECK(contains(failure_of([&] { store.users.find("bob"); }), "beside the old one's log"));
  }
}

TEST_CASE("a write-ahead log that is removed takes nothing along, and is begun anew") {
  OneUser store;
  REQUIRE(store.users.insert(user_named("Bob")));  // in the log
  const bool is_watched = GENERATE(true, false);
  if (is_watched) store.database.version();
  for (const char* suffix : {"-wal", "-shm"}) fs::remove(store.path + suffix);
  REQUIRE(store.users.insert(user_named("Eve")));
  // As it stands after a crash: what others see who open the file.
  SqliteDatabase other(options_for(store.path));
  for (const char* name : {"ada", "bob", "eve"}) CHECK(SqlUserStore(other).find(name));
}

TEST_CASE("a lock that stays is waited for once, not by every call") {
  test::TemporaryFolder folder;
  SqliteDatabase::Options options = options_for(folder.file("users.db"));
  options.patience = std::chrono::seconds{2};
  SqliteDatabase database(options);
  SqlUserStore users(database);
  soci::session other(soci::sqlite3, "db=" + options.path);
  other << "BEGIN EXCLUSIVE";
  int failed = 0;
  // Far less time than fifty calls would take if each waited.
  const auto fail_again = [&] {
    CHECK(contains(failure_of([&] { users.insert(user_named("Eve")); }), "locked"));
    return ++failed == 50;
  };
  CHECK_NOTHROW(test::wait_until("fifty calls have failed", fail_again, 30));
  other << "COMMIT";
  CHECK(users.insert(user_named("Eve")));
}

TEST_CASE("a lock that another program holds fails changes, not reads, until it lets go") {
  OneUser store;
  soci::session other(soci::sqlite3, "db=" + store.path);
  other << "BEGIN EXCLUSIVE";
  for (const std::string& text : {failure_of([&] { store.users.insert(user_named("Eve")); }),
                                  failure_of([&] { store.users.check(); })}) {
    CAPTURE(text);
    CHECK(contains(text, store.path));
    CHECK(contains(text, "locked"));
    CHECK(contains(text, "another program"));
  }
  CHECK(store.users.find("ada"));
  other << "COMMIT";
  check_works(store);
}

TEST_CASE("a full disk fails changes, not reads, until there is space again") {
  SmallDisk disk;
  if (!disk.mounted) {
    WARN("no file system could be mounted: not tested");
    return;
  }
  const std::string path = disk.file("users.db");
  SqliteDatabase database(options_for(path));
  SqlUserStore users(database);
  REQUIRE(users.insert(user_named("Ada")));
  disk.fill();

  std::string failure;
  for (int i = 0; i < 100 && failure.empty(); ++i) {
    failure = failure_of([&] { users.insert(user_named("user" + std::to_string(i))); });
  }
  CAPTURE(failure);
  CHECK(contains(failure, path));
  CHECK(contains(failure, "full"));
  CHECK(contains(failure, "free some space"));
  CHECK(users.find("ada"));

  // A lock is to be had, and nothing to be written: only a change that was refused tells.
  CHECK(contains(failure_of([&] { users.check(); }), "full"));

  disk.free();
  CHECK_NOTHROW(users.check());
  CHECK(users.insert(user_named("Bob")));
  CHECK(users.find("bob"));
}

TEST_CASE("a store on a read-only file system is refused until that is writable again") {
  SmallDisk disk;
  if (!disk.mounted) {
    WARN("no file system could be mounted: not tested");
    return;
  }
  const std::string path = disk.file("users.db");
  { const SqliteDatabase database(options_for(path)); }
  REQUIRE(disk.remount(MS_RDONLY));
  const std::string failure = failure_of([&] { SqliteDatabase database(options_for(path)); });
  CHECK(contains(failure, path));
  CHECK(contains(failure, "Read-only"));
  CHECK(contains(failure, "able to write"));
  REQUIRE(disk.remount(0));
  SqliteDatabase database(options_for(path));
  CHECK(SqlUserStore(database).insert(user_named("Ada")));
}

TEST_CASE("a call fails when all connections stay busy longer than its patience") {
  OneUser store;
  SqliteDatabase::Options options = options_for(store.path);
  options.max_connections = 1;
  SqliteDatabase database(options);
  SqlUserStore users(database);
  database.read([&](Connection&) {
    const std::string failure = failure_of([&] { users.find("ada"); });
    CHECK(contains(failure, "all connections are busy"));
    return true;
  });
  CHECK(users.find("ada"));
}

TEST_CASE("a change fails when others keep the turn longer than its patience") {
  OneUser store;
  store.database.write([&](Connection&) {
    std::string failure;
    std::thread([&] {
      failure = failure_of([&] { store.users.insert(user_named("Eve")); });
    }).join();
    CHECK(contains(failure, "too many changes"));
    return true;
  });
  CHECK(store.users.insert(user_named("Eve")));
}

}  // namespace userbin::store
