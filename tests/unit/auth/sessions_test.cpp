#include "auth/sessions.h"

#include <memory>
#include <set>

#include "base/failure.h"
#include "support/catch.h"
#include "support/fake_change_watch.h"
#include "support/fake_clock.h"
#include "support/fake_session_store.h"
#include "support/fake_user_store.h"

namespace userbin::auth {

namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using test::Fault;

const ClientInfo kClient{"192.0.2.7", "curl/8"};

struct SignedIn {
  test::FakeClock clock;
  test::FakeUserStore users;
  test::FakeSessionStore store;
  test::FakeChangeWatch changes;
  SessionRules rules{.idle = hours{1}, .lifetime = hours{4}, .remembered = hours{100}};
  std::unique_ptr<Sessions> sessions =
      std::make_unique<Sessions>(store, users, changes, clock, rules);

  SignedIn() { users.insert(store::User("Ada", "!", clock.now())); }

  std::string begin(bool remember = false) {
    return std::string(sessions->begin("ada", kClient, remember).token.reveal());
  }
  bool is_good(const std::string& token) { return sessions->authenticate(token) != nullptr; }
  store::Session only_row() {
    REQUIRE(store.list("ada").size() == 1);
    return store.list("ada").front();
  }
  void set_disabled(bool disabled) {
    store::StoredUser stored = *users.find("ada");
    Json::Value record = stored.user.record();
    record["disabled"] = disabled;
    REQUIRE(users.update(store::User(record), stored.revision));
  }
};

}  // namespace

