#include "store/invitation_store.h"

#include <atomic>
#include <thread>

#include "store/sql_invitation_store.h"
#include "store/sql_user_store.h"
#include "support/catch.h"
#include "support/fake_user_store.h"
#include "support/postgres.h"
#include "support/temporary_folder.h"

namespace userbin::store {

namespace {

constexpr base::WallTime kNow{std::chrono::seconds{1'795'455'000}};
constexpr std::chrono::hours kHour{1};

struct FakeInvitations {
  test::FakeUserStore users;
  test::FakeInvitationStore invitations;

  FakeInvitations() { users.invitations = &invitations; }
};

template <typename Engine>
struct SqlInvitations {
  Engine engine;
  SqlUserStore users{engine.database};
  SqlInvitationStore invitations{engine.database};
};

User user_named(const std::string& name, const std::string& role = "user") {
  User user(name, "!", kNow);
  user.set_role(role);
  return user;
}

Invitation invitation_of(const std::string& token_hash, std::chrono::hours made = {}) {
  return {.token_hash = token_hash,
          .role = "member",
          .maker = "ada",
          .created_at = kNow + made,
          .expires_at = kNow + made + kHour};
}

std::string hashes_of(const std::vector<Invitation>& invitations) {
  std::string hashes;
  for (const Invitation& invitation : invitations) hashes += invitation.token_hash;
  return hashes;
}

}  // namespace

TEMPLATE_TEST_CASE("an invitation store keeps what was inserted, until it is removed or expires",
                   "", FakeInvitations, SqlInvitations<test::OnSqlite>,
                   SqlInvitations<test::OnPostgres>) {
  TestType kept;
  InvitationStore& invitations = kept.invitations;
  CHECK(invitations.list().empty());
  invitations.insert(invitation_of("a"));
  invitations.insert(invitation_of("c", 2 * kHour));
  invitations.insert(invitation_of("b", kHour));
  const auto found = invitations.find("a");
  REQUIRE(found);
  CHECK(found->role == "member");
  CHECK(found->maker == "ada");
  CHECK(found->created_at == kNow);
  CHECK(found->expires_at == kNow + kHour);
  CHECK_FALSE(invitations.find("d"));
  CHECK(hashes_of(invitations.list()) == "cba");

  CHECK(invitations.remove("b"));
  CHECK_FALSE(invitations.remove("b"));
  CHECK(hashes_of(invitations.list()) == "ca");
  CHECK(invitations.remove_expired(kNow + kHour - std::chrono::seconds{1}) == 0);
  CHECK(invitations.remove_expired(kNow + kHour) == 1);
  CHECK(hashes_of(invitations.list()) == "c");
}

TEMPLATE_TEST_CASE("an invitation is used up by the user who is admitted, and only by him", "",
                   FakeInvitations, SqlInvitations<test::OnSqlite>,
                   SqlInvitations<test::OnPostgres>) {
  TestType kept;
  UserStore& users = kept.users;
  kept.invitations.insert(invitation_of("a"));
  kept.invitations.insert(invitation_of("b"));
  REQUIRE(users.insert(user_named("Ada", "admin")));

  CHECK(users.admit(user_named("Bob"), 0, {"c", kNow}) == AdmitResult::kNoInvitation);
  CHECK(users.admit(user_named("Bob"), 0, {"a", kNow + kHour}) == AdmitResult::kNoInvitation);
  CHECK(users.admit(user_named("ADA"), 0, {"a", kNow}) == AdmitResult::kNameTaken);
  CHECK_FALSE(users.find("bob"));
  CHECK(users.find("ada")->user.role() == "admin");
  CHECK(hashes_of(kept.invitations.list()) == "ab");

  CHECK(users.admit(user_named("Bob"), 0, {"a", kNow}) == AdmitResult::kDone);
  CHECK(users.find("bob")->user.username() == "Bob");
  CHECK(users.find("bob")->revision == 1);
  CHECK(users.admit(user_named("Carl"), 0, {"a", kNow}) == AdmitResult::kNoInvitation);
  CHECK(hashes_of(kept.invitations.list()) == "b");
}

TEMPLATE_TEST_CASE("who is admitted takes the place of a deletion that nobody has changed", "",
                   FakeInvitations, SqlInvitations<test::OnSqlite>,
                   SqlInvitations<test::OnPostgres>) {
  TestType kept;
  UserStore& users = kept.users;
  kept.invitations.insert(invitation_of("a"));
  User bob = user_named("Bob");
  REQUIRE(users.insert(bob));
  bob.become_deleted(kNow);
  REQUIRE(users.change(bob, 1, {.kept_until = kNow, .keeps_former = true}) == ChangeResult::kDone);
  CHECK(users.admit(user_named("bob"), 0, {"a", kNow}) == AdmitResult::kNameTaken);
  CHECK(users.admit(user_named("bob"), 1, {"a", kNow}) == AdmitResult::kNameTaken);
  CHECK(users.admit(user_named("bob"), 2, {"a", kNow}) == AdmitResult::kDone);
  CHECK_FALSE(users.find("bob")->user.deleted());
  CHECK(users.find("bob")->revision == 3);
  CHECK_FALSE(users.former("bob"));
  CHECK(kept.invitations.list().empty());
}

TEMPLATE_TEST_CASE("of ten registrations by one invitation at once exactly one succeeds", "",
                   FakeInvitations, SqlInvitations<test::OnSqlite>,
                   SqlInvitations<test::OnPostgres>) {
  TestType kept;
  kept.invitations.insert(invitation_of("a"));
  std::atomic<int> admitted = 0;
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  threads.reserve(10);
  for (int i = 0; i < 10; ++i) {
    threads.emplace_back([&, i] {
      const auto result = kept.users.admit(user_named("user" + std::to_string(i)), 0, {"a", kNow});
      ++(result == AdmitResult::kDone ? admitted : refused);
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(admitted == 1);
  CHECK(refused == 9);
  CHECK(kept.users.list("", 20).size() == 1);
}

TEST_CASE("of two programs that admit by one invitation at once exactly one succeeds") {
  test::TemporaryFolder folder;
  const SqliteDatabase::Options options{.path = folder.file("users.db"),
                                        .patience = std::chrono::minutes{1}};
  SqliteDatabase first(options);
  SqliteDatabase second(options);
  SqlUserStore here(first);
  SqlUserStore there(second);
  SqlInvitationStore invitations(first);
  for (int round = 0; round < 30; ++round) {
    const std::string hash = std::to_string(round);
    invitations.insert(invitation_of(hash));
    AdmitResult other = AdmitResult::kNameTaken;
    std::thread thread([&] { other = there.admit(user_named("there" + hash), 0, {hash, kNow}); });
    const AdmitResult own = here.admit(user_named("here" + hash), 0, {hash, kNow});
    thread.join();
    CAPTURE(round);
    CHECK((own == AdmitResult::kDone) != (other == AdmitResult::kDone));
    CHECK((own == AdmitResult::kNoInvitation) != (other == AdmitResult::kNoInvitation));
  }
}

}  // namespace userbin::store
