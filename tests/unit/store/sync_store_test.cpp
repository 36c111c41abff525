#include "store/sync_store.h"

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

using test::json;

constexpr base::WallTime kNow{std::chrono::seconds{1'795'455'000}};

/// The fake, and its sessions.
struct Fake {
  test::FakeSyncStore rows;
  UserStore& users = rows;

  void begin_session(const std::string& key, const std::string& token) {
    rows.add_session(key, token);
  }
  std::size_t sessions_of(const std::string& key) {
    std::size_t count = 0;
    for (const auto& session : rows.sessions()) count += session.first == key ? 1 : 0;
    return count;
  }
};

/// The SQL stores over one database.
template <typename Engine>
struct Sql {
  Engine engine;
  SqlSyncStore rows{engine.database};
  SqlUserStore users{engine.database};
  SqlSessionStore session_rows{engine.database};

  void begin_session(const std::string& key, const std::string& token) {
    session_rows.insert({.token_hash = token,
                         .user_key = key,
                         .created_at = kNow,
                         .last_seen_at = kNow,
                         .expires_at = kNow});
  }
  std::size_t sessions_of(const std::string& key) { return session_rows.list(key).size(); }
};

User user_named(const std::string& name, const std::string& hash = "!") {
  return {name, hash, kNow};
}

SyncNotes notes_in(const std::string& bin) {
  return {.bin = bin,
          .common = "2026-01-01T00:00:00Z",
          .written = "2026-01-02T00:00:00Z",
          .merged = "2026-01-03T00:00:00Z",
          .versions = {json("{'v':3}"), json("{'v':1,'text':'it\\u0027s ; --'}"), json("{'v':2}")}};
}

SyncChange arrived(const std::string& key, std::int64_t revision) {
  return {.key = key, .in_bin = revision};
}

std::vector<std::string> names_of(const std::vector<PendingChange>& changes) {
  std::vector<std::string> names;
  for (const PendingChange& change : changes) names.push_back(change.key);
  return names;
}

SyncedUser loaded(SyncStore& rows, const std::string& key) {
  for (const SyncedUser& user : rows.load()) {
    if (user.user.key() == key) return user;
  }
  throw std::logic_error("no " + key);
}

/// All that the stores hold, but sessions.
std::string dump(SyncStore& rows) {
  Json::Value all;
  for (const SyncedUser& user : rows.load()) {
    Json::Value row;
    row["record"] = user.user.record();
    row["revision"] = Json::Int64{user.revision};
    row["in_bin"] = Json::Int64{user.in_bin};
    for (const std::string& text :
         {user.notes.bin, user.notes.common, user.notes.written, user.notes.merged}) {
      row["notes"].append(text);
    }
    for (const Json::Value& version : user.notes.versions) row["versions"].append(version);
    all["users"].append(row);
  }
  for (const Json::Value& record : rows.set_aside()) all["set_aside"].append(record);
  return base::to_json(all);
}

using Names = std::vector<std::string>;

}  // namespace

TEMPLATE_TEST_CASE("a user who was just inserted is pending, without notes", "", Fake,
                   Sql<test::OnSqlite>, Sql<test::OnPostgres>) {
  TestType kept;
  CHECK(kept.rows.load().empty());
  CHECK(kept.rows.pending(10).empty());
  REQUIRE(kept.users.insert(user_named("Ada")));
  const auto users = kept.rows.load();
  REQUIRE(users.size() == 1);
  CHECK(users[0].user.record() == user_named("Ada").record());
  CHECK(users[0].revision == 1);
  CHECK(users[0].in_bin == 0);
  CHECK(users[0].notes == SyncNotes{});
  const auto pending = kept.rows.pending(10);
  REQUIRE(pending.size() == 1);
  CHECK(pending[0].key == "ada");
  CHECK(pending[0].revision == 1);
  CHECK(pending[0].bin.empty());
  CHECK(kept.rows.count_pending() == 1);
}

TEMPLATE_TEST_CASE("users are loaded, and pend, in the order of their keys", "", Fake,
                   Sql<test::OnSqlite>, Sql<test::OnPostgres>) {
  TestType kept;
  for (const char* name : {"bob", "Zed", "ada", "Carl"}) {
    REQUIRE(kept.users.insert(user_named(name)));
  }
  Names names;
  for (const SyncedUser& user : kept.rows.load()) names.push_back(user.user.key());
  CHECK(names == Names{"ada", "bob", "carl", "zed"});
  const auto [limit, pending] = GENERATE(Catch::Generators::table<std::size_t, Names>({
      {0, {}},
      {2, {"ada", "bob"}},
      {4, {"ada", "bob", "carl", "zed"}},
      {100, {"ada", "bob", "carl", "zed"}},
  }));
  CHECK(names_of(kept.rows.pending(limit)) == pending);
  CHECK(kept.rows.count_pending() == 4);
}

TEMPLATE_TEST_CASE("a change pends until the revision that it made has arrived", "", Fake,
                   Sql<test::OnSqlite>, Sql<test::OnPostgres>) {
  TestType kept;
  REQUIRE(kept.users.insert(user_named("Ada")));
  REQUIRE(kept.users.insert(user_named("Bob")));
  REQUIRE(kept.rows.apply({arrived("ada", 1)}));
  CHECK(names_of(kept.rows.pending(10)) == Names{"bob"});
  CHECK(kept.rows.count_pending() == 1);

  REQUIRE(kept.users.update(user_named("Ada", "2"), 1));
  CHECK(names_of(kept.rows.pending(10)) == Names{"ada", "bob"});
  REQUIRE(kept.rows.apply({arrived("ada", 1)}));
  CHECK(kept.rows.pending(10)[0].revision == 2);
  REQUIRE(kept.rows.apply({arrived("ada", 2)}));
  CHECK(names_of(kept.rows.pending(10)) == Names{"bob"});
}

TEMPLATE_TEST_CASE("what has arrived only rises", "", Fake, Sql<test::OnSqlite>,
                   Sql<test::OnPostgres>) {
  TestType kept;
  REQUIRE(kept.users.insert(user_named("Ada")));
  REQUIRE(kept.users.update(user_named("Ada"), 1));
  REQUIRE(kept.users.update(user_named("Ada"), 2));
  REQUIRE(kept.rows.apply({arrived("ada", 3)}));
  REQUIRE(kept.rows.apply({arrived("ada", 2)}));
  CHECK(loaded(kept.rows, "ada").in_bin == 3);
  CHECK(kept.rows.count_pending() == 0);
}

TEMPLATE_TEST_CASE("a pending change says in which bin its user lives", "", Fake,
                   Sql<test::OnSqlite>, Sql<test::OnPostgres>) {
  TestType kept;
  REQUIRE(kept.users.insert(user_named("Ada")));
  REQUIRE(kept.rows.apply({{.key = "ada", .notes = notes_in("bin7")}}));
  CHECK(kept.rows.pending(10)[0].bin == "bin7");
}

TEMPLATE_TEST_CASE("notes are replaced whole, and versions keep their order", "", Fake,
                   Sql<test::OnSqlite>, Sql<test::OnPostgres>) {
  TestType kept;
  REQUIRE(kept.users.insert(user_named("Ada")));
  REQUIRE(kept.users.insert(user_named("Bob")));
  REQUIRE(kept.rows.apply(
      {{.key = "ada", .notes = notes_in("a")}, {.key = "bob", .notes = notes_in("b")}}));
  CHECK(loaded(kept.rows, "ada").notes == notes_in("a"));

  SyncNotes fewer{.bin = "c", .versions = {json("{'v':9}")}};
  REQUIRE(kept.rows.apply({{.key = "ada", .notes = fewer}}));
  CHECK(loaded(kept.rows, "ada").notes == fewer);
  CHECK(loaded(kept.rows, "bob").notes == notes_in("b"));
  REQUIRE(kept.rows.apply({{.key = "ada", .notes = SyncNotes{}}}));
  CHECK(loaded(kept.rows, "ada").notes == SyncNotes{});
  CHECK(loaded(kept.rows, "ada").revision == 1);
}

TEMPLATE_TEST_CASE("a record is inserted or replaced, with a revision one higher", "", Fake,
                   Sql<test::OnSqlite>, Sql<test::OnPostgres>) {
  TestType kept;
  REQUIRE(kept.rows.apply({{.key = "ada", .record = user_named("Ada", "1").record()}}));
  CHECK(loaded(kept.rows, "ada").revision == 1);
  REQUIRE(kept.rows.apply({{.key = "ada",
                            .revision = 1,
                            .record = user_named("ADA", "2").record(),
                            .in_bin = 2,
                            .notes = notes_in("a")}}));
  const SyncedUser ada = loaded(kept.rows, "ada");
  CHECK(ada.user.record() == user_named("ADA", "2").record());
  CHECK(ada.revision == 2);
  CHECK(ada.in_bin == 2);
  CHECK(ada.notes == notes_in("a"));
  CHECK(kept.users.find("ada")->revision == 2);
  CHECK(kept.users.find("ada")->user.username() == "ADA");
  CHECK_FALSE(kept.users.update(user_named("Ada"), 1));
}

TEMPLATE_TEST_CASE("changes are made all, or none if a user is no longer as he was", "", Fake,
                   Sql<test::OnSqlite>, Sql<test::OnPostgres>) {
  TestType kept;
  for (const char* name : {"Ada", "Bob", "Eve"}) REQUIRE(kept.users.insert(user_named(name)));
  REQUIRE(kept.users.update(user_named("Eve", "2"), 1));
  for (const char* key : {"ada", "bob", "eve"}) kept.begin_session(key, std::string("of ") + key);
  REQUIRE(kept.rows.apply({{.key = "bob", .notes = notes_in("b")}}));
  const std::string before = dump(kept.rows);

  const auto record = [](const char* name) { return user_named(name, "3").record(); };
  const std::vector<SyncChange> good = {
      {.key = "ada",
       .revision = 1,
       .record = record("Ada"),
       .ends_sessions = true,
       .set_aside = record("Ada")},
      {.key = "bob", .revision = 1, .remove = true},
      {.key = "fay", .record = record("Fay"), .in_bin = 1, .notes = notes_in("f")}};
  const auto stale = GENERATE_COPY(values<SyncChange>({
      {.key = "eve", .revision = 1, .record = record("Eve")},
      {.key = "eve", .revision = 3, .record = record("Eve")},
      {.key = "eve", .revision = 0, .record = record("Eve")},
      {.key = "gus", .revision = 1, .record = record("Gus")},
      {.key = "eve", .revision = 1, .remove = true},
      {.key = "gus", .revision = 1, .remove = true},
  }));
  CAPTURE(stale.key, stale.revision, stale.remove);
  const auto place = static_cast<std::ptrdiff_t>(GENERATE(0, 2, 3));
  std::vector<SyncChange> changes = good;
  changes.insert(changes.begin() + place, stale);
  CHECK_FALSE(kept.rows.apply(changes));
  CHECK(dump(kept.rows) == before);
  for (const char* key : {"ada", "bob", "eve"}) CHECK(kept.sessions_of(key) == 1);

  CHECK(kept.rows.apply(good));
  CHECK(kept.rows.load().size() == 3);
  CHECK(kept.sessions_of("ada") == 0);
  CHECK(kept.sessions_of("eve") == 1);
}

TEMPLATE_TEST_CASE("a revision is looked at only where a record changes", "", Fake,
                   Sql<test::OnSqlite>, Sql<test::OnPostgres>) {
  TestType kept;
  REQUIRE(kept.users.insert(user_named("Ada")));
  CHECK(kept.rows.apply({{.key = "ada", .revision = 9, .in_bin = 1, .notes = notes_in("a")}}));
  CHECK(loaded(kept.rows, "ada").in_bin == 1);
  CHECK(kept.rows.apply({}));
}

TEMPLATE_TEST_CASE("who is removed leaves nothing behind", "", Fake, Sql<test::OnSqlite>,
                   Sql<test::OnPostgres>) {
  TestType kept;
  REQUIRE(kept.users.insert(user_named("Ada")));
  REQUIRE(kept.users.insert(user_named("Bob")));
  REQUIRE(kept.rows.apply({{.key = "ada", .in_bin = 1, .notes = notes_in("a")},
                           {.key = "bob", .in_bin = 1, .notes = notes_in("b")}}));
  kept.begin_session("ada", "1");
  kept.begin_session("bob", "2");
  REQUIRE(kept.rows.apply({{.key = "ada", .revision = 1, .remove = true}}));
  CHECK_FALSE(kept.users.find("ada"));
  CHECK(kept.sessions_of("ada") == 0);
  CHECK(kept.sessions_of("bob") == 1);
  CHECK(loaded(kept.rows, "bob").notes == notes_in("b"));

  REQUIRE(kept.users.insert(user_named("Ada")));
  CHECK(loaded(kept.rows, "ada").notes == SyncNotes{});
  CHECK(loaded(kept.rows, "ada").in_bin == 0);
}

TEMPLATE_TEST_CASE("a change may end the sessions of its user, and of nobody else", "", Fake,
                   Sql<test::OnSqlite>, Sql<test::OnPostgres>) {
  TestType kept;
  for (const char* name : {"Ada", "Bob"}) REQUIRE(kept.users.insert(user_named(name)));
  kept.begin_session("ada", "1");
  kept.begin_session("ada", "2");
  kept.begin_session("bob", "3");
  REQUIRE(kept.rows.apply({{.key = "ada", .revision = 1, .record = user_named("Ada").record()}}));
  CHECK(kept.sessions_of("ada") == 2);
  REQUIRE(kept.rows.apply({{.key = "ada", .ends_sessions = true}}));
  CHECK(kept.sessions_of("ada") == 0);
  CHECK(kept.sessions_of("bob") == 1);
}

TEMPLATE_TEST_CASE("who was set aside is kept once, by name", "", Fake, Sql<test::OnSqlite>,
                   Sql<test::OnPostgres>) {
  TestType kept;
  const Json::Value bob = user_named("Bob", "1").record();
  const Json::Value other = user_named("Bob", "2").record();
  const Json::Value ada = user_named("Ada").record();
  CHECK(kept.rows.set_aside().empty());
  REQUIRE(kept.rows.apply({{.key = "bob", .set_aside = bob}, {.key = "ada", .set_aside = ada}}));
  REQUIRE(kept.rows.apply({{.key = "bob", .set_aside = bob}}));
  REQUIRE(kept.rows.apply({{.key = "bob", .set_aside = other}}));
  CHECK(kept.rows.set_aside() == std::vector<Json::Value>{ada, bob, other});
  CHECK(kept.rows.load().empty());
}

}  // namespace userbin::store
