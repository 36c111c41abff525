#include "auth/administration.h"

#include "auth/accounts.h"
#include "auth/sessions.h"
#include "base/failure.h"
#include "support/catch.h"
#include "support/fake_change_watch.h"
#include "support/fake_clock.h"
#include "support/fake_replica.h"
#include "support/fake_session_store.h"
#include "support/fake_user_store.h"
#include "support/inline_executor.h"

namespace userbin::auth {

namespace {

using test::Fault;
using test::Started;
using test::wait_for;

constexpr HashCost kCheap{8, 1};
constexpr const char* kPassword = "correct horse battery";
constexpr const char* kOther = "another password";

Password password_of(const std::string& text) {
  auto checked = check_password(base::SecretString(text), "", {.min_length = 1, .min_guesses = 0});
  return std::get<Password>(std::move(checked));
}

/// Ada, an admin, and Bob, who is none; each is signed in on two devices.
struct Site {
  test::FakeClock clock;
  test::FakeUserStore users;
  test::FakeSessionStore rows;
  test::TestExecutor executor;
  HashPool hashes{{.cost = kCheap, .slots = 2}, executor};
  test::FakeReplica replica;
  test::FakeChangeWatch changes;
  Accounts accounts{users, replica, hashes, clock};
  Administration administration{users, replica, hashes, clock};
  Sessions sessions{rows, users, changes, clock, {}};

  Site() {
    users.sessions = &rows;
    add("Ada", "admin");
    add("Bob", "user");
  }