TEST_CASE("every session has a token of its own, 43 characters of base64url") {
  SignedIn site;
  std::set<std::string> tokens;
  for (int i = 0; i < 100; ++i) tokens.insert(site.begin());
  CHECK(tokens.size() == 100);
  for (const std::string& token : tokens) {
    CAPTURE(token);
    CHECK(token.size() == 43);
    CHECK(token.find_first_not_of(
              "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
          std::string::npos);
  }
}

TEST_CASE("the store holds a hash of the token, not the token") {
  SignedIn site;
  const std::string token = site.begin();
  const store::Session row = site.only_row();
  CHECK(row.token_hash.size() == 64);
  CHECK(row.token_hash.find_first_not_of("0123456789abcdef") == std::string::npos);
  for (const std::string& text : {row.token_hash, row.user_key, row.client, row.user_agent}) {
    CHECK(text.find(token) == std::string::npos);
  }
  CHECK_FALSE(site.is_good(row.token_hash.substr(0, 43)));
}

TEST_CASE("a session knows whose it is, since when, and where it came from") {
  SignedIn site;
  const std::string token = std::string(
      site.sessions->begin("ada", {"192.0.2.7", std::string(1000, 'x')}, false).token.reveal());
  const auto principal = site.sessions->authenticate(token);
  REQUIRE(principal);
  CHECK(principal->user.username() == "Ada");
  CHECK(principal->session.user_key == "ada");
  CHECK(principal->session.created_at == site.clock.now());
  CHECK(principal->session.client == "192.0.2.7");
  CHECK(principal->session.user_agent == std::string(255, 'x') + "\u2026");
  CHECK_FALSE(principal->session.remember);
}

TEST_CASE("what a client says of itself is kept as a text, whatever it is") {
  SignedIn site;
  const auto [sent, kept] = GENERATE(Catch::Generators::table<std::string, std::string>({
      {"Caf\xE9/1", "Caf\uFFFD/1"},
      {std::string("a\0b", 3), "a\uFFFDb"},
      {std::string(254, 'a') + "\u00FC\u00FC\u00FC", std::string(254, 'a') + "\u00FC\u2026"},
  }));
  const store::Session row = site.sessions->draft("ada", {"192.0.2.7", sent}, false).row;
  CHECK(row.user_agent == kept);
}

TEST_CASE("only the very token of a session is good") {
  SignedIn site;
  const std::string token = site.begin();
  REQUIRE(site.is_good(token));
  std::string changed = token;
  changed[20] = changed[20] == 'A' ? 'B' : 'A';
  for (const std::string& other :
       {std::string(), changed, token + "A", token + "=", token.substr(0, 42), " " + token,
        std::string(43, 'A'), std::string(100'000, 'A')}) {
    CAPTURE(other);
    CHECK_FALSE(site.is_good(other));
  }
}

TEST_CASE("a session ends after its time without use, or its time in all") {
  // Idle for an hour, four hours in all, 100 hours if it is remembered.
  struct Row {
    bool remember;
    minutes use_every;
    microseconds last_good;  // after login
  };
  const auto row = GENERATE(values<Row>({
      {false, minutes{1000}, hours{1} - microseconds{1}},
      {false, minutes{59}, hours{4} - microseconds{1}},
      {true, minutes{1000}, hours{100} - microseconds{1}},
      {true, minutes{59}, hours{100} - microseconds{1}},
  }));
  CAPTURE(row.remember, row.use_every.count());
  SignedIn site;
  const std::string token = site.begin(row.remember);
  const base::WallTime login = site.clock.now();
  while (site.clock.now() + row.use_every < login + row.last_good) {
    site.clock.advance(row.use_every);
    REQUIRE(site.is_good(token));
  }
  site.clock.advance(login + row.last_good - site.clock.now());
  const bool is_used_at_the_end = GENERATE(false, true);
  const bool ends_by_idleness = !row.remember && row.use_every > minutes{60};
  if (!is_used_at_the_end || !ends_by_idleness) {
    if (is_used_at_the_end) CHECK(site.is_good(token));
    site.clock.advance(microseconds{1});
    CHECK_FALSE(site.is_good(token));
  } else {
    CHECK(site.is_good(token));
    site.clock.advance(microseconds{1});
    CHECK(site.is_good(token));  // it was used, so it has another hour
  }
}

TEST_CASE("a cookie is kept only if the session is remembered, and as long as it") {
  SignedIn site;
  CHECK(site.sessions->begin("ada", kClient, false).max_age == std::nullopt);
  CHECK(site.sessions->begin("ada", kClient, true).max_age == seconds{hours{100}});
}

TEST_CASE("a session is good only while its user is there and enabled") {
  SignedIn site;
  const std::string token = site.begin();
  site.set_disabled(true);
  CHECK_FALSE(site.is_good(token));
  site.set_disabled(false);
  CHECK(site.is_good(token));
  site.users.remove("ada", site.users.find("ada")->revision);
  CHECK_FALSE(site.is_good(token));
}

TEST_CASE("a session that was ended is over, others go on") {
  SignedIn site;
  const std::string ended = site.begin();
  const std::string other = site.begin();
  REQUIRE(site.is_good(ended));
  site.sessions->end(ended);
  CHECK_FALSE(site.is_good(ended));
  CHECK(site.is_good(other));
  CHECK_NOTHROW(site.sessions->end(ended));
  CHECK_NOTHROW(site.sessions->end("nonsense"));
  site.sessions->flush();  // its last use does not bring it back
  CHECK_FALSE(site.is_good(ended));
}

TEST_CASE("all sessions of a user end at once, those of others go on") {
  SignedIn site;
  site.users.insert(store::User("Bob", "!", site.clock.now()));
  const std::string first = site.begin();
  const std::string second = site.begin(true);
  const std::string bobs(site.sessions->begin("bob", kClient, false).token.reveal());
  site.sessions->end_all("ada");
  CHECK_FALSE(site.is_good(first));
  CHECK_FALSE(site.is_good(second));
  CHECK(site.is_good(bobs));
}

TEST_CASE("a user's sessions are listed, the last used first, without those that have ended") {
  SignedIn site;
  site.users.insert(store::User("Bob", "!", site.clock.now()));
  site.sessions->begin("bob", kClient, false);
  const std::string expired = site.begin();
  site.clock.advance(minutes{30});
  const std::string older = site.begin();
  const std::string newer = site.begin();
  const std::string ended = site.begin();
  site.clock.advance(minutes{30});
  REQUIRE(site.is_good(older));  // a use that is not written yet
  site.sessions->end(ended);
  const auto hash_of = [&](const std::string& token) {
    return site.sessions->authenticate(token)->session.token_hash;
  };
  const auto sessions = site.sessions->list("ada");
  REQUIRE(sessions.size() == 2);
  CHECK(sessions[0].token_hash == hash_of(older));
  CHECK(sessions[0].last_seen_at == site.clock.now());
  CHECK(sessions[0].created_at == site.clock.now() - minutes{30});
  CHECK(sessions[1].token_hash == hash_of(newer));
  CHECK(sessions[1].last_seen_at == site.clock.now() - minutes{30});
  CHECK(site.sessions->list("eve").empty());

  site.clock.advance(minutes{59});
  REQUIRE(site.sessions->list("ada").size() == 2);  // both were used when hash_of() asked
}

TEST_CASE("a session's id is its own, and tells neither the token nor its hash") {
  SignedIn site;
  std::set<std::string> ids;
  for (int i = 0; i < 100; ++i) {
    const std::string token = site.begin();
    const store::Session session = site.sessions->authenticate(token)->session;
    const std::string id = session_id(session);
    CHECK(id.size() == 16);
    CHECK(id.find_first_not_of("0123456789abcdef") == std::string::npos);
    CHECK(session.token_hash.find(id) == std::string::npos);
    CHECK(session_id(site.sessions->authenticate(token)->session) == id);
    ids.insert(id);
  }
  CHECK(ids.size() == 100);
}

TEST_CASE("a user ends one of his sessions by its id, and nobody else's") {
  SignedIn site;
  site.users.insert(store::User("Bob", "!", site.clock.now()));
  const std::string token = site.begin();
  const std::string other = site.begin();
  const store::Session session = site.sessions->authenticate(token)->session;
  const std::string id = session_id(session);
  CHECK_FALSE(site.sessions->end_by_id("bob", id));
  CHECK_FALSE(site.sessions->end_by_id("ada", ""));
  CHECK_FALSE(site.sessions->end_by_id("ada", id.substr(0, 15)));
  CHECK_FALSE(site.sessions->end_by_id("ada", session.token_hash));
  CHECK(site.is_good(token));
  CHECK(site.sessions->end_by_id("ada", id));
  CHECK_FALSE(site.is_good(token));
  CHECK(site.is_good(other));
  CHECK_FALSE(site.sessions->end_by_id("ada", id));
}

TEST_CASE("a login takes away sessions that have expired") {
  SignedIn site;
  site.begin();
  site.clock.advance(hours{1});
  site.begin();
  CHECK(site.only_row().created_at == site.clock.now());
}

TEST_CASE("what the store cannot do is thrown, and begins no session") {
  SignedIn site;
  const std::string token = site.begin();
  site.store.fault.set(Fault::Hits::kEverything);
  CHECK_THROWS_AS(site.begin(), base::StoreUnavailable);
  CHECK_THROWS_AS(site.is_good(token), base::StoreUnavailable);
  CHECK_THROWS_AS(site.sessions->end(token), base::StoreUnavailable);
  CHECK_THROWS_AS(site.sessions->end_all("ada"), base::StoreUnavailable);
  site.store.fault.clear();
  site.users.fault.set(Fault::Hits::kEverything);
  CHECK_THROWS_AS(site.is_good(token), base::StoreUnavailable);
  site.users.fault.clear();
  CHECK(site.is_good(token));
  CHECK(site.store.list("ada").size() == 1);
}

TEST_CASE("who was seen is known without a look into the store until something changes there") {
  SignedIn site;
  const std::string token = site.begin();
  site.changes.is_quiet = true;
  REQUIRE(site.is_good(token));
  site.users.fault.set(Fault::Hits::kEverything);
  site.store.fault.set(Fault::Hits::kEverything);
  CHECK(site.is_good(token));
  CHECK_FALSE(site.is_good(std::string(10, 'x')));
  site.changes.is_quiet = false;
  CHECK_THROWS_AS(site.is_good(token), base::StoreUnavailable);
}

TEST_CASE("what is known in memory ends when it should") {
  SignedIn site;
  const std::string token = site.begin();
  site.changes.is_quiet = true;
  REQUIRE(site.is_good(token));
  SECTION("by time without use") {
    site.clock.advance(hours{1} - seconds{1});
    CHECK(site.is_good(token));
    site.clock.advance(hours{1});
    CHECK_FALSE(site.is_good(token));
  }
  SECTION("by a change of the user") {
    auto stored = *site.users.find("ada");
    Json::Value record = stored.user.record();
    record["disabled"] = true;
    REQUIRE(site.users.update(store::User(record), stored.revision));
    site.changes.is_quiet = false;
    CHECK_FALSE(site.is_good(token));
  }
}

TEST_CASE("a session that was seen costs one look at the store's version, and nothing else") {
  SignedIn site;
  const std::string token = site.begin();
  site.changes.is_quiet = true;
  REQUIRE(site.is_good(token));
  site.users.fault.set(Fault::Hits::kEverything);
  site.store.fault.set(Fault::Hits::kEverything);
  site.changes.calls = 0;
  for (int i = 1; i <= 10; ++i) {
    CHECK(site.is_good(token));
    CHECK(site.changes.calls == i);
  }
}

TEST_CASE("what changes while it is read is not taken for what it was changed to") {
  SignedIn site;
  const std::string token = site.begin();
  site.users.insert(store::User("Bob", "!", site.clock.now()));
  const std::string bobs(site.sessions->begin("bob", kClient, false).token.reveal());
  site.changes.is_quiet = true;
  const bool is_seen_by_another = GENERATE(false, true);
  site.users.after_find = [&] {
    site.set_disabled(true);
    site.changes.note_change();
    if (is_seen_by_another) CHECK(site.is_good(bobs));
  };
  CHECK(site.is_good(token));  // it was asked before the change
  CHECK_FALSE(site.is_good(token));
  CHECK(site.is_good(bobs));
  CHECK_FALSE(site.is_good(token));
}

}  // namespace userbin::auth
