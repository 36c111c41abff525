#include "store/session_store.h"

#include "base/failure.h"
#include "store/session_limit.h"
#include "store/sql_session_store.h"
#include "support/catch.h"
#include "support/fake_session_store.h"
#include "support/postgres.h"
#include "support/temporary_folder.h"

namespace userbin::store {

namespace {

using std::chrono::microseconds;

constexpr base::WallTime kNow{std::chrono::seconds{1'795'455'000}};

struct FakeSessions {
  test::FakeSessionStore sessions;
};

template <typename Engine>
struct SqlSessions {
  Engine engine;
  SqlSessionStore sessions{engine.database};
};

Session session_of(const std::string& hash, const std::string& user_key = "ada",
                   microseconds age = {}) {
  return {.token_hash = hash,
          .user_key = user_key,
          .created_at = kNow - age,
          .last_seen_at = kNow + microseconds{1},
          .expires_at = kNow + microseconds{100},
          .remember = true,
          .client = "2001:db8::1",
          .user_agent = "Mozilla/5.0 'x' \u00FC"};
}

std::vector<std::string> hashes_of(const std::vector<Session>& sessions) {
  std::vector<std::string> hashes;
  for (const Session& session : sessions) hashes.push_back(session.token_hash);
  return hashes;
}

using Hashes = std::vector<std::string>;

}  // namespace

TEMPLATE_TEST_CASE("a session store keeps every field of a session", "", FakeSessions,
                   SqlSessions<test::OnSqlite>, SqlSessions<test::OnPostgres>) {
  TestType kept;
  SessionStore& sessions = kept.sessions;
  CHECK_FALSE(sessions.find("h1"));
  Session session = session_of("h1");
  session.remember = GENERATE(false, true);
  sessions.insert(session);
  const auto found = sessions.find("h1");
  REQUIRE(found);
  CHECK(found->token_hash == "h1");
  CHECK(found->user_key == "ada");
  CHECK(found->created_at == session.created_at);
  CHECK(found->last_seen_at == session.last_seen_at);
  CHECK(found->expires_at == session.expires_at);
  CHECK(found->remember == session.remember);
  CHECK(found->client == session.client);
  CHECK(found->user_agent == session.user_agent);
  CHECK_FALSE(sessions.find("h"));
  CHECK_FALSE(sessions.find("H1"));
}

TEMPLATE_TEST_CASE("a token hash that is there already is not taken over", "", FakeSessions,
                   SqlSessions<test::OnSqlite>, SqlSessions<test::OnPostgres>) {
  TestType kept;
  SessionStore& sessions = kept.sessions;
  sessions.insert(session_of("h1", "ada"));
  CHECK_THROWS_AS(sessions.insert(session_of("h1", "eve")), base::StoreUnavailable);
  CHECK(sessions.find("h1")->user_key == "ada");
}

TEMPLATE_TEST_CASE("a session is removed alone, or with all of its user", "", FakeSessions,
                   SqlSessions<test::OnSqlite>, SqlSessions<test::OnPostgres>) {
  TestType kept;
  SessionStore& sessions = kept.sessions;
  for (const char* hash : {"a1", "a2", "a3"}) sessions.insert(session_of(hash, "ada"));
  sessions.insert(session_of("b1", "bob"));

  CHECK(sessions.remove("a2"));
  CHECK_FALSE(sessions.remove("a2"));
  CHECK_FALSE(sessions.remove("never"));
  CHECK_FALSE(sessions.find("a2"));
  CHECK(hashes_of(sessions.list("ada")) == Hashes{"a1", "a3"});

  CHECK(sessions.remove_all("ada") == 2);
  CHECK(sessions.remove_all("ada") == 0);
  CHECK(sessions.list("ada").empty());
  CHECK(hashes_of(sessions.list("bob")) == Hashes{"b1"});
}

TEMPLATE_TEST_CASE("a user's sessions are listed in the order of their creation", "", FakeSessions,
                   SqlSessions<test::OnSqlite>, SqlSessions<test::OnPostgres>) {
  TestType kept;
  SessionStore& sessions = kept.sessions;
  sessions.insert(session_of("new", "ada", microseconds{1}));
  sessions.insert(session_of("old", "ada", microseconds{3}));
  sessions.insert(session_of("other", "ad", microseconds{2}));
  sessions.insert(session_of("middle", "ada", microseconds{2}));
  CHECK(hashes_of(sessions.list("ada")) == Hashes{"old", "middle", "new"});
  CHECK(sessions.list("nobody").empty());
}

TEMPLATE_TEST_CASE("of too many sessions of a user the one that was seen the longest ago ends", "",
                   FakeSessions, SqlSessions<test::OnSqlite>, SqlSessions<test::OnPostgres>) {
  TestType kept;
  SessionStore& sessions = kept.sessions;
  const auto hash_of = [](std::size_t i) { return "h" + std::to_string(1000 + i); };
  Session others = session_of("other", "ad");
  others.last_seen_at = kNow - microseconds{1'000'000};
  sessions.insert(others);
  for (std::size_t i = 0; i < kMaxSessionsPerUser; ++i) {
    Session session = session_of(hash_of(i));
    session.last_seen_at = kNow + microseconds{i};
    sessions.insert(session);
  }
  CHECK(sessions.list("ada").size() == kMaxSessionsPerUser);
  sessions.touch({{hash_of(0), kNow + microseconds{5000}, kNow + microseconds{9000}}});

  SECTION("also before one that begins at an earlier time") {
    Session early = session_of("early");
    early.last_seen_at = kNow - microseconds{1};
    sessions.insert(early);
    CHECK(sessions.find("early"));
  }
  SECTION("and no other") {
    sessions.insert(session_of("late"));
  }
  CHECK(sessions.list("ada").size() == kMaxSessionsPerUser);
  CHECK(sessions.find(hash_of(0)));
  CHECK_FALSE(sessions.find(hash_of(1)));
  CHECK(sessions.find(hash_of(2)));
  CHECK(sessions.find("other"));

  CHECK_THROWS_AS(sessions.insert(session_of(hash_of(5))), base::StoreUnavailable);
  CHECK(sessions.find(hash_of(2)));
}

TEMPLATE_TEST_CASE("the last use of a session goes only forward", "", FakeSessions,
                   SqlSessions<test::OnSqlite>, SqlSessions<test::OnPostgres>) {
  TestType kept;
  SessionStore& sessions = kept.sessions;
  sessions.insert(session_of("h1"));  // last seen at 1, expires at 100
  const auto [seen, seen_after, expires_after] = GENERATE(Catch::Generators::table<int, int, int>({
      {2, 2, 200},
      {50, 50, 200},
      {1, 1, 100},
      {-5, 1, 100},
  }));
  CAPTURE(seen);
  sessions.touch({{"h1", kNow + microseconds{seen}, kNow + microseconds{200}}});
  CHECK(sessions.find("h1")->last_seen_at == kNow + microseconds{seen_after});
  CHECK(sessions.find("h1")->expires_at == kNow + microseconds{expires_after});
}

TEMPLATE_TEST_CASE("uses are written many at a time, and those of lost sessions are passed over",
                   "", FakeSessions, SqlSessions<test::OnSqlite>, SqlSessions<test::OnPostgres>) {
  TestType kept;
  SessionStore& sessions = kept.sessions;
  sessions.insert(session_of("h1"));
  sessions.insert(session_of("h2"));
  const base::WallTime seen = kNow + microseconds{7};
  const base::WallTime expires = kNow + microseconds{300};
  CHECK_NOTHROW(sessions.touch({}));
  sessions.touch({{"h1", seen, expires}, {"gone", seen, expires}, {"h2", seen, expires}});
  CHECK(sessions.find("h1")->last_seen_at == seen);
  CHECK(sessions.find("h2")->expires_at == expires);
  CHECK_FALSE(sessions.find("gone"));
}

TEMPLATE_TEST_CASE("expired sessions are found until they are removed, others stay", "",
                   FakeSessions, SqlSessions<test::OnSqlite>, SqlSessions<test::OnPostgres>) {
  TestType kept;
  SessionStore& sessions = kept.sessions;
  for (const int expires : {9, 10, 11}) {
    Session session = session_of("at" + std::to_string(expires));
    session.expires_at = kNow + microseconds{expires};
    sessions.insert(session);
  }
  CHECK(sessions.find("at9"));
  CHECK(sessions.remove_expired(kNow + microseconds{10}) == 2);
  CHECK(hashes_of(sessions.list("ada")) == Hashes{"at11"});
  CHECK(sessions.remove_expired(kNow + microseconds{10}) == 0);
}

}  // namespace userbin::store
