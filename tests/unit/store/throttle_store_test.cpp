#include "store/throttle_store.h"

#include <filesystem>

#include "store/sql_throttle_store.h"
#include "support/catch.h"
#include "support/fake_throttle_store.h"
#include "support/postgres.h"
#include "support/store_on_disk.h"

namespace userbin::store {

namespace {

using std::chrono::days;
using std::chrono::seconds;

constexpr base::WallTime kNow{seconds{1'795'455'000}};

struct Fake {
  test::FakeThrottleStore rows;
};

template <typename Engine>
struct Sql {
  Engine engine;
  SqlThrottleStore rows{engine.database};
};

ThrottleEntry entry_of(const std::string& name, const std::string& client,
                       ThrottleKind kind = ThrottleKind::kPair) {
  return {.key = {.kind = kind, .name = name, .client = client},
          .failures = 6,
          .changed_at = kNow,
          .held_until = kNow + seconds{2},
          .forget_at = kNow + std::chrono::microseconds{86'400'000'001}};
}

std::vector<std::string> names_in(ThrottleStore& rows) {
  std::vector<std::string> names;
  for (const ThrottleEntry& entry : rows.load()) {
    names.push_back(entry.key.name + '/' + entry.key.client);
  }
  return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEMPLATE_TEST_CASE("a throttle store keeps every field, by kind, name and client", "", Fake,
                   Sql<test::OnSqlite>, Sql<test::OnPostgres>) {
  TestType kept;
  CHECK(kept.rows.load().empty());
  const ThrottleKind kind =
      GENERATE(ThrottleKind::kPair, ThrottleKind::kLogins, ThrottleKind::kRegistrations,
               ThrottleKind::kAccount, ThrottleKind::kKnown);
  const ThrottleEntry first = entry_of("00ff", "2001:db8::/64", kind);
  ThrottleEntry second = entry_of("", "", kind);
  kept.rows.save({first, second}, {});
  CHECK(kept.rows.load() == std::vector{second, first});
  second.failures = 7;
  second.held_until += seconds{100};
  kept.rows.save({second}, {first.key});
  CHECK(kept.rows.load() == std::vector{second});
  kept.rows.save({}, {first.key, second.key});
  CHECK(kept.rows.load().empty());
  kept.rows.save({}, {});
}

TEMPLATE_TEST_CASE("news tell what others have saved and removed since", "", Fake,
                   Sql<test::OnSqlite>, Sql<test::OnPostgres>) {
  TestType kept;
  const ThrottleEntry first = entry_of("aa", "c1");
  const ThrottleEntry second = entry_of("bb", "c2");
  CHECK(kept.rows.news(0, "me").changed.empty());
  kept.rows.save({first}, {}, "other");
  kept.rows.save({second}, {}, "me");
  const ThrottleNews news = kept.rows.news(0, "me");
  CHECK(news.changed == std::vector{first});
  CHECK(news.gone.empty());
  CHECK(kept.rows.news(0, "nobody").changed.size() == 2);
  CHECK(kept.rows.news(news.stamp, "me").changed.empty());

  kept.rows.save({}, {first.key, second.key}, "other");
  const ThrottleNews later = kept.rows.news(news.stamp, "me");
  CHECK(later.changed.empty());
  CHECK(later.gone == std::vector{first.key, second.key});
  CHECK(kept.rows.news(news.stamp, "other").gone.empty());
  kept.rows.save({first}, {}, "other");
  const ThrottleNews last = kept.rows.news(later.stamp, "me");
  CHECK(last.changed == std::vector{first});
  CHECK(last.gone.empty());
  CHECK(kept.rows.news(news.stamp, "me").gone == std::vector{second.key});
}

TEMPLATE_TEST_CASE("the secret for names is drawn once", "", Fake, Sql<test::OnSqlite>,
                   Sql<test::OnPostgres>) {
  TestType kept;
  CHECK(kept.rows.name_key("first") == "first");
  CHECK(kept.rows.name_key("second") == "first");
}

TEMPLATE_TEST_CASE("a lift removes what it covers and tells how many were held off", "", Fake,
                   Sql<test::OnSqlite>, Sql<test::OnPostgres>) {
  const auto [name, client, held, left] =
      GENERATE(Catch::Generators::table<std::string, std::string, std::size_t, Names>({
          {"", "", 2, {"bb/c2", "aa/c1"}},
          {"aa", "", 1, {"bb/c1", "bb/c2", "/c1", "aa/c1"}},
          {"", "c1", 2, {"aa/c2", "bb/c2", "aa/c1"}},
          {"aa", "c1", 1, {"aa/c2", "bb/c1", "bb/c2", "/c1", "aa/c1"}},
          {"cc", "", 0, {"aa/c1", "aa/c2", "bb/c1", "bb/c2", "/c1", "aa/c1"}},
      }));
  CAPTURE(name, client);
  TestType kept;
  ThrottleEntry free = entry_of("aa", "c2");
  free.held_until = {};
  ThrottleEntry free_too = entry_of("bb", "c1");
  free_too.held_until = kNow;
  ThrottleEntry later = entry_of("bb", "c2");
  later.changed_at = kNow + seconds{1};
  kept.rows.save(
      {entry_of("aa", "c1"), free, free_too, later, entry_of("", "c1", ThrottleKind::kLogins),
       entry_of("aa", "c1", ThrottleKind::kKnown)},
      {});
  CHECK(kept.rows.lift({.name = name, .client = client, .at = kNow}) == held);
  CHECK(names_in(kept.rows) == left);
}

TEMPLATE_TEST_CASE("lifts are told in the order of their times, for a day", "", Fake,
                   Sql<test::OnSqlite>, Sql<test::OnPostgres>) {
  TestType kept;
  const ThrottleLift late{.name = "", .client = "", .at = kNow};
  const ThrottleLift early{.name = "aa", .client = "c1", .at = kNow - days{1}};
  kept.rows.lift(late);
  kept.rows.lift(early);
  CHECK(kept.rows.lifts() == std::vector{early, late});
  const ThrottleLift next{.name = "bb", .client = "", .at = kNow + std::chrono::microseconds{1}};
  kept.rows.lift(next);
  CHECK(kept.rows.lifts() == std::vector{late, next});
}

TEST_CASE("what is throttled is there when the file is opened again") {
  test::TemporaryFolder folder;
  const std::string path = folder.file("users.db");
  {
    SqliteDatabase database(test::options_for(path));
    SqlThrottleStore rows(database);
    rows.name_key("secret");
    rows.save({entry_of("aa", "c1")}, {});
  }
  SqliteDatabase database(test::options_for(path));
  SqlThrottleStore rows(database);
  CHECK(rows.name_key("another") == "secret");
  CHECK(rows.load() == std::vector{entry_of("aa", "c1")});
}

TEST_CASE("a batch of a throttle store is taken whole or not at all") {
  test::TemporaryFolder folder;
  const std::string path = folder.file("users.db");
  SqliteDatabase database(test::options_for(path));
  SqlThrottleStore rows(database);
  rows.save({entry_of("aa", "c1")}, {});
  soci::session sql(soci::sqlite3, "db=" + path);
  sql << "CREATE TRIGGER refuse BEFORE INSERT ON throttle WHEN new.name = 'cc'"
         " BEGIN SELECT RAISE(ABORT, 'no'); END";
  ThrottleEntry changed = entry_of("aa", "c1");
  changed.failures = 9;
  CHECK_FALSE(test::failure_of([&] {
                rows.save({changed, entry_of("bb", "c1"), entry_of("cc", "c1")}, {});
              }).empty());
  CHECK(rows.load() == std::vector{entry_of("aa", "c1")});
}

}  // namespace userbin::store
