#include "store/store_copy.h"

#include <set>

#include "store/sql_invitation_store.h"
#include "store/sql_session_store.h"
#include "store/sql_sync_store.h"
#include "store/sql_throttle_store.h"
#include "store/sql_user_store.h"
#include "support/catch.h"
#include "support/postgres.h"

namespace userbin::store {

namespace {

constexpr base::WallTime kNow{std::chrono::seconds{1'795'455'000}};
const CopyProgress kSilent = [](const std::string&, std::size_t, std::size_t) {};

User user_named(const std::string& name) {
  return {name, "!", kNow};
}

/// Something in every table.
void fill(Database& database) {
  SqlUserStore users(database);
  for (const char* name : {"Ada", "bob", "\u00DCmit", "a\"b'c:d", "zed"}) {
    REQUIRE(users.insert(user_named(name)));
  }
  User gone = user_named("zed");
  gone.become_deleted(kNow);
  REQUIRE(users.change(gone, 1, {.kept_until = kNow, .keeps_former = true}) == ChangeResult::kDone);
  SqlSessionStore sessions(database);
  sessions.insert({.token_hash = std::string(64, 'a'),
                   .user_key = "ada",
                   .created_at = kNow,
                   .last_seen_at = kNow,
                   .expires_at = kNow,
                   .remember = true,
                   .client = "2001:db8::1",
                   .user_agent = "Mozilla/5.0 'x' \u00FC"});
  SqlInvitationStore invitations(database);
  invitations.insert({.token_hash = std::string(64, 'b'),
                      .role = "admin",
                      .maker = "ada",
                      .created_at = kNow,
                      .expires_at = kNow});
  SqlThrottleStore throttle(database);
  throttle.name_key("secret");
  std::vector<ThrottleEntry> entries;
  for (int i = 0; i < 12; ++i) {
    entries.push_back({.key = {.kind = static_cast<ThrottleKind>(i % 3),
                               .name = "n",
                               .client = "c" + std::to_string(i)},
                       .failures = i,
                       .changed_at = kNow,
                       .held_until = kNow,
                       .forget_at = kNow});
  }
  throttle.save(entries, {});
  throttle.save({}, {entries[11].key}, "somebody");
  throttle.lift({.name = "n", .client = "c1", .at = kNow});
  SqlSyncStore bins(database);
  bins.set_place("place");
  bins.count_request(7);
  Json::Value version;
  version["v"] = 1;
  SyncChange change{.key = "ada", .revision = 1, .in_bin = 1};
  change.notes = SyncNotes{
      .bin = "b", .common = "c", .written = "w", .merged = "m", .versions = {version, version}};
  change.set_aside = version;
  REQUIRE(bins.apply({change}));
}

std::size_t differences(const std::vector<TableCopy>& tables) {
  std::size_t count = 0;
  for (const TableCopy& table : tables) count += table.differing + table.surplus;
  return count;
}

}  // namespace

TEST_CASE("no table is forgotten when a store is copied") {
  test::OnSqlite engine;
  std::set<std::string> copied{"schema_version", "leases"};
  for (const TableCopy& table : compare_stores(engine.database, engine.database, kSilent)) {
    copied.insert(table.table);
  }
  std::set<std::string> present;
  engine.database.read([&](Connection& connection) {
    const soci::rowset<std::string> names =
        (connection.sql().prepare << "SELECT name FROM sqlite_master WHERE type = 'table'");
    present = {names.begin(), names.end()};
    return true;
  });
  CHECK(copied == present);
}

TEMPLATE_TEST_CASE("a store is copied to the other engine and back, and nothing is lost", "",
                   test::OnSqlite, test::OnPostgres) {
  TestType first;
  test::OnSqlite sqlite;
  test::OnPostgres postgres;
  fill(first.database);
  const auto expected = compare_stores(first.database, first.database, kSilent);
  for (const TableCopy& table : expected) {
    CAPTURE(table.table);
    CHECK(table.rows > 0);
  }
  Database* here = &first.database;
  for (Database* there :
       {static_cast<Database*>(&postgres.database), static_cast<Database*>(&sqlite.database)}) {
    REQUIRE(begin_copy(*here, *there, false) == CopyStart::kFresh);
    copy_store(*here, *there, kSilent);
    CHECK(differences(compare_stores(*here, *there, kSilent)) == 0);
    here = there;
  }
  CHECK(differences(compare_stores(first.database, sqlite.database, kSilent)) == 0);
  CHECK(SqlUserStore(sqlite.database).find("\u00DCmit")->user.username() == "\u00DCmit");
  CHECK(SqlSessionStore(sqlite.database).list("ada").size() == 1);
}

TEST_CASE("a copy makes the same what differs, and takes away what is too much") {
  test::OnSqlite from, to;
  SqlUserStore users(from.database), others(to.database);
  for (const char* name : {"ada", "bob", "carl"}) REQUIRE(users.insert(user_named(name)));
  for (const char* name : {"bob", "dora", "eve"}) REQUIRE(others.insert(user_named(name)));
  REQUIRE(others.update(user_named("BOB"), 1));
  CHECK(begin_copy(from.database, to.database, false) == CopyStart::kOccupied);
  CHECK(others.find("eve"));
  REQUIRE(begin_copy(from.database, to.database, true) == CopyStart::kFresh);
  const auto copied = copy_store(from.database, to.database, kSilent);
  CHECK(copied[0].table == "users");
  CHECK(copied[0].rows == 3);
  CHECK(copied[0].differing == 3);
  CHECK(copied[0].surplus == 2);
  CHECK(differences(compare_stores(from.database, to.database, kSilent)) == 0);
  CHECK(begin_copy(from.database, to.database, false) == CopyStart::kOccupied);
}

TEST_CASE("a copy that was broken off goes on where it was") {
  test::OnSqlite from, to;
  SqlUserStore users(from.database), others(to.database);
  for (int i = 0; i < 2500; ++i) {
    REQUIRE(users.insert(user_named("user" + std::to_string(i))));
  }
  struct Stop {};
  REQUIRE(begin_copy(from.database, to.database, false) == CopyStart::kFresh);
  const auto stop = [](const std::string&, std::size_t done, std::size_t) {
    if (done == 2200) throw Stop();
  };
  CHECK_THROWS_AS(copy_store(from.database, to.database, stop), Stop);
  CHECK(others.list("", 5000).size() == 2000);
  CHECK(begin_copy(from.database, to.database, false) == CopyStart::kResumed);
  const auto copied = copy_store(from.database, to.database, kSilent);
  CHECK(copied[0].differing == 500);
  CHECK(differences(compare_stores(from.database, to.database, kSilent)) == 0);
}

}  // namespace userbin::store
