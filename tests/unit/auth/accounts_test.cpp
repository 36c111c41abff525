#include "auth/accounts.h"

#include <memory>

#include "base/failure.h"
#include "support/catch.h"
#include "support/fake_clock.h"
#include "support/fake_replica.h"
#include "support/fake_user_store.h"
#include "support/inline_executor.h"

namespace userbin::auth {

namespace {

using test::Fault;
using test::Started;
using test::wait_for;

constexpr HashCost kCheap{8, 1};
constexpr const char* kPassword = "correct horse battery";
constexpr const char* kBcrypt = "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS";

struct Site {
  test::FakeClock clock;
  test::FakeUserStore users;
  test::TestExecutor executor;
  HashPool hashes{{.cost = kCheap, .slots = 2}, executor};
  test::FakeReplica replica;
  Accounts accounts{users, replica, hashes, clock};

  base::Task<RegisterResult> registration(const std::string& name,
                                          const std::string& password = kPassword) {
    const Username username = *Username::parse(name);
    auto checked =
        check_password(base::SecretString(password), name, {.min_length = 1, .min_guesses = 0});
    return accounts.register_user(username, std::get<Password>(std::move(checked)));
  }
  RegisterResult register_user(const std::string& name, const std::string& password = kPassword) {
    return wait_for(registration(name, password), executor);
  }
  std::optional<store::User> log_in(const std::string& name,
                                    const std::string& password = kPassword) {
    return wait_for(accounts.authenticate(name, base::SecretString(password)), executor);
  }
  /// A user with this hash, as a bin may bring one.
  void bring(const std::string& name, const std::string& hash, bool disabled = false) {
    Json::Value record = store::User(name, hash, clock.now()).record();
    if (disabled) record["disabled"] = true;
    REQUIRE(users.insert(store::User(record)));
  }
  /// What remains of a user who was deleted before.
  void bring_deletion(const std::string& name, int incarnation = 0) {
    Json::Value record = store::User(name, "!", clock.now()).record();
    record["role"] = "deleted";
    if (incarnation > 0) record["incarnation"] = incarnation;
    REQUIRE(users.insert(store::User(record)));
  }
  std::string hash_of(const std::string& key) { return users.find(key)->user.password_hash(); }
};

}  // namespace

TEST_CASE("who registers is a user with the role user, his name as typed and a hashed password") {
  Site site;
  CHECK(site.register_user("Ada.L") == RegisterResult::kRegistered);
  const auto stored = site.users.find("ada.l");
  REQUIRE(stored);
  CHECK(stored->user.username() == "Ada.L");
  CHECK(stored->user.role() == "user");
  CHECK(stored->user.created_at() == base::format_rfc3339(site.clock.now()));
  CHECK(stored->user.password_hash().starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
}

TEST_CASE("a name that is taken, in whatever case, is not registered again") {
  Site site;
  REQUIRE(site.register_user("Ada") == RegisterResult::kRegistered);
  const auto name = GENERATE(as<std::string>{}, "Ada", "ada", "ADA");
  CHECK(site.register_user(name, "another password") == RegisterResult::kNameTaken);
  CHECK(site.users.find("ada")->user.username() == "Ada");
  CHECK(site.log_in("ada"));
  CHECK_FALSE(site.log_in("ada", "another password"));
}

TEST_CASE("of several registrations of one name at once exactly one succeeds") {
  Site site;
  std::vector<std::unique_ptr<Started<RegisterResult>>> started;
  for (int i = 0; i < 8; ++i) {
    started.push_back(std::make_unique<Started<RegisterResult>>(
        site.registration(i % 2 == 0 ? "Ada" : "ADA", "password " + std::to_string(i))));
  }
  int wins = 0;
  for (std::size_t i = 0; i < started.size(); ++i) {
    if (started[i]->result(site.executor) != RegisterResult::kRegistered) continue;
    ++wins;
    CHECK(site.log_in("ada", "password " + std::to_string(i)));
  }
  CHECK(wins == 1);
}

TEST_CASE("a user logs in with his password and his name in any case") {
  Site site;
  REQUIRE(site.register_user("Ada") == RegisterResult::kRegistered);
  const auto name = GENERATE(as<std::string>{}, "Ada", "ada", "aDA");
  const auto user = site.log_in(name);
  REQUIRE(user);
  CHECK(user->username() == "Ada");
  CHECK(site.users.find("ada")->revision == 1);
}

TEST_CASE("nobody logs in with a wrong name, a wrong password or a disabled account") {
  Site site;
  REQUIRE(site.register_user("Ada") == RegisterResult::kRegistered);
  site.bring("Off", kBcrypt, true);
  site.bring("Gone", "!");
  site.bring("Plain", kPassword);
  const auto [name, password] = GENERATE(Catch::Generators::table<std::string, std::string>({
      {"ada", "Correct horse battery"},
      {"ada", "correct horse battery "},
      {"ada", ""},
      {"ada", "nobody's password"},
      {"eve", kPassword},
      {"eve", "nobody's password"},
      {"eve", ""},
      {"", kPassword},
      {"ada ", kPassword},
      {"\u00E4da", kPassword},
      {"off", kPassword},
      {"gone", "!"},
      {"gone", "nobody's password"},
      {"plain", kPassword},
  }));
  CAPTURE(name, password);
  CHECK_FALSE(site.log_in(name, password));
}

TEST_CASE("a login verifies a hash whether there is such a user or not") {
  test::FakeClock clock;
  test::FakeUserStore users;
  test::TestExecutor executor;
  HashPool nothing_fits({.cost = kCheap, .slots = 0, .max_queue = 0}, executor);
  store::NoReplica replica;
  Accounts accounts(users, replica, nothing_fits, clock);
  users.insert(store::User("Ada", hash_password(base::SecretString(kPassword), kCheap), {}));
  users.insert(store::User("Gone", "!", {}));
  users.insert(store::User("Cut", "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ", {}));
  const auto name = GENERATE(as<std::string>{}, "ada", "eve", "", "gone", "cut");
  CAPTURE(name);
  // Overloaded can come from the pool alone, so this went there.
  CHECK_THROWS_AS(wait_for(accounts.authenticate(name, base::SecretString(kPassword)), executor),
                  base::Overloaded);
}

TEST_CASE("a foreign or outdated hash is replaced at login, and the password goes on working") {
  const auto hash = GENERATE(as<std::string>{}, kBcrypt,
                             "pbkdf2:sha256:1000$NaClsalt$"
                             "8865b7dfab554510a9518ea5e370460835f09c93ac8b7b8ac8dbcdd7831565ee",
                             hash_password(base::SecretString(kPassword), {16, 1}));
  CAPTURE(hash);
  Site site;
  site.bring("Ada", hash);
  site.clock.advance(std::chrono::hours{1});

  CHECK_FALSE(site.log_in("ada", "wrong"));
  CHECK(site.hash_of("ada") == hash);

  const auto user = site.log_in("ada");
  REQUIRE(user);
  const std::string renewed = site.hash_of("ada");
  CHECK(user->password_hash() == renewed);
  CHECK(renewed.starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
  CHECK(site.users.find("ada")->user.record()["updated_at"] ==
        base::format_rfc3339(site.clock.now()));
  CHECK(site.log_in("ada"));
  CHECK_FALSE(site.log_in("ada", "wrong"));
  CHECK(site.hash_of("ada") == renewed);
}

TEST_CASE("a login does not fail because its hash cannot be renewed") {
  Site site;
  site.bring("Ada", kBcrypt);
  site.users.fault.set(Fault::Hits::kChanges);
  CHECK(site.log_in("ada"));
  site.users.fault.clear();
  CHECK(site.hash_of("ada") == kBcrypt);
  CHECK(site.log_in("ada"));
  CHECK(site.hash_of("ada") != kBcrypt);
}

TEST_CASE("renewing a hash does not undo a change that was made meanwhile") {
  Site site;
  site.bring("Ada", kBcrypt);
  Started<std::optional<store::User>> login(
      site.accounts.authenticate("ada", base::SecretString(kPassword)));
  REQUIRE_FALSE(login.done());  // it waits for the pool
  store::StoredUser changed = *site.users.find("ada");
  changed.user.set_password_hash("!");
  REQUIRE(site.users.update(changed.user, changed.revision));
  login.result(site.executor);
  CHECK(site.hash_of("ada") == "!");
}

TEST_CASE("what the store cannot do is thrown, and nothing is registered") {
  Site site;
  REQUIRE(site.register_user("Ada") == RegisterResult::kRegistered);
  const auto hits = GENERATE(Fault::Hits::kEverything, Fault::Hits::kChanges);
  site.users.fault.set(hits);
  CHECK_THROWS_AS(site.register_user("Bob"), base::StoreUnavailable);
  if (hits == Fault::Hits::kEverything) {
    CHECK_THROWS_AS(site.log_in("ada"), base::StoreUnavailable);
    CHECK_THROWS_AS(site.log_in("eve"), base::StoreUnavailable);
  } else {
    CHECK(site.log_in("ada"));
  }
  site.users.fault.clear();
  CHECK_FALSE(site.users.find("bob"));
}

TEST_CASE("the name of a deleted user is free, and whoever takes it is another user") {
  Site site;
  const auto [before, incarnation] = GENERATE(Catch::Generators::table<int, int>({{0, 1}, {4, 5}}));
  site.bring_deletion("Ada", before);
  site.clock.advance(std::chrono::hours{1});
  CHECK(site.register_user("ADA", "another password") == RegisterResult::kRegistered);
  const store::StoredUser ada = *site.users.find("ada");
  CHECK(ada.revision == 2);
  CHECK(ada.user.username() == "ADA");
  CHECK(ada.user.role() == "user");
  CHECK(ada.user.created_at() == base::format_rfc3339(site.clock.now()));
  CHECK(ada.user.record()["incarnation"] == incarnation);
  CHECK(site.log_in("ada", "another password"));
  CHECK_FALSE(site.log_in("ada", kPassword));
  CHECK(site.register_user("Ada") == RegisterResult::kNameTaken);
}

TEST_CASE("of two who register a deleted user's name at once exactly one succeeds") {
  Site site;
  site.bring_deletion("Ada");
  Started<RegisterResult> first(site.registration("Ada", "first"));
  Started<RegisterResult> second(site.registration("Ada", "second"));
  const bool first_won = first.result(site.executor) == RegisterResult::kRegistered;
  const bool second_won = second.result(site.executor) == RegisterResult::kRegistered;
  CHECK(first_won != second_won);
  CHECK(site.log_in("ada", first_won ? "first" : "second"));
  CHECK(site.users.find("ada")->user.record()["incarnation"] == 1);
}

TEST_CASE("a deleted user cannot log in, whatever password his record still has") {
  Site site;
  Json::Value record = store::User("Ada", kBcrypt, site.clock.now()).record();
  REQUIRE(site.users.insert(store::User(record)));
  REQUIRE(site.log_in("ada"));
  record["role"] = "deleted";
  REQUIRE(site.users.update(store::User(record), site.users.find("ada")->revision));
  CHECK_FALSE(site.log_in("ada"));
  CHECK_FALSE(site.log_in("ada", "!"));
  CHECK_FALSE(site.log_in("ada", ""));
}

TEST_CASE("a list that is full takes nobody, and nothing is stored") {
  Site site;
  const bool had_the_name = GENERATE(false, true);
  if (had_the_name) site.bring_deletion("Ada");
  site.replica.has_room = false;
  CHECK(site.register_user("Ada") == RegisterResult::kListFull);
  CHECK(site.users.list("", 10).size() == (had_the_name ? 1 : 0));
  CHECK_FALSE(site.log_in("ada"));
  site.replica.has_room = true;
  CHECK(site.register_user("Ada") == RegisterResult::kRegistered);
}

TEST_CASE("a room is given back whether a user was stored or not") {
  Site site;
  CHECK(site.register_user("Ada") == RegisterResult::kRegistered);
  site.users.fault.set(Fault::Hits::kChanges);
  CHECK_THROWS_AS(site.register_user("Bob"), base::StoreUnavailable);
  CHECK(site.replica.held == 0);
}

TEST_CASE("who is asked to wait is kept out, and told so with the right password alone") {
  Site site;
  const Username username = *Username::parse("Ada");
  const auto checked = check_password(base::SecretString(kPassword), "Ada", {});
  REQUIRE(wait_for(site.accounts.admit(username, std::get<Password>(checked),
                                       {.role = {}, .waits = true, .invitation = ""}),
                   site.executor) == RegisterResult::kRegistered);
  CHECK(site.users.find("ada")->user.waiting());
  CHECK_FALSE(site.log_in("ada"));
  const auto check = [&](const std::string& password) {
    return wait_for(site.accounts.check_login("ada", base::SecretString(password)), site.executor);
  };
  using Outcome = LoginCheck::Outcome;
  CHECK(check(kPassword).outcome == Outcome::kAwaitingApproval);
  CHECK(check("wrong").outcome == Outcome::kDisabled);

  auto stored = *site.users.find("ada");
  stored.user.set_disabled(true);
  REQUIRE(site.users.update(stored.user, stored.revision));
  CHECK(check(kPassword).outcome == Outcome::kDisabled);
  CHECK_FALSE(site.log_in("ada"));
}

}  // namespace userbin::auth
