// When the last uses of sessions are written: lazily, in batches, and never at a request's expense.
#include <memory>

#include "auth/sessions.h"
#include "base/failure.h"
#include "support/catch.h"
#include "support/fake_change_watch.h"
#include "support/fake_clock.h"
#include "support/fake_session_store.h"
#include "support/fake_user_store.h"

namespace userbin::auth {

namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using test::Fault;

struct SignedIn {
  test::FakeClock clock;
  test::FakeUserStore users;
  test::FakeSessionStore store;
  test::FakeChangeWatch changes;
  std::unique_ptr<Sessions> sessions = make_sessions();

  SignedIn() { users.insert(store::User("Ada", "!", clock.now())); }

  /// Another worker's, on the same stores.
  std::unique_ptr<Sessions> make_sessions() {
    return std::make_unique<Sessions>(
        store, users, changes, clock,
        SessionRules{.idle = hours{1}, .lifetime = hours{4}, .remembered = hours{100}});
  }
  std::string begin() {
    return std::string(sessions->begin("ada", {"192.0.2.7", "curl/8"}, false).token.reveal());
  }
  bool is_good(const std::string& token) { return sessions->authenticate(token) != nullptr; }
  base::WallTime seen_at() { return store.list("ada").front().last_seen_at; }
};

}  // namespace

TEST_CASE("uses of sessions are written together, once in a while") {
  SignedIn site;
  const std::string first = site.begin();
  const std::string second = site.begin();
  const base::WallTime login = site.clock.now();
  for (int i = 0; i < 29; ++i) {
    site.clock.advance(seconds{1});
    CHECK(site.is_good(first));
    CHECK(site.is_good(second));
  }
  CHECK(site.store.batches() == 0);
  CHECK(site.seen_at() == login);
  site.clock.advance(seconds{2});
  CHECK(site.is_good(first));
  CHECK(site.store.batches() == 1);
  for (const store::Session& row : site.store.list("ada")) CHECK(row.last_seen_at > login);
}

TEST_CASE("uses that are not written yet are written when they are flushed, once") {
  SignedIn site;
  const std::string token = site.begin();
  site.clock.advance(seconds{5});
  REQUIRE(site.is_good(token));
  site.sessions->flush();
  CHECK(site.seen_at() == site.clock.now());
  site.sessions->flush();
  CHECK(site.store.batches() == 1);
}

TEST_CASE("uses that are not written yet are written at the end") {
  SignedIn site;
  const std::string token = site.begin();
  site.clock.advance(seconds{5});
  REQUIRE(site.is_good(token));
  site.sessions.reset();
  CHECK(site.seen_at() == site.clock.now());
}

TEST_CASE("a store that cannot write fails neither a request nor the end") {
  SignedIn site;
  const std::string token = site.begin();
  REQUIRE(site.is_good(token));
  site.store.fault.set(Fault::Hits::kChanges);
  for (int i = 0; i < 5; ++i) {
    site.clock.advance(seconds{40});
    CHECK(site.is_good(token));
  }
  CHECK_THROWS_AS(site.sessions->flush(), base::StoreUnavailable);
  SECTION("and what it could not write is written when it can again") {
    site.store.fault.clear();
    const base::WallTime seen = site.clock.now();
    site.sessions->flush();
    CHECK(site.seen_at() == seen);
  }
  SECTION("and the end is only a warning") {
    CHECK_NOTHROW(site.sessions.reset());
  }
}

TEST_CASE("a use counts before it is written") {
  SignedIn site;
  const std::string token = site.begin();
  site.clock.advance(minutes{59});
  REQUIRE(site.is_good(token));  // good until 1:59, though the store says 1:00
  REQUIRE(site.store.batches() == 0);
  site.clock.advance(minutes{30});

  SECTION("for the session itself") {
    CHECK(site.is_good(token));
  }
  SECTION("when somebody else's login takes expired sessions away") {
    site.begin();
    CHECK(site.is_good(token));
  }
  SECTION("for another worker after it is written") {
    const auto other = site.make_sessions();
    site.sessions->flush();
    CHECK(other->authenticate(token));
  }
}

TEST_CASE("a session that is used at another worker lives as long as that one says") {
  SignedIn site;
  const std::string token = site.begin();
  const auto other = site.make_sessions();
  REQUIRE(site.is_good(token));  // here: good until 1:00
  site.clock.advance(minutes{50});
  REQUIRE(other->authenticate(token));  // there: good until 1:50
  other->flush();
  site.clock.advance(minutes{50});
  CHECK(site.is_good(token));
}

TEST_CASE("the end of a session is not put off by a clock that goes back") {
  SignedIn site;
  const std::string token = site.begin();
  site.clock.advance(minutes{30});
  REQUIRE(site.is_good(token));
  site.sessions->flush();
  const base::WallTime seen = site.clock.now();
  site.clock.advance(-minutes{20});
  REQUIRE(site.is_good(token));
  site.sessions->flush();
  CHECK(site.seen_at() == seen);
}

TEST_CASE("uses are written although the clock was set back") {
  SignedIn site;
  const std::string token = site.begin();
  site.clock.advance(hours{1000});
  const std::string late = site.begin();
  REQUIRE(site.is_good(late));
  site.clock.advance(-hours{1000});
  const std::string again = site.begin();
  const int before = site.store.batches();
  REQUIRE(site.is_good(again));
  site.clock.advance(seconds{31});
  REQUIRE(site.is_good(again));
  CHECK(site.store.batches() > before);
}

TEST_CASE("a session that was begun far ahead ends when the clock is set back, others go on") {
  SignedIn site;
  const auto [leap, is_good] = GENERATE(table<hours, bool>({{hours{3}, true}, {hours{5}, false}}));
  site.clock.advance(leap);
  const std::string token = site.begin();
  REQUIRE(site.is_good(token));
  site.clock.advance(-leap);
  CHECK(site.is_good(token) == is_good);
  CHECK(site.sessions->list("ada").size() == (is_good ? 1 : 0));
  CHECK(site.is_good(site.begin()));
}

}  // namespace userbin::auth
