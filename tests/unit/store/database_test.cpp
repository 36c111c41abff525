#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include "store/sqlite_database.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/store_on_disk.h"

namespace userbin::store {

namespace {

namespace fs = std::filesystem;

using test::contains;
using test::failure_of;
using test::options_for;
using test::user_named;

unsigned mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777U;
}

}  // namespace

TEST_CASE("a new store's files are for its user alone") {
  test::TemporaryFolder folder;
  const std::string path = folder.file("users.db");
  SqliteDatabase database(options_for(path));
  SqlUserStore(database).insert(user_named("Ada"));
  const auto file = GENERATE(as<std::string>{}, "", "-wal", "-shm");
  CAPTURE(file);
  CHECK(mode_of(path + file) == 0600);
}

TEST_CASE("a store that root makes belongs to the owner of its folder, for the worker to use") {
  if (::geteuid() != 0) return;
  constexpr uid_t kWorker = 65533;
  test::TemporaryFolder folder;
  const std::string place = folder.file("place");
  fs::create_directory(place);
  REQUIRE(::chown(place.c_str(), kWorker, kWorker) == 0);
  const auto owner_of = [](const std::string& path) {
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_uid;
  };
  SECTION("with the files beside it") {
    const std::string path = place + "/users.db";
    SqliteDatabase database(options_for(path));
    SqlUserStore(database).insert(user_named("Ada"));
    for (const char* file : {"", "-wal", "-shm"}) {
      CAPTURE(file);
      CHECK(owner_of(path + file) == kWorker);
      CHECK(mode_of(path + file) == 0600);
    }
  }
  SECTION("but not one that was there, which may be a link to elsewhere") {
    const std::string other = folder.file("other");
    std::ofstream(other).flush();
    fs::create_symlink(other, place + "/users.db");
    const SqliteDatabase database(options_for(place + "/users.db"));
    CHECK(owner_of(other) == 0);
  }
}

TEST_CASE("what was stored is there when the store is opened again") {
  test::TemporaryFolder folder;
  const auto name = GENERATE(as<std::string>{}, "users.db", "two words.db", "three  big words.db",
                             "a=b.db", "\u00FC.db", "back\\slash.db");
  const std::string path = folder.file(name);
  CAPTURE(path);
  {
    SqliteDatabase database(options_for(path));
    REQUIRE(SqlUserStore(database).insert(user_named("Ada")));
  }
  CHECK(mode_of(path) == 0600);
  CHECK(fs::file_size(path) > 0);
  SqliteDatabase database(options_for(path));
  CHECK(SqlUserStore(database).find("ada"));
}

TEST_CASE("a path that SOCI cannot open is a bad setting that names --store") {
  test::TemporaryFolder folder;
  const std::string path = folder.file("quo\"te.db");
  try {
    SqliteDatabase database(options_for(path));
    FAIL("it was opened");
  } catch (const base::BadSetting& error) {
    CHECK(contains(error.what(), "--store"));
    CHECK(contains(error.what(), path));
  }
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE("a missing folder is a bad setting that names --store and the folder") {
  test::TemporaryFolder folder;
  const std::string path = folder.file("missing/users.db");
  try {
    SqliteDatabase database(options_for(path));
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
    std::ofstream(path) << text;
    const std::string failure = failure_of([&] { SqliteDatabase database(options_for(path)); });
    CHECK(contains(failure, path));
    CHECK(contains(failure, "not a database"));
    CHECK(contains(failure, "backup"));
    CHECK(fs::file_size(path) == text.size());
  }
  SECTION("because it is a folder") {
    fs::create_directory(path);
    const std::string failure = failure_of([&] { SqliteDatabase database(options_for(path)); });
    CHECK(contains(failure, path));
    CHECK(contains(failure, "directory"));
  }
  SECTION("because a newer version has written it") {
    { const SqliteDatabase database(options_for(path)); }
    soci::session sql(soci::sqlite3, "db=" + path);
    sql << "INSERT INTO schema_version (version) VALUES (999)";
    const std::string failure = failure_of([&] { SqliteDatabase database(options_for(path)); });
    CHECK(contains(failure, path));
    CHECK(contains(failure, "schema version 999"));
    CHECK(contains(failure, "newer userbin"));
  }
}

TEST_CASE("another program that opens the store and closes it takes nothing away") {
  test::TemporaryFolder folder;
  const std::string path = folder.file("users.db");
  SqliteDatabase database(options_for(path));
  SqlUserStore users(database);
  REQUIRE(users.insert(user_named("Ada")));
  const auto other = test::run_command({"sqlite3", path, "SELECT name FROM users"});
  CHECK(other.output == "ada\n");
  CHECK(fs::exists(path + "-wal"));
  CHECK(users.insert(user_named("Bob")));
  CHECK(test::run_command({"sqlite3", path, "SELECT name FROM users"}).output == "ada\nbob\n");
}

TEST_CASE("the store's version tells every change, whoever made it, and nothing else") {
  test::TemporaryFolder folder;
  const std::string path = folder.file("users.db");
  SqliteDatabase database(options_for(path));
  SqlUserStore users(database);
  const auto before = database.version();
  users.find("ada");
  users.list("", 10);
  CHECK(database.version() == before);
  REQUIRE(users.insert(user_named("Ada")));
  const auto ours = database.version();
  CHECK(ours != before);
  CHECK(database.version() == ours);
  const auto other = test::run_command({"sqlite3", path, "UPDATE users SET revision = 7"});
  REQUIRE(other.status == 0);
  CHECK(database.version() != ours);
  fs::rename(path, path + ".away");
  test::wait_until("the file is missed",
                   [&] { return !failure_of([&] { database.version(); }).empty(); });
  CHECK_THROWS_AS(database.version(), base::StoreUnavailable);
  fs::rename(path + ".away", path);
  CHECK(database.version() == database.version());
}

TEST_CASE("programs that open a new store at once make its tables once") {
  for (int round = 0; round < 10; ++round) {
    test::TemporaryFolder folder;
    SqliteDatabase::Options options = options_for(folder.file("users.db"));
    options.patience = std::chrono::minutes{1};
    std::vector<std::string> failures(4);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < failures.size(); ++i) {
      threads.emplace_back([&, i] {
        failures[i] = failure_of([&] {
          SqliteDatabase database(options);
          SqlUserStore(database).insert(user_named("user" + std::to_string(i)));
        });
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(failures == std::vector<std::string>(4));
    SqliteDatabase database(options);
    CHECK(SqlUserStore(database).list("", 10).size() == 4);
  }
}

}  // namespace userbin::store