  void add(const std::string& name, const std::string& role) {
    REQUIRE(wait_for(accounts.register_user(*Username::parse(name), password_of(kPassword),
                                            *Role::parse(role)),
                     executor) == RegisterResult::kRegistered);
    for (int i = 0; i < 2; ++i) sessions.begin(store::user_key(name), {"192.0.2.7", "curl"}, false);
  }
  bool can_log_in(const std::string& name, const std::string& password = kPassword) {
    return wait_for(accounts.authenticate(name, base::SecretString(password)), executor)
        .has_value();
  }
  AccountResult change(const std::string& key, UserPatch patch) {
    return wait_for(administration.change(key, std::move(patch)), executor);
  }
  base::Task<AccountResult> own_change(const std::string& key, const std::string& current,
                                       const SessionDraft& draft) {
    return administration.change_own_password(key, base::SecretString(current), password_of(kOther),
                                              draft.row);
  }
  AccountResult remove_own(const std::string& key, const std::string& current = kPassword) {
    return wait_for(administration.remove_own(key, base::SecretString(current)), executor);
  }
  SessionDraft draft(const std::string& key) {
    return sessions.draft(key, {"192.0.2.7", "curl"}, false);
  }
  store::User user(const std::string& key) { return users.find(key)->user; }
  std::size_t sessions_of(const std::string& key) { return rows.list(key).size(); }
};

/// A user's stamp.
std::string stamp_of(const store::User& user) {
  return user.record()["updated_at"].asString();
}

}  // namespace

TEST_CASE("who knows his password gives himself another, and only his new session remains") {
  Site site;
  const std::string before = stamp_of(site.user("bob"));
  const SessionDraft draft = site.draft("bob");
  CHECK(wait_for(site.own_change("bob", kPassword, draft), site.executor) == AccountResult::kDone);
  CHECK(site.can_log_in("bob", kOther));
  CHECK_FALSE(site.can_log_in("bob"));
  CHECK(stamp_of(site.user("bob")) > before);
  REQUIRE(site.sessions_of("bob") == 1);
  const auto principal = site.sessions.authenticate(draft.session.token.reveal());
  REQUIRE(principal);
  CHECK(principal->user.username() == "Bob");
  CHECK(site.sessions_of("ada") == 2);
}

TEST_CASE("nobody changes or deletes an account without its password") {
  Site site;
  const auto password = GENERATE(as<std::string>{}, "", kOther, "correct horse batterY");
  CHECK(wait_for(site.own_change("bob", password, site.draft("bob")), site.executor) ==
        AccountResult::kWrongPassword);
  CHECK(site.remove_own("bob", password) == AccountResult::kWrongPassword);
  CHECK(site.can_log_in("bob"));
  CHECK(site.sessions_of("bob") == 2);
}

TEST_CASE("an account that is gone or disabled changes nothing of itself") {
  Site site;
  std::string key = "eve";
  SECTION("there was none") {}
  SECTION("it is disabled") {
    key = "bob";
    REQUIRE(site.change(key, {.disabled = true}) == AccountResult::kDone);
  }
  SECTION("it is deleted") {
    key = "bob";
    REQUIRE(site.administration.remove(key) == AccountResult::kDone);
  }
  CHECK(wait_for(site.own_change(key, kPassword, site.draft(key)), site.executor) ==
        AccountResult::kNoSuchUser);
  CHECK(site.remove_own(key) == AccountResult::kNoSuchUser);
  CHECK(site.sessions_of(key) == 0);
}

TEST_CASE("a password that was changed meanwhile no longer counts") {
  Site site;
  Started<AccountResult> late(site.own_change("bob", kPassword, site.draft("bob")));
  REQUIRE_FALSE(late.done());  // it waits for the pool
  auto stored = *site.users.find("bob");
  stored.user.set_password_hash(hash_password(base::SecretString("a third"), kCheap));
  REQUIRE(site.users.update(stored.user, stored.revision));
  CHECK(late.result(site.executor) == AccountResult::kWrongPassword);
  CHECK(site.can_log_in("bob", "a third"));
}

TEST_CASE("what else changed meanwhile is kept beside a new password") {
  Site site;
  Started<AccountResult> slow(site.own_change("bob", kPassword, site.draft("bob")));
  REQUIRE_FALSE(slow.done());
  auto stored = *site.users.find("bob");
  stored.user.set_role("staff");
  REQUIRE(site.users.update(stored.user, stored.revision));
  CHECK(slow.result(site.executor) == AccountResult::kDone);
  CHECK(site.user("bob").role() == "staff");
  CHECK(site.can_log_in("bob", kOther));
}

TEST_CASE("who deletes himself is gone with his sessions, and cannot be restored") {
  Site site;
  REQUIRE(site.remove_own("bob") == AccountResult::kDone);
  CHECK(site.user("bob").deleted());
  CHECK(site.user("bob").password_hash() == "!");
  CHECK(site.sessions_of("bob") == 0);
  CHECK_FALSE(site.can_log_in("bob"));
  CHECK_FALSE(site.users.former("bob"));
  CHECK(site.administration.restore("bob") == RestoreResult::kNotKept);
}

TEST_CASE("a role changes at once, and the sessions go on") {
  Site site;
  CHECK(site.change("bob", {.role = Role::parse("staff")}) == AccountResult::kDone);
  CHECK(site.user("bob").role() == "staff");
  CHECK(site.sessions_of("bob") == 2);
}

TEST_CASE("a new password and disabling end all sessions; enabling brings none back") {
  Site site;
  SECTION("a new password") {
    CHECK(site.change("bob", {.password = password_of(kOther)}) == AccountResult::kDone);
    CHECK(site.can_log_in("bob", kOther));
    CHECK_FALSE(site.can_log_in("bob"));
  }
  SECTION("disabling") {
    CHECK(site.change("bob", {.disabled = true}) == AccountResult::kDone);
    CHECK_FALSE(site.can_log_in("bob"));
    CHECK(site.sessions_of("bob") == 0);
    CHECK(site.change("bob", {.disabled = false}) == AccountResult::kDone);
    CHECK(site.can_log_in("bob"));
    CHECK_FALSE(site.user("bob").record().isMember("disabled"));
  }
  CHECK(site.sessions_of("bob") == 0);
  CHECK(site.sessions_of("ada") == 2);
}

TEST_CASE(
    "who waits for approval is let in by being enabled, and waits no more when disabled again") {
  Site site;
  auto stored = *site.users.find("bob");
  stored.user.become_waiting();
  REQUIRE(site.users.update(stored.user, stored.revision));
  CHECK_FALSE(site.can_log_in("bob"));
  CHECK(site.change("bob", {.role = Role::parse("member"), .disabled = {}, .password = {}}) ==
        AccountResult::kDone);
  CHECK(site.user("bob").waiting());
  CHECK(site.change("bob", {.role = {}, .disabled = false, .password = {}}) ==
        AccountResult::kDone);
  CHECK(site.can_log_in("bob"));
  CHECK_FALSE(site.user("bob").record().isMember("waiting"));
  CHECK(site.change("bob", {.role = {}, .disabled = true, .password = {}}) == AccountResult::kDone);
  CHECK_FALSE(site.user("bob").waiting());
}

TEST_CASE("who was refused and is restored waits again") {
  Site site;
  auto stored = *site.users.find("bob");
  stored.user.become_waiting();
  REQUIRE(site.users.update(stored.user, stored.revision));
  REQUIRE(site.administration.remove("bob") == AccountResult::kDone);
  CHECK_FALSE(site.user("bob").record().isMember("waiting"));
  REQUIRE(site.administration.restore("bob") == RestoreResult::kRestored);
  CHECK(site.user("bob").waiting());
}

TEST_CASE("several members change as one, under one new stamp, or not at all") {
  Site site;
  const std::string before = stamp_of(site.user("bob"));
  CHECK(site.change("bob", {.role = Role::parse("admin"),
                            .disabled = true,
                            .password = password_of(kOther)}) == AccountResult::kDone);
  CHECK(site.users.find("bob")->revision == 2);
  CHECK(stamp_of(site.user("bob")) > before);
  CHECK(site.change("ada", {.role = Role(), .password = password_of(kOther)}) ==
        AccountResult::kLastAdmin);
  CHECK(site.can_log_in("ada"));
  CHECK(site.sessions_of("ada") == 2);
}

TEST_CASE("a patch that changes nothing is done without a new version") {
  Site site;
  UserPatch patch;
  SECTION("because it is empty") {}
  SECTION("because all is so already") {
    patch = {.role = Role(), .disabled = false};
  }
  CHECK(site.change("bob", patch) == AccountResult::kDone);
  CHECK(site.users.find("bob")->revision == 1);
}

TEST_CASE("the last active admin can be neither demoted, disabled nor deleted") {
  Site site;
  REQUIRE(site.change("bob", {.role = Role::parse("admin"), .disabled = true}) ==
          AccountResult::kDone);
  CHECK(site.change("ada", {.role = Role::parse("user")}) == AccountResult::kLastAdmin);
  CHECK(site.change("ada", {.disabled = true}) == AccountResult::kLastAdmin);
  CHECK(site.administration.remove("ada") == AccountResult::kLastAdmin);
  CHECK(site.remove_own("ada") == AccountResult::kLastAdmin);
  CHECK(site.can_log_in("ada"));
  CHECK(site.sessions_of("ada") == 2);

  REQUIRE(site.change("bob", {.disabled = false}) == AccountResult::kDone);
  CHECK(site.administration.remove("ada") == AccountResult::kDone);
  CHECK(site.change("bob", {.role = Role::parse("user")}) == AccountResult::kLastAdmin);
}

TEST_CASE("a deleted user is restored with his password and his role, as his own successor") {
  Site site;
  REQUIRE(site.change("bob", {.role = Role::parse("staff")}) == AccountResult::kDone);
  REQUIRE(site.administration.remove("bob") == AccountResult::kDone);
  CHECK_FALSE(site.can_log_in("bob"));
  CHECK(site.user("bob").password_hash() == "!");
  const std::string deleted_at = stamp_of(site.user("bob"));
  CHECK(site.administration.restore("bob") == RestoreResult::kRestored);
  CHECK(site.can_log_in("bob"));
  CHECK(site.user("bob").username() == "Bob");
  CHECK(site.user("bob").role() == "staff");
  CHECK(site.user("bob").record()["incarnation"] == 1);
  CHECK(stamp_of(site.user("bob")) > deleted_at);
  CHECK(site.sessions_of("bob") == 0);
  CHECK_FALSE(site.users.former("bob"));
  CHECK(site.administration.restore("bob") == RestoreResult::kNotDeleted);

  REQUIRE(site.administration.remove("bob") == AccountResult::kDone);
  CHECK(site.administration.restore("bob") == RestoreResult::kRestored);
  CHECK(site.user("bob").record()["incarnation"] == 2);
}

TEST_CASE("a user is not restored when it is too late, nobody was deleted, or it was another one") {
  Site site;
  CHECK(site.administration.restore("eve") == RestoreResult::kNoSuchUser);
  CHECK(site.administration.restore("ada") == RestoreResult::kNotDeleted);
  REQUIRE(site.administration.remove("bob") == AccountResult::kDone);
  SECTION("because the deletion is no longer kept") {
    site.clock.advance(store::kDeletionKept);
    CHECK(site.administration.restore("bob") == RestoreResult::kNoSuchUser);
    CHECK_FALSE(site.users.find("bob"));
  }
  SECTION("because another Bob, made elsewhere, was deleted since") {
    auto stored = *site.users.find("bob");
    Json::Value record = stored.user.record();
    record["incarnation"] = 1;
    REQUIRE(site.users.update(store::User(record), stored.revision));
    CHECK(site.administration.restore("bob") == RestoreResult::kNotKept);
  }
  SECTION("because his name was taken") {
    site.add("Bob", "user");
    CHECK(site.administration.restore("bob") == RestoreResult::kNotDeleted);
    REQUIRE(site.remove_own("bob") == AccountResult::kDone);
    CHECK(site.administration.restore("bob") == RestoreResult::kNotKept);
  }
  SECTION("because the list is full") {
    site.replica.has_room = false;
    CHECK(site.administration.restore("bob") == RestoreResult::kListFull);
    site.replica.has_room = true;
    CHECK(site.administration.restore("bob") == RestoreResult::kRestored);
  }
}

TEST_CASE("a user who is not there is neither changed nor deleted") {
  Site site;
  std::string key = "eve";
  SECTION("there was none") {}
  SECTION("he is deleted") {
    key = "bob";
    REQUIRE(site.administration.remove(key) == AccountResult::kDone);
  }
  CHECK(site.change(key, {.role = Role::parse("admin")}) == AccountResult::kNoSuchUser);
  CHECK(site.change(key, {.password = password_of(kOther)}) == AccountResult::kNoSuchUser);
  CHECK(site.administration.remove(key) == AccountResult::kNoSuchUser);
}

TEST_CASE("what the store cannot do is thrown, and nothing has changed") {
  Site site;
  site.users.fault.set(Fault::Hits::kChanges);
  CHECK_THROWS_AS(site.change("bob", {.disabled = true}), base::StoreUnavailable);
  CHECK_THROWS_AS(site.administration.remove("bob"), base::StoreUnavailable);
  CHECK_THROWS_AS(site.remove_own("bob"), base::StoreUnavailable);
  site.users.fault.clear();
  CHECK(site.can_log_in("bob"));
  CHECK(site.sessions_of("bob") == 2);
}

}  // namespace userbin::auth
