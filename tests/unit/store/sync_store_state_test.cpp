// What a SyncStore knows besides users; and what is still there when a database is opened again.
#include <set>

#include <soci/sqlite3/soci-sqlite3.h>

#include "base/json.h"
#include "store/sql_session_store.h"
#include "store/sql_sync_store.h"
#include "store/sql_user_store.h"
#include "support/catch.h"
#include "support/fake_sync_store.h"
#include "support/json_text.h"
#include "support/postgres.h"
#include "support/temporary_folder.h"

namespace userbin::store {

namespace {

constexpr base::WallTime kNow{std::chrono::seconds{1'795'455'000}};

struct Fake {
  test::FakeSyncStore rows;
  UserStore& users = rows;
};

template <typename Engine>
struct Sql {
  Engine engine;
  SqlSyncStore rows{engine.database};
  SqlUserStore users{engine.database};
};

User user_named(const std::string& name) {
  return {name, "!", kNow};
}

const SyncNotes kNotes{
    .bin = "b", .common = "c", .written = "w", .merged = "m", .versions = {test::json("{'v':1}")}};

}  // namespace

TEMPLATE_TEST_CASE("the bytes of all records are counted as they stand in a list", "", Fake,
                   Sql<test::OnSqlite>, Sql<test::OnPostgres>) {
  TestType kept;
  CHECK(kept.rows.total_bytes() == 0);
  std::size_t bytes = 0;
  for (const char* name : {"Ada", "J\u00F6rg", "Eve"}) {
    REQUIRE(kept.users.insert(user_named(name)));
    bytes += base::to_json(user_named(name).record()).size() + 1;
  }
  CHECK(kept.rows.total_bytes() == bytes);
}

TEMPLATE_TEST_CASE("the first place forgets nothing that was there before it", "", Fake,
                   Sql<test::OnSqlite>, Sql<test::OnPostgres>) {
  TestType kept;
  REQUIRE(kept.users.insert(user_named("Ada")));
  CHECK(kept.rows.place().empty());
  kept.rows.set_place("here");
  CHECK(kept.rows.place() == "here");
  CHECK(kept.rows.load().size() == 1);
  CHECK(kept.rows.count_pending() == 1);
}

TEMPLATE_TEST_CASE("what is known of a place is forgotten when another is named", "", Fake,
                   Sql<test::OnSqlite>, Sql<test::OnPostgres>) {
  TestType kept;
  kept.rows.set_place("here");
  REQUIRE(kept.users.insert(user_named("Ada")));
  REQUIRE(kept.rows.apply(
      {{.key = "ada", .in_bin = 1, .notes = kNotes, .set_aside = user_named("Bob").record()}}));
  kept.rows.set_state("something");
  kept.rows.count_request(7);

  kept.rows.set_place("here");
  CHECK(kept.rows.count_pending() == 0);
  CHECK(kept.rows.load()[0].notes == kNotes);
  CHECK(kept.rows.state() == "something");

  kept.rows.set_place("there");
  CHECK(kept.rows.place() == "there");
  CHECK(kept.rows.count_pending() == 1);
  CHECK(kept.rows.load()[0].notes == SyncNotes{});
  CHECK(kept.rows.load()[0].revision == 1);
  CHECK(kept.rows.load()[0].user.record() == user_named("Ada").record());
  CHECK(kept.rows.state().empty());
  // The account pays for the requests, and the owner has not looked at those yet.
  CHECK(kept.rows.requests(0) == 1);
  CHECK(kept.rows.set_aside().size() == 1);
}

TEMPLATE_TEST_CASE("the state is a text that is kept as it is", "", Fake, Sql<test::OnSqlite>,
                   Sql<test::OnPostgres>) {
  TestType kept;
  CHECK(kept.rows.state().empty());
  for (const char* text : {"one", "it's {\"another\"} \u00FC", "", "third"}) {
    kept.rows.set_state(text);
    CHECK(kept.rows.state() == text);
  }
}

TEMPLATE_TEST_CASE("requests are counted by the hour", "", Fake, Sql<test::OnSqlite>,
                   Sql<test::OnPostgres>) {
  TestType kept;
  for (const std::int64_t hour : {10, 12, 12, 13, 12, 498'000}) kept.rows.count_request(hour);
  const auto [since, count] = GENERATE(Catch::Generators::table<std::int64_t, std::int64_t>({
      {0, 6},
      {10, 6},
      {11, 5},
      {12, 5},
      {13, 2},
      {14, 1},
      {498'000, 1},
      {498'001, 0},
  }));
  CHECK(kept.rows.requests(since) == count);
}

TEMPLATE_TEST_CASE("a server keeps the number that it drew", "", Fake, Sql<test::OnSqlite>,
                   Sql<test::OnPostgres>) {
  TestType kept;
  const int number = kept.rows.server_number();
  CHECK(number >= 0);
  CHECK(number <= 999);
  kept.rows.set_place("here");
  CHECK(kept.rows.server_number() == number);
}

TEST_CASE("servers draw different numbers") {
  std::set<int> numbers;
  for (int i = 0; i < 20; ++i) numbers.insert(Sql<test::OnSqlite>().rows.server_number());
  CHECK(numbers.size() > 10);
}

TEST_CASE("a database that is opened again knows what it knew") {
  test::TemporaryFolder folder;
  int number = 0;
  {
    SqliteDatabase database({.path = folder.file("users.db")});
    SqlSyncStore rows(database);
    SqlUserStore users(database);
    number = rows.server_number();
    rows.set_place("here");
    users.insert(user_named("Ada"));
    users.insert(user_named("Bob"));
    rows.apply(
        {{.key = "ada", .in_bin = 1, .notes = kNotes, .set_aside = user_named("Eve").record()}});
    rows.set_state("something");
    rows.count_request(7);
    rows.count_request(7);
  }
  SqliteDatabase database({.path = folder.file("users.db")});
  SqlSyncStore rows(database);
  rows.set_place("here");
  REQUIRE(rows.load().size() == 2);
  CHECK(rows.load()[0].in_bin == 1);
  CHECK(rows.load()[0].notes == kNotes);
  CHECK(rows.pending(10).size() == 1);
  CHECK(rows.set_aside() == std::vector<Json::Value>{user_named("Eve").record()});
  CHECK(rows.state() == "something");
  CHECK(rows.requests(7) == 2);
  CHECK(rows.server_number() == number);
}

TEST_CASE("a database from before there were bins keeps its users, and they are pending") {
  test::TemporaryFolder folder;
  const std::string path = folder.file("users.db");
  {
    soci::session sql(soci::sqlite3, "db=" + path);
    sql << "CREATE TABLE schema_version (version INTEGER NOT NULL)";
    sql << "CREATE TABLE users (name TEXT PRIMARY KEY, record TEXT NOT NULL,"
           " revision BIGINT NOT NULL)";
    sql << "CREATE TABLE sessions (token_hash TEXT PRIMARY KEY, name TEXT NOT NULL,"
           " created_at BIGINT NOT NULL, last_seen_at BIGINT NOT NULL,"
           " expires_at BIGINT NOT NULL, remember INTEGER NOT NULL, client TEXT NOT NULL,"
           " user_agent TEXT NOT NULL)";
    sql << "CREATE INDEX sessions_by_name ON sessions (name, created_at)";
    sql << "CREATE INDEX sessions_by_expiry ON sessions (expires_at)";
    sql << "INSERT INTO schema_version (version) VALUES (1)";
    const std::string record = base::to_json(user_named("Ada").record());
    sql << "INSERT INTO users (name, record, revision) VALUES ('ada', :record, 4)",
        soci::use(record);
    sql << "INSERT INTO sessions VALUES ('hash', 'ada', 1, 2, 3, 1, 'client', 'agent')";
  }
  const int times_opened = GENERATE(1, 2);
  for (int i = 1; i < times_opened; ++i) SqliteDatabase({.path = path});
  SqliteDatabase database({.path = path});
  SqlSyncStore rows(database);
  REQUIRE(rows.load().size() == 1);
  CHECK(rows.load()[0].user.record() == user_named("Ada").record());
  CHECK(rows.load()[0].revision == 4);
  CHECK(rows.load()[0].in_bin == 0);
  CHECK(rows.load()[0].notes == SyncNotes{});
  CHECK(rows.pending(10).size() == 1);
  const auto session = SqlSessionStore(database).find("hash");
  REQUIRE(session);
  CHECK(session->user_key == "ada");
  CHECK(session->remember);
  CHECK(SqlUserStore(database).update(user_named("ADA"), 4));
  CHECK(rows.apply({{.key = "ada", .in_bin = 5}}));
  CHECK(rows.count_pending() == 0);
}

}  // namespace userbin::store
