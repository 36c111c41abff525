#include "store/user_store.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <thread>

#include "base/failure.h"
#include "store/sql_session_store.h"
#include "store/sql_user_store.h"
#include "support/catch.h"
#include "support/fake_session_store.h"
#include "support/fake_user_store.h"
#include "support/postgres.h"
#include "support/temporary_folder.h"

namespace userbin::store {

namespace {

constexpr base::WallTime kNow{std::chrono::seconds{1'795'455'000}};
constexpr int kThreads = 10;

struct FakeUsers {
  test::FakeUserStore users;
  test::FakeSessionStore sessions;

  FakeUsers() { users.sessions = &sessions; }
};

template <typename Engine>
struct SqlUsers {
  Engine engine;
  SqlUserStore users{engine.database};
  SqlSessionStore sessions{engine.database};
};

User user_named(const std::string& name, const std::string& hash = "!") {
  return {name, hash, kNow};
}

User user_of(const std::string& name, const std::string& role, bool disabled = false) {
  User user = user_named(name);
  user.set_role(role);
  user.set_disabled(disabled);
  return user;
}

Session session_of(const std::string& user_key, const std::string& token_hash) {
  return {.token_hash = token_hash,
          .user_key = user_key,
          .created_at = kNow,
          .last_seen_at = kNow,
          .expires_at = kNow,
          .remember = false,
          .client = "192.0.2.7",
          .user_agent = "curl/8"};
}

std::vector<std::string> names_of(const std::vector<StoredUser>& users) {
  std::vector<std::string> names;
  for (const StoredUser& stored : users) names.push_back(stored.user.username());
  return names;
}

template <typename Work>
void on_ten_threads(Work work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back([&work, i] { work(i); });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

TEMPLATE_TEST_CASE("a user store keeps what was inserted", "", FakeUsers, SqlUsers<test::OnSqlite>,
                   SqlUsers<test::OnPostgres>) {
  TestType kept;
  UserStore& users = kept.users;
  CHECK_FALSE(users.find("ada"));

  Json::Value record = user_named("Ada").record();
  record["note"]["deep"].append(Json::nullValue);
  record["note"]["deep"].append(1.5);
  record["note"]["text"] = "\u00FC \"quoted\" \\ \n ' ; -- :name";
  const User ada(record);
  REQUIRE(users.insert(ada));
  const auto found = users.find("ada");
  REQUIRE(found);
  CHECK(found->user.record() == record);
  CHECK(found->revision == 1);

  SECTION("and finds nothing under another key") {
    const auto key = GENERATE(as<std::string>{}, "", "ad", "adaa", "Ada", "%", "a%", "ada'");
    CHECK_FALSE(users.find(key));
  }
  SECTION("and is well") {
    CHECK_NOTHROW(users.check());
  }
}

TEMPLATE_TEST_CASE("a user store has a name once, whatever its case", "", FakeUsers,
                   SqlUsers<test::OnSqlite>, SqlUsers<test::OnPostgres>) {
  TestType kept;
  UserStore& users = kept.users;
  REQUIRE(users.insert(user_named("Ada", "first")));
  CHECK_FALSE(users.insert(user_named("aDA", "second")));
  const auto found = users.find("ada");
  REQUIRE(found);
  CHECK(found->user.username() == "Ada");
  CHECK(found->user.password_hash() == "first");
  CHECK(found->revision == 1);
}

TEMPLATE_TEST_CASE("a name that is no text is nobody's, whoever has its beginning", "", FakeUsers,
                   SqlUsers<test::OnSqlite>, SqlUsers<test::OnPostgres>) {
  TestType kept;
  UserStore& users = kept.users;
  for (const char* name : {"ada", "bob"}) REQUIRE(users.insert(user_named(name)));
  for (const std::string& name : {std::string("ada\0x", 5), std::string("ada\0", 4),
                                  std::string("ada\xFF"), std::string("\xED\xA0\x80")}) {
    CHECK_FALSE(users.find(name));
    CHECK_FALSE(users.former(name));
    CHECK(users.search({.key_prefix = name}, "", 10).empty());
  }
  const std::string behind_ada("ada\0x", 5);
  CHECK(names_of(users.list(behind_ada, 10)) == std::vector<std::string>{"bob"});
  CHECK(users.search({}, behind_ada, 10).size() == 1);
}

TEST_CASE("PostgreSQL is given no text that would end before its end") {
  SqlUsers<test::OnPostgres> kept;
  REQUIRE(kept.users.insert(user_named("ada")));
  kept.sessions.insert(session_of("ada", "a"));
  const std::string name("ada\0x", 5);
  CHECK_THROWS_AS(kept.users.remove(name, 1), base::StoreUnavailable);
  CHECK_THROWS_AS(kept.sessions.remove_all(name), base::StoreUnavailable);
  CHECK_THROWS_AS(kept.users.insert(user_named(name)), base::StoreUnavailable);
  CHECK(kept.users.find("ada"));
  CHECK(kept.sessions.find("a"));
}

TEMPLATE_TEST_CASE("a user is updated only by who has read his last revision", "", FakeUsers,
                   SqlUsers<test::OnSqlite>, SqlUsers<test::OnPostgres>) {
  TestType kept;
  UserStore& users = kept.users;
  REQUIRE(users.insert(user_named("Ada", "1")));
  REQUIRE(users.insert(user_named("Bob", "1")));
  REQUIRE(users.update(user_named("ADA", "2"), 1));
  CHECK(users.find("ada")->user.username() == "ADA");
  CHECK(users.find("ada")->revision == 2);

  CHECK_FALSE(users.update(user_named("Ada", "3"), 1));
  CHECK_FALSE(users.update(user_named("Ada", "3"), 3));
  CHECK_FALSE(users.update(user_named("Nobody", "3"), 1));
  CHECK(users.find("ada")->user.password_hash() == "2");
  CHECK(users.find("ada")->revision == 2);
  CHECK(users.find("bob")->user.password_hash() == "1");
  CHECK_FALSE(users.find("nobody"));
}

TEMPLATE_TEST_CASE("a user is removed only by who has read his last revision", "", FakeUsers,
                   SqlUsers<test::OnSqlite>, SqlUsers<test::OnPostgres>) {
  TestType kept;
  UserStore& users = kept.users;
  REQUIRE(users.insert(user_named("Ada")));
  REQUIRE(users.insert(user_named("Bob")));
  CHECK_FALSE(users.remove("ada", 2));
  CHECK_FALSE(users.remove("nobody", 1));
  CHECK(users.find("ada"));
  REQUIRE(users.remove("ada", 1));
  CHECK_FALSE(users.find("ada"));
  CHECK_FALSE(users.remove("ada", 1));
  CHECK(users.find("bob"));
  CHECK(users.insert(user_named("Ada")));
}

TEMPLATE_TEST_CASE("users are listed in the order of their keys, a page at a time", "", FakeUsers,
                   SqlUsers<test::OnSqlite>, SqlUsers<test::OnPostgres>) {
  TestType kept;
  UserStore& users = kept.users;
  CHECK(users.list("", 10).empty());
  for (const char* name : {"bob", "Zed", "ada", "Carl", "b", "\u00C4da", "_x", "7up"}) {
    REQUIRE(users.insert(user_named(name)));
  }
  using Names = std::vector<std::string>;
  const auto [after, limit, names] = GENERATE(Catch::Generators::table<std::string, int, Names>({
      {"", 100, {"7up", "_x", "ada", "b", "bob", "Carl", "Zed", "\u00C4da"}},
      {"", 3, {"7up", "_x", "ada"}},
      {"ada", 2, {"b", "bob"}},
      {"adam", 2, {"b", "bob"}},
      {"carl", 3, {"Zed", "\u00C4da"}},
      {"\u00C4da", 3, {}},
      {"", 0, {}},
  }));
  CAPTURE(after, limit);
  CHECK(names_of(users.list(after, static_cast<std::size_t>(limit))) == names);
}

TEMPLATE_TEST_CASE("an import inserts and replaces, all or nothing", "", FakeUsers,
                   SqlUsers<test::OnSqlite>, SqlUsers<test::OnPostgres>) {
  TestType kept;
  UserStore& users = kept.users;
  REQUIRE(users.insert(user_named("Ada", "1")));
  std::vector<std::size_t> steps;
  const auto count = [&](std::size_t done) { steps.push_back(done); };

  REQUIRE(users.import({{user_named("ADA", "2"), 1}, {user_named("Bob", "2"), 0}}, count) ==
          ChangeResult::kDone);
  CHECK(steps.size() == 2);
  CHECK(users.find("ada")->user.username() == "ADA");
  CHECK(users.find("ada")->revision == 2);
  CHECK(users.find("bob")->revision == 1);

  const auto stale = GENERATE(Catch::Generators::table<std::string, std::int64_t>({
      {"bob", 0},     // there is one meanwhile
      {"bob", 2},     // he has changed
      {"nobody", 1},  // he is gone
  }));
  CAPTURE(stale);
  CHECK(users.import({{user_named("Cyd", "3"), 0},
                      {user_named("Ada", "3"), 2},
                      {user_named(std::get<0>(stale), "3"), std::get<1>(stale)}},
                     count) == ChangeResult::kStale);
  CHECK(names_of(users.list("", 10)) == std::vector<std::string>{"ADA", "Bob"});
  CHECK(users.find("ada")->user.password_hash() == "2");
  CHECK(users.find("bob")->user.password_hash() == "2");
}

TEMPLATE_TEST_CASE("an import never takes the last enabled admin away", "", FakeUsers,
                   SqlUsers<test::OnSqlite>, SqlUsers<test::OnPostgres>) {
  TestType kept;
  UserStore& users = kept.users;
  const auto with = [](const std::string& name, const char* role, bool disabled) {
    Json::Value record = user_named(name).record();
    record["role"] = role;
    record["disabled"] = disabled;
    return User(record);
  };
  const auto nothing = [](std::size_t) {};
  const auto [role, disabled, other_admin, result] =
      GENERATE(Catch::Generators::table<const char*, bool, bool, ChangeResult>({
          {"user", false, false, ChangeResult::kLastAdmin},
          {"admin", true, false, ChangeResult::kLastAdmin},
          {"admin", false, false, ChangeResult::kDone},
          {"user", false, true, ChangeResult::kDone},
      }));
  CAPTURE(role, disabled, other_admin);
  REQUIRE(users.insert(with("ada", "admin", false)));
  REQUIRE(users.insert(with("bob", "admin", true)));
  REQUIRE(users.insert(with("cyd", other_admin ? "admin" : "user", false)));
  CHECK(users.import({{with("dan", "user", false), 0}, {with("ada", role, disabled), 1}},
                     nothing) == result);
  const bool is_done = result == ChangeResult::kDone;
  CHECK(users.find("dan").has_value() == is_done);
  CHECK(users.find("ada")->revision == (is_done ? 2 : 1));
}

TEST_CASE("an import needs no admin where there was none") {
  SqlUsers<test::OnSqlite> kept;
  REQUIRE(kept.users.insert(user_named("Ada")));
  CHECK(kept.users.import({{user_named("Ada"), 1}}, [](std::size_t) {}) == ChangeResult::kDone);
}

TEST_CASE("who is replaced by an import loses his sessions, others don't") {
  SqlUsers<test::OnSqlite> kept;
  SqlSessionStore& sessions = kept.sessions;
  for (const char* name : {"ada", "bob"}) {
    REQUIRE(kept.users.insert(user_named(name)));
    sessions.insert({.token_hash = name,
                     .user_key = name,
                     .created_at = kNow,
                     .last_seen_at = kNow,
                     .expires_at = kNow + std::chrono::hours{1}});
  }
  REQUIRE(kept.users.import({{user_named("ada"), 1}}, [](std::size_t) {}) == ChangeResult::kDone);
  CHECK_FALSE(sessions.find("ada"));
  CHECK(sessions.find("bob"));
}

TEMPLATE_TEST_CASE("a change is made only by who has read the user's last revision", "", FakeUsers,
                   SqlUsers<test::OnSqlite>, SqlUsers<test::OnPostgres>) {
  TestType kept;
  UserStore& users = kept.users;
  REQUIRE(users.insert(user_named("Ada", "1")));
  CHECK(users.change(user_named("Ada", "2"), 1, {}) == ChangeResult::kDone);
  CHECK(users.change(user_named("Ada", "3"), 1, {.ends_sessions = true}) == ChangeResult::kStale);
  CHECK(users.change(user_named("Nobody", "3"), 1, {}) == ChangeResult::kStale);
  CHECK(users.find("ada")->user.password_hash() == "2");
  CHECK(users.find("ada")->revision == 2);
}

TEMPLATE_TEST_CASE("sessions end and begin with a change, and not without it", "", FakeUsers,
                   SqlUsers<test::OnSqlite>, SqlUsers<test::OnPostgres>) {
  TestType kept;
  UserStore& users = kept.users;
  SessionStore& sessions = kept.sessions;
  REQUIRE(users.insert(user_named("Ada")));
  for (const char* hash : {"one", "two"}) sessions.insert(session_of("ada", hash));
  sessions.insert(session_of("bob", "three"));

  CHECK(users.change(user_named("Ada"), 7, {.ends_sessions = true}) == ChangeResult::kStale);
  CHECK(users.change(user_named("Ada"), 1, {}) == ChangeResult::kDone);
  CHECK(sessions.list("ada").size() == 2);

  const ChangeEffects anew{.ends_sessions = true, .begins = session_of("ada", "four")};
  CHECK(users.change(user_named("Ada"), 2, anew) == ChangeResult::kDone);
  REQUIRE(sessions.list("ada").size() == 1);
  CHECK(sessions.find("four"));
  CHECK(sessions.find("three"));
}

TEMPLATE_TEST_CASE("the last active admin stays one", "", FakeUsers, SqlUsers<test::OnSqlite>,
                   SqlUsers<test::OnPostgres>) {
  TestType kept;
  UserStore& users = kept.users;
  REQUIRE(users.insert(user_of("Ada", "admin")));
  REQUIRE(users.insert(user_of("Eve", "user")));
  REQUIRE(users.insert(user_of("Off", "admin", true)));
  Json::Value pretender = user_of("Fox", "user").record();
  pretender["note"]["role"] = "admin";
  REQUIRE(users.insert(User(pretender)));

  const auto [role, disabled] = GENERATE(Catch::Generators::table<std::string, bool>(
      {{"user", false}, {"admin", true}, {"deleted", false}, {"Admin", false}}));
  CAPTURE(role, disabled);
  const User changed = user_of("Ada", role, disabled);
  CHECK(users.change(changed, 1, {.ends_sessions = true}) == ChangeResult::kLastAdmin);
  CHECK(users.find("ada")->user.is_active_admin());
  CHECK(users.find("ada")->revision == 1);

  CHECK(users.change(user_of("Eve", "guest"), 1, {}) == ChangeResult::kDone);
  CHECK(users.change(user_of("Off", "admin"), 1, {}) == ChangeResult::kDone);
  CHECK(users.change(changed, 1, {}) == ChangeResult::kDone);
  CHECK_FALSE(users.find("ada")->user.is_active_admin());
}

TEMPLATE_TEST_CASE("a deletion keeps the record before, for its time and no longer", "", FakeUsers,
                   SqlUsers<test::OnSqlite>, SqlUsers<test::OnPostgres>) {
  TestType kept;
  UserStore& users = kept.users;
  REQUIRE(users.insert(user_named("Ada", "hash")));
  CHECK_FALSE(users.former("ada"));
  User gone = user_named("Ada");
  gone.become_deleted(kNow);
  const bool keeps_former = GENERATE(true, false);
  const ChangeEffects effects{.kept_until = kNow + std::chrono::days{1},
                              .keeps_former = keeps_former};
  REQUIRE(users.change(gone, 1, effects) == ChangeResult::kDone);
  const auto former = users.former("ada");
  CHECK(former.has_value() == keeps_former);
  if (former) CHECK(former->password_hash() == "hash");

  CHECK(users.forget_deletions(kNow) == 0);
  CHECK(users.find("ada")->user.deleted());
  SECTION("and is forgotten then") {
    CHECK(users.forget_deletions(kNow + std::chrono::days{1}) == 1);
    CHECK_FALSE(users.find("ada"));
    CHECK(users.insert(user_named("Ada")));
  }
  SECTION("or until the name is used again, whose user stays") {
    REQUIRE(users.change(user_named("Ada", "other"), 2, {}) == ChangeResult::kDone);
    CHECK_FALSE(users.former("ada"));
    CHECK(users.forget_deletions(kNow + std::chrono::days{1}) == 0);
    CHECK(users.find("ada"));
  }
  SECTION("and who has the name otherwise stays, too") {
    REQUIRE(users.update(user_named("Ada", "other"), 2));
    CHECK(users.forget_deletions(kNow + std::chrono::days{1}) == 1);
    CHECK_FALSE(users.former("ada"));
    CHECK(users.find("ada"));
  }
}

TEST_CASE("of two programs that each demote one of two admins at once exactly one succeeds") {
  test::TemporaryFolder folder;
  const SqliteDatabase::Options options{.path = folder.file("users.db"),
                                        .patience = std::chrono::minutes{1}};
  SqliteDatabase first(options);
  SqliteDatabase second(options);
  std::array<SqlUserStore, 2> programs{SqlUserStore(first), SqlUserStore(second)};
  const std::array<std::string, 2> names{"Ada", "Bob"};
  for (const std::string& name : names) REQUIRE(programs[0].insert(user_of(name, "admin")));
  for (int round = 0; round < 50; ++round) {
    std::array<ChangeResult, 2> results{};
    std::barrier start(2);
    const auto demote = [&](std::size_t i) {
      const auto stored = programs.at(i).find(user_key(names.at(i)));
      start.arrive_and_wait();
      results.at(i) = programs.at(i).change(user_of(names.at(i), "user"), stored->revision, {});
    };
    std::thread other(demote, 1);
    demote(0);
    other.join();
    CAPTURE(round);
    const auto wins = std::count(results.begin(), results.end(), ChangeResult::kDone);
    CHECK(wins == 1);
    CHECK(std::count(results.begin(), results.end(), ChangeResult::kLastAdmin) == 1);
    for (const std::string& name : names) {
      const auto stored = programs[0].find(user_key(name));
      REQUIRE(programs[0].change(user_of(name, "admin"), stored->revision, {}) ==
              ChangeResult::kDone);
    }
  }
}

TEMPLATE_TEST_CASE("of ten inserts of one name at once exactly one wins", "", FakeUsers,
                   SqlUsers<test::OnSqlite>, SqlUsers<test::OnPostgres>) {
  TestType kept;
  UserStore& users = kept.users;
  std::atomic<int> winner = -1;
  std::atomic<int> wins = 0;
  on_ten_threads([&](int i) {
    if (!users.insert(user_named(i % 2 == 0 ? "ada" : "ADA", std::to_string(i)))) return;
    winner = i;
    ++wins;
  });
  CHECK(wins == 1);
  CHECK(users.find("ada")->user.password_hash() == std::to_string(winner));
  CHECK(users.list("", 10).size() == 1);
}

TEMPLATE_TEST_CASE("of many updates of one user at once none is lost", "", FakeUsers,
                   SqlUsers<test::OnSqlite>, SqlUsers<test::OnPostgres>) {
  TestType kept;
  UserStore& users = kept.users;
  constexpr int kUpdatesEach = 5;
  REQUIRE(users.insert(user_named("Ada", "0")));
  on_ten_threads([&](int) {
    for (int done = 0; done < kUpdatesEach;) {
      StoredUser stored = *users.find("ada");
      stored.user.set_password_hash(std::to_string(std::stoi(stored.user.password_hash()) + 1));
      if (users.update(stored.user, stored.revision)) ++done;
    }
  });
  const auto found = users.find("ada");
  CHECK(found->user.password_hash() == std::to_string(kThreads * kUpdatesEach));
  CHECK(found->revision == 1 + kThreads * kUpdatesEach);
}

TEMPLATE_TEST_CASE(
    "a search finds users by how their keys begin, their role, and whether they wait", "",
    FakeUsers, SqlUsers<test::OnSqlite>, SqlUsers<test::OnPostgres>) {
  TestType kept;
  UserStore& users = kept.users;
  for (const char* name : {"ab", "Abc", "abd", "ac", "a%", "b", "\u00FCmit"}) {
    REQUIRE(users.insert(user_named(name)));
  }
  REQUIRE(users.insert(user_of("abe", "admin")));
  REQUIRE(users.insert(user_of("zed", "Admin")));
  // Patterns must not be taken in by letters elsewhere in a record, nor pass over a record that
  // says no role.
  Json::Value tricky = user_named("abf").record();
  tricky["note"]["role"] = "admin";
  tricky["note"]["waiting"] = true;
  REQUIRE(users.insert(User(tricky)));
  Json::Value bare = user_named("abg").record();
  bare.removeMember("role");
  REQUIRE(users.insert(User(bare)));
  User waiting = user_named("abh");
  waiting.become_waiting();
  REQUIRE(users.insert(waiting));
  User deleted = user_of("abi", "admin");
  deleted.become_deleted(kNow);
  REQUIRE(users.insert(deleted));
  REQUIRE(users.insert(user_of("odd", "a\\b\"c")));

  using Names = std::vector<std::string>;
  const auto found = [&](const UserFilter& filter, const std::string& after = "",
                         std::size_t limit = 100) {
    Names names;
    for (const User& user : users.search(filter, after, limit)) names.push_back(user.username());
    return names;
  };
  CHECK(found({.key_prefix = "ab"}) == Names{"ab", "Abc", "abd", "abe", "abf", "abg", "abh"});
  CHECK(found({.key_prefix = "a%"}) == Names{"a%"});
  CHECK(found({.key_prefix = "\u00FC"}) == Names{"\u00FCmit"});
  CHECK(found({.key_prefix = "ac"}) == Names{"ac"});
  CHECK(found({.key_prefix = "abcd"}).empty());
  CHECK(found({}).size() == 13);
  CHECK(found({}, "", 3) == Names{"a%", "ab", "Abc"});
  CHECK(found({}, "abc", 2) == Names{"abd", "abe"});
  CHECK(found({}, "b") == Names{"odd", "zed", "\u00FCmit"});
  CHECK(found({.key_prefix = "ab"}, "abf") == Names{"abg", "abh"});
  CHECK(found({.role = "admin"}) == Names{"abe"});
  CHECK(found({.role = "Admin"}) == Names{"zed"});
  CHECK(found({.role = "a\\b\"c"}) == Names{"odd"});
  CHECK(found({.role = "deleted"}).empty());
  CHECK(found({.role = "%"}).empty());
  CHECK(found({.key_prefix = "ab", .role = "user"}) ==
        Names{"ab", "Abc", "abd", "abf", "abg", "abh"});
  CHECK(found({.is_waiting = true}) == Names{"abh"});
  CHECK(found({.role = "admin"}, "", 1) == Names{"abe"});
  CHECK(found({.is_waiting = true}, "", 1) == Names{"abh"});
  CHECK(found({}, "", 0).empty());
}

}  // namespace userbin::store
