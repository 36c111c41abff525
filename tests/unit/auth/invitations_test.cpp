#include "auth/invitations.h"

#include <set>

#include "auth/accounts.h"
#include "auth/token.h"
#include "support/catch.h"
#include "support/fake_clock.h"
#include "support/fake_invitation_store.h"
#include "support/fake_replica.h"
#include "support/fake_user_store.h"
#include "support/inline_executor.h"

namespace userbin::auth {

namespace {

using test::wait_for;

constexpr std::chrono::days kWeek{7};

/// Ada, an admin.
struct Site {
  test::FakeClock clock;
  test::FakeUserStore users;
  test::FakeInvitationStore rows;
  test::TestExecutor executor;
  HashPool hashes{{.cost = {8, 1}}, executor};
  test::FakeReplica replica;
  Accounts accounts{users, replica, hashes, clock};
  Invitations invitations{rows, users, clock};

  Site() {
    users.invitations = &rows;
    store::User ada("Ada", "!", clock.now());
    ada.set_role("admin");
    users.insert(ada);
  }
  std::string invite(const std::string& role = "user", const std::string& maker = "ada") {
    return std::string(invitations.create(*Role::parse(role), maker, kWeek).token.reveal());
  }
  RegisterResult admit(const std::string& name, const std::string& token) {
    auto checked = check_password(base::SecretString("tuesday grows heavy"), name, {});
    Admission admission{.role = {}, .waits = false, .invitation = hash_of_token(token)};
    return wait_for(accounts.admit(*Username::parse(name), std::get<Password>(std::move(checked)),
                                   std::move(admission)),
                    executor);
  }
  /// Ada as she is after `change`.
  template <typename Change>
  void change_ada(Change change) {
    auto stored = *users.find("ada");
    change(stored.user);
    REQUIRE(users.update(stored.user, stored.revision));
  }
};

}  // namespace

TEST_CASE("an invitation is a token of 256 bits, which the store knows by its hash alone") {
  Site site;
  std::set<std::string> tokens;
  for (int i = 0; i < 20; ++i) tokens.insert(site.invite("member"));
  CHECK(tokens.size() == 20);
  for (const std::string& token : tokens) {
    CHECK(token.size() == 43);
    CHECK(token.find_first_not_of(
              "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
          std::string::npos);
    const auto found = site.invitations.find(token);
    REQUIRE(found);
    CHECK(found->role == "member");
    CHECK(found->maker == "ada");
    CHECK(found->token_hash == hash_of_token(token));
    CHECK(found->token_hash.find(token) == std::string::npos);
    CHECK(invitation_id(*found).size() == 16);
    CHECK_FALSE(found->token_hash.starts_with(invitation_id(*found)));
  }
}

TEST_CASE("what is no invitation's token finds none") {
  Site site;
  const std::string token = site.invite();
  const auto other = GENERATE_COPY(as<std::string>{}, "", "x", std::string(43, 'A'), token + "A",
                                   token.substr(1), hash_of_token(token));
  CHECK_FALSE(site.invitations.find(other));
}

TEST_CASE("an invitation is good until it expires, and then forgotten") {
  Site site;
  const std::string token = site.invite();
  site.clock.advance(kWeek - std::chrono::seconds{1});
  CHECK(site.invitations.find(token));
  CHECK(site.invitations.list().size() == 1);
  site.clock.advance(std::chrono::seconds{1});
  CHECK_FALSE(site.invitations.find(token));
  CHECK(site.invitations.list().empty());
  CHECK(site.admit("Bob", token) == RegisterResult::kNoInvitation);
  CHECK(site.rows.list().size() == 1);
  site.invite();
  CHECK(site.rows.list().size() == 1);
}

TEST_CASE("an invitation is good as long as its maker is an active admin") {
  Site site;
  const std::string token = site.invite();
  const std::string owners = site.invite("admin", "");
  SECTION("who is demoted") {
    site.change_ada([](store::User& ada) { ada.set_role("user"); });
  }
  SECTION("who is disabled") {
    site.change_ada([](store::User& ada) { ada.set_disabled(true); });
  }
  SECTION("who is deleted") {
    site.change_ada([&](store::User& ada) { ada.become_deleted(site.clock.now()); });
  }
  SECTION("who is gone without a trace") {
    REQUIRE(site.users.remove("ada", 1));
  }
  CHECK_FALSE(site.invitations.find(token));
  CHECK(site.invitations.find(owners));
}

TEST_CASE("an invitation is revoked by its id") {
  Site site;
  const std::string token = site.invite();
  const std::string other = site.invite();
  const std::string id = invitation_id(*site.invitations.find(token));
  CHECK_FALSE(site.invitations.revoke(""));
  CHECK_FALSE(site.invitations.revoke(token));
  CHECK_FALSE(site.invitations.revoke(hash_of_token(token)));
  CHECK(site.invitations.revoke(id));
  CHECK_FALSE(site.invitations.revoke(id));
  CHECK_FALSE(site.invitations.find(token));
  CHECK(site.invitations.find(other));
}

TEST_CASE("an invitation lets one in, and a registration that fails leaves it good") {
  Site site;
  const std::string token = site.invite();
  CHECK(site.admit("ada", token) == RegisterResult::kNameTaken);
  CHECK(site.invitations.find(token));
  site.replica.has_room = false;
  CHECK(site.admit("Bob", token) == RegisterResult::kListFull);
  CHECK(site.invitations.find(token));
  site.replica.has_room = true;
  CHECK(site.admit("Bob", token) == RegisterResult::kRegistered);
  CHECK_FALSE(site.invitations.find(token));
  CHECK(site.admit("Carl", token) == RegisterResult::kNoInvitation);
  CHECK_FALSE(site.users.find("carl"));
}

}  // namespace userbin::auth
