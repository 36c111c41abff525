#include "store/database.h"

#include <filesystem>
#include <fstream>
#include <sys/mount.h>
#include <sys/stat.h>
#include <thread>

#include <soci/sqlite3/soci-sqlite3.h>

#include "store/sql_user_store.h"
#include "support/catch.h"
#include "support/temporary_folder.h"

namespace userbin::store {

namespace {

namespace fs = std::filesystem;

constexpr base::WallTime kNow{std::chrono::seconds{1'795'455'000}};

Database::Options options_for(const std::string& path) {
  return {.path = path, .max_connections = 8, .patience = std::chrono::milliseconds{50}};
}

User user_named(const std::string& name) {
  return {name, "!", kNow};
}

unsigned mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777U;
}

void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
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

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A store with one user, Ada, all of it in the one file (nothing in the -wal).
struct OneUser {
  test::TemporaryFolder folder;
  std::string path = folder.file("users.db");
  std::string aside = folder.file("aside.db");
  Database database{options_for(path)};
  SqlUserStore users{database};

  OneUser() {
    REQUIRE(users.insert(user_named("Ada")));
    soci::session sql(soci::sqlite3, "db=" + path);
    sql << "PRAGMA wal_checkpoint(TRUNCATE)";
  }

  /// Every call fails, and says which file and something of the cause.
  void check_fails(const std::string& cause) {
    for (const std::string& text : {failure_of([&] { users.find("ada"); }),
                                    failure_of([&] { users.insert(user_named("Eve")); }),
                                    failure_of([&] { users.check(); })}) {
      CAPTURE(text, cause);
      CHECK(contains(text, path));
      CHECK(contains(text, cause));
    }
  }

  void check_works() {
    CHECK(users.find("ada"));
    CHECK(users.insert(user_named("Bob")));
    CHECK_NOTHROW(users.check());
  }
};

/// A small file system in memory, where root may mount one.
struct SmallDisk {
  test::TemporaryFolder folder;
  const bool mounted =
      ::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=400k,mode=0700") == 0;
  ~SmallDisk() {
    if (mounted) ::umount2(folder.path().c_str(), MNT_DETACH);
  }
};

}  // namespace

TEST_CASE("a new store's files are for its user alone") {
  test::TemporaryFolder folder;
  const std::string path = folder.file("users.db");
  Database database(options_for(path));
  SqlUserStore(database).insert(user_named("Ada"));
  const auto file = GENERATE(as<std::string>{}, "", "-wal", "-shm");
  CAPTURE(file);
  CHECK(mode_of(path + file) == 0600);
}

TEST_CASE("what was stored is there when the store is opened again") {
  test::TemporaryFolder folder;
  const auto name = GENERATE(as<std::string>{}, "users.db", "two words.db", "three  big words.db",
                             "a=b.db", "\u00FC.db", "back\\slash.db", "quo\"te.db");
  const std::string path = folder.file(name);
  CAPTURE(path);
  {
    Database database(options_for(path));
    REQUIRE(SqlUserStore(database).insert(user_named("Ada")));
  }
  CHECK(mode_of(path) == 0600);
  CHECK(fs::file_size(path) > 0);
  Database database(options_for(path));
  CHECK(SqlUserStore(database).find("ada"));
}

TEST_CASE("a missing folder is a bad setting that names --store and the folder") {
  test::TemporaryFolder folder;
  const std::string path = folder.file("missing/users.db");
  try {
    Database database(options_for(path));
    FAIL("it was opened");
  } catch (const base::BadSetting& error) {
    CHECK(contains(error.what(), "--store"));
    CHECK(contains(error.what(), folder.file("missing")));
  }
  CHECK_FALSE(fs::exists(folder.file("missing")));
}

TEST_CASE("a store that cannot be opened is refused with its name and the cause") {
  test::TemporaryFolder folder;
  const std::string path = folder.file("users.db");
  SECTION("because it is no database") {
    const std::string text(5000, 'x');
    write_text(path, text);
    const std::string failure = failure_of([&] { Database database(options_for(path)); });
    CHECK(contains(failure, path));
    CHECK(contains(failure, "not a database"));
    CHECK(contains(failure, "backup"));
    CHECK(fs::file_size(path) == text.size());
  }
  SECTION("because it is a folder") {
    fs::create_directory(path);
    const std::string failure = failure_of([&] { Database database(options_for(path)); });
    CHECK(contains(failure, path));
    CHECK(contains(failure, "directory"));
  }
  SECTION("because a newer version has written it") {
    { const Database database(options_for(path)); }
    soci::session sql(soci::sqlite3, "db=" + path);
    sql << "INSERT INTO schema_version (version) VALUES (999)";
    const std::string failure = failure_of([&] { Database database(options_for(path)); });
    CHECK(contains(failure, path));
    CHECK(contains(failure, "schema version 999"));
    CHECK(contains(failure, "newer userbin"));
  }
}

TEST_CASE("a file that is taken away is missed, not made again, and used again when it is back") {
  OneUser store;
  fs::rename(store.path, store.aside);
  store.check_fails("No such file");
  CHECK_FALSE(fs::exists(store.path));
  fs::rename(store.aside, store.path);
  store.check_works();
}

TEST_CASE("while something else is in the file's place calls fail, and work again after it") {
  OneUser store;
  fs::rename(store.path, store.aside);
  SECTION("a file that is no database") {
    write_text(store.path, std::string(5000, 'x'));
    store.check_fails("not a database");
    fs::remove(store.path);
  }
  SECTION("a folder") {
    fs::create_directory(store.path);
    store.check_fails("unable to open");
    fs::remove(store.path);
  }
  SECTION("a newer version's database") {
    fs::copy(store.aside, store.path);
    {
      soci::session sql(soci::sqlite3, "db=" + store.path);
      sql << "INSERT INTO schema_version (version) VALUES (999)";
    }
    store.check_fails("newer userbin");
    fs::remove(store.path);
  }
  fs::rename(store.aside, store.path);
  store.check_works();
}

TEST_CASE("a database that is put in the file's place is used from then on") {
  OneUser store;
  const std::string backup = store.folder.file("backup.db");
  {
    Database other(options_for(backup));
    REQUIRE(SqlUserStore(other).insert(user_named("Grace")));
  }
  SECTION("when all of the old one was in its file") {}
  SECTION("when some of the old one was in its write-ahead log") {
    REQUIRE(store.users.insert(user_named("Bob")));
  }
  fs::rename(backup, store.path);
  CHECK(store.users.find("grace"));
  CHECK_FALSE(store.users.find("ada"));
  CHECK_FALSE(store.users.find("bob"));
  CHECK(store.users.insert(user_named("Eve")));
  CHECK(store.users.list("", 10).size() == 2);
  std::string verdict;
  soci::session sql(soci::sqlite3, "db=" + store.path);
  sql << "PRAGMA integrity_check", soci::into(verdict);
  CHECK(verdict == "ok");
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
  store.check_works();
}

TEST_CASE("a full disk fails changes, not reads, until there is space again") {
  SmallDisk disk;
  if (!disk.mounted) {
    WARN("no file system could be mounted: not tested");
    return;
  }
  const std::string path = disk.folder.file("users.db");
  const std::string filler = disk.folder.file("filler");
  Database database(options_for(path));
  SqlUserStore users(database);
  REQUIRE(users.insert(user_named("Ada")));
  write_text(filler, std::string(400 * 1024, 'x'));

  std::string failure;
  for (int i = 0; i < 100 && failure.empty(); ++i) {
    failure = failure_of([&] { users.insert(user_named("user" + std::to_string(i))); });
  }
  CAPTURE(failure);
  CHECK(contains(failure, path));
  CHECK(contains(failure, "full"));
  CHECK(contains(failure, "free some space"));
  CHECK(users.find("ada"));

  fs::remove(filler);
  CHECK(users.insert(user_named("Bob")));
  CHECK(users.find("bob"));
}

TEST_CASE("a file system that has become read-only fails changes until it is writable again") {
  SmallDisk disk;
  if (!disk.mounted) {
    WARN("no file system could be mounted: not tested");
    return;
  }
  const std::string path = disk.folder.file("users.db");
  const auto remount = [&](unsigned long flags) {
    return ::mount("", disk.folder.path().c_str(), "", MS_REMOUNT | flags, "size=400k") == 0;
  };
  { const Database database(options_for(path)); }
  REQUIRE(remount(MS_RDONLY));
  const std::string failure = failure_of([&] { Database database(options_for(path)); });
  CHECK(contains(failure, path));
  CHECK(contains(failure, "Read-only"));
  CHECK(contains(failure, "able to write"));
  REQUIRE(remount(0));
  Database database(options_for(path));
  CHECK(SqlUserStore(database).insert(user_named("Ada")));
}

TEST_CASE("programs that open a new store at once make its tables once") {
  for (int round = 0; round < 10; ++round) {
    test::TemporaryFolder folder;
    Database::Options options = options_for(folder.file("users.db"));
    options.patience = std::chrono::minutes{1};
    std::vector<std::string> failures(4);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < failures.size(); ++i) {
      threads.emplace_back([&, i] {
        failures[i] = failure_of([&] {
          Database database(options);
          SqlUserStore(database).insert(user_named("user" + std::to_string(i)));
        });
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(failures == std::vector<std::string>(4));
    Database database(options);
    CHECK(SqlUserStore(database).list("", 10).size() == 4);
  }
}

TEST_CASE("a call fails when all connections stay busy longer than its patience") {
  OneUser store;
  Database::Options options = options_for(store.path);
  options.max_connections = 1;
  Database database(options);
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
