#include "store/user_store.h"

#include <atomic>
#include <thread>

#include "store/sql_session_store.h"
#include "store/sql_user_store.h"
#include "support/catch.h"
#include "support/fake_user_store.h"
#include "support/temporary_folder.h"

namespace userbin::store {

namespace {

constexpr base::WallTime kNow{std::chrono::seconds{1'795'455'000}};
constexpr int kThreads = 10;

struct FakeUsers {
  test::FakeUserStore users;
};

struct SqlUsers {
  test::TemporaryFolder folder;
  Database database{
      {.path = folder.file("users.db"), .max_connections = 4, .patience = std::chrono::minutes{1}}};
  SqlUserStore users{database};
};

User user_named(const std::string& name, const std::string& hash = "!") {
  return {name, hash, kNow};
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

TEMPLATE_TEST_CASE("a user store keeps what was inserted", "", FakeUsers, SqlUsers) {
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

TEMPLATE_TEST_CASE("a user store has a name once, whatever its case", "", FakeUsers, SqlUsers) {
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

TEMPLATE_TEST_CASE("a user is updated only by who has read his last revision", "", FakeUsers,
                   SqlUsers) {
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
                   SqlUsers) {
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
                   SqlUsers) {
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

TEMPLATE_TEST_CASE("an import inserts and replaces, all or nothing", "", FakeUsers, SqlUsers) {
  TestType kept;
  UserStore& users = kept.users;
  REQUIRE(users.insert(user_named("Ada", "1")));
  std::vector<std::size_t> steps;
  const auto count = [&](std::size_t done) { steps.push_back(done); };

  REQUIRE(users.import({{user_named("ADA", "2"), 1}, {user_named("Bob", "2"), 0}}, count) ==
          ImportResult::kDone);
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
                     count) == ImportResult::kStale);
  CHECK(names_of(users.list("", 10)) == std::vector<std::string>{"ADA", "Bob"});
  CHECK(users.find("ada")->user.password_hash() == "2");
  CHECK(users.find("bob")->user.password_hash() == "2");
}

TEMPLATE_TEST_CASE("an import never takes the last enabled admin away", "", FakeUsers, SqlUsers) {
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
      GENERATE(Catch::Generators::table<const char*, bool, bool, ImportResult>({
          {"user", false, false, ImportResult::kLastAdmin},
          {"admin", true, false, ImportResult::kLastAdmin},
          {"admin", false, false, ImportResult::kDone},
          {"user", false, true, ImportResult::kDone},
      }));
  CAPTURE(role, disabled, other_admin);
  REQUIRE(users.insert(with("ada", "admin", false)));
  REQUIRE(users.insert(with("bob", "admin", true)));
  REQUIRE(users.insert(with("cyd", other_admin ? "admin" : "user", false)));
  CHECK(users.import({{with("dan", "user", false), 0}, {with("ada", role, disabled), 1}},
                     nothing) == result);
  const bool is_done = result == ImportResult::kDone;
  CHECK(users.find("dan").has_value() == is_done);
  CHECK(users.find("ada")->revision == (is_done ? 2 : 1));
}

TEST_CASE("an import needs no admin where there was none") {
  SqlUsers kept;
  REQUIRE(kept.users.insert(user_named("Ada")));
  CHECK(kept.users.import({{user_named("Ada"), 1}}, [](std::size_t) {}) == ImportResult::kDone);
}

TEST_CASE("who is replaced by an import loses his sessions, others don't") {
  SqlUsers kept;
  SqlSessionStore sessions(kept.database);
  for (const char* name : {"ada", "bob"}) {
    REQUIRE(kept.users.insert(user_named(name)));
    sessions.insert({.token_hash = name,
                     .user_key = name,
                     .created_at = kNow,
                     .last_seen_at = kNow,
                     .expires_at = kNow + std::chrono::hours{1}});
  }
  REQUIRE(kept.users.import({{user_named("ada"), 1}}, [](std::size_t) {}) == ImportResult::kDone);
  CHECK_FALSE(sessions.find("ada"));
  CHECK(sessions.find("bob"));
}

TEMPLATE_TEST_CASE("of ten inserts of one name at once exactly one wins", "", FakeUsers, SqlUsers) {
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

TEMPLATE_TEST_CASE("of many updates of one user at once none is lost", "", FakeUsers, SqlUsers) {
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

}  // namespace userbin::store
