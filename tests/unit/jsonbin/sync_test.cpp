// A list of users and a bin that work: what is read, written and asked for when.
#include "jsonbin/sync.h"

#include "support/catch.h"
#include "support/sync_on_fakes.h"

using namespace std::chrono_literals;

namespace userbin::jsonbin {

namespace {

using Catch::Generators::table;
using test::json;
using test::Log;
using test::SyncOnFakes;
using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a first contact with the list of a simpler program adopts it") {
  SyncOnFakes fakes;
  fakes.service.put("bin1",
                    "[{\"username\":\"Ada\",\"password\":\"ada's secret\",\"role\":\"admin\"},"
                    "{\"username\":\"Bob\",\"password\":\"bobs-secret\",\"mail\":{\"a\":[1]}},"
                    "{\"username\":\"Eve\",\"password\":\"$known\",\"role\":\"user\"}]");
  const auto stays_secret = [&](auto) {
    const std::string all = fakes.dump() + fakes.store.state();
    CHECK(all.find("ada's secret") == std::string::npos);
    CHECK(all.find("bobs-secret") == std::string::npos);
  };
  fakes.store.hook = stays_secret;
  fakes.start();
  CHECK(fakes.settled() == Log{"GET bin1", "PUT bin1"});
  CHECK(fakes.hashes == 2);
  CHECK(fakes.record("ada")["password"] == test::fake_hash("ada's secret"));
  CHECK(fakes.record("ada")["role"] == "admin");
  CHECK(fakes.record("bob")["mail"] == json("{'a':[1]}"));
  CHECK(fakes.record("eve")["password"] == "$known");
  CHECK(fakes.service.document("bin1").find("secret") == std::string::npos);
  CHECK(fakes.users_in("bin1") == Names{"Ada", "Bob", "Eve"});
  CHECK(fakes.service.json("bin1")[0] == fakes.record("ada"));
  CHECK(fakes.store.count_pending() == 0);
  CHECK(fakes.log.has("info: 2 passwords hashed"));
  CHECK_FALSE(fakes.log.has("secret"));

  SECTION("and knows a copy of the list from before for what it is") {
    fakes.edit("bin1", 0, "password", "ada's secret");
    fakes.run(1min);
    CHECK(fakes.hashes == 2);
    CHECK(fakes.record("ada")["password"] == test::fake_hash("ada's secret"));
    CHECK(fakes.service.document("bin1").find("secret") == std::string::npos);
  }
  SECTION("and a new password in plain text is another one, which ends sessions") {
    fakes.store.add_session("ada", "1");
    fakes.edit("bin1", 0, "password", "new one");
    fakes.run(1min);
    CHECK(fakes.record("ada")["password"] == test::fake_hash("new one"));
    CHECK(fakes.store.sessions().empty());
    CHECK(fakes.service.document("bin1").find("new one") == std::string::npos);
  }
}

TEST_CASE("hashing a long list says how far it is, now and then") {
  SyncOnFakes fakes;
  Json::Value list(Json::arrayValue);
  for (int i = 0; i < 10; ++i) {
    Json::Value& user = list.append(Json::Value());
    user["username"] = "user" + std::to_string(i);
    user["password"] = "plain";
  }
  fakes.service.put("bin1", base::to_json(list));
  fakes.start();
  while (fakes.hashes < 10) {
    const int before = fakes.hashes;
    fakes.sync->step();
    if (fakes.hashes > before) fakes.clock.advance(900ms);  // as long as a hash takes
  }
  CHECK(fakes.log.has("info: 10 passwords stand in the bin as plain text"));
  CHECK(fakes.log.count(" of 10 passwords hashed") == 2);
  fakes.settle();
  CHECK(fakes.store.load().size() == 10);
}

TEST_CASE("an empty list, however it looks, is no users, and gets the store's") {
  const auto [document, written] = GENERATE(table<std::string, std::string>({
      {"[]", "[ADA]"},
      {"[{}]", "[ADA]"},
      {"{\"users\":[]}", "{\"users\":[ADA]}"},
      {"{\"note\":1,\"users\":[{}]}", "{\"note\":1,\"users\":[ADA]}"},
  }));
  CAPTURE(document);
  SyncOnFakes fakes;
  fakes.service.put("bin1", document);
  fakes.start();
  CHECK(fakes.settled() == Log{"GET bin1"});
  CHECK(fakes.store.load().empty());
  CHECK(fakes.service.document("bin1") == document);
  CHECK(fakes.problem().empty());

  fakes.add("Ada");
  fakes.run(2s);
  std::string expected = written;
  expected.replace(expected.find("ADA"), 3, base::to_json(fakes.record("ada")));
  CHECK(fakes.service.document("bin1") == expected);
}

TEST_CASE("a quiet change costs a GET and a PUT, and a GET that looks whether it stayed") {
  SyncOnFakes fakes;
  fakes.start_with({"Ada"});
  fakes.change("ada", "n", 1);
  fakes.run(2s);
  CHECK(fakes.service.take_log() == Log{"GET bin1", "PUT bin1"});
  CHECK(fakes.store.count_pending() == 0);
  CHECK(fakes.service.json("bin1")[0] == fakes.record("ada"));
  fakes.run(57s);
  CHECK(fakes.service.take_log().empty());
  fakes.run(3s);
  CHECK(fakes.service.take_log() == Log{"GET bin1"});
  fakes.run(24h);
  CHECK(fakes.service.take_log().empty());
}

TEST_CASE("a change that was overwritten unread is written again") {
  SyncOnFakes fakes;
  fakes.start_with({"Ada"});
  const std::string old_page = fakes.service.document("bin1");
  fakes.change("ada", "n", 1);
  fakes.run(2s);
  fakes.service.put("bin1", old_page);
  fakes.service.take_log();
  fakes.run(2min);
  CHECK(fakes.service.take_log() == Log{"GET bin1", "PUT bin1", "GET bin1"});
  CHECK(fakes.service.json("bin1")[0]["n"] == 1);
}

TEST_CASE("many changes within the delay cost one PUT") {
  SyncOnFakes fakes;
  fakes.start_with({});
  for (int i = 0; i < 100; ++i) fakes.add("user" + std::to_string(i));
  CHECK(fakes.settled() == Log{"GET bin1", "PUT bin1"});
  CHECK(fakes.users_in("bin1").size() == 100);
  CHECK(fakes.store.count_pending() == 0);
}

TEST_CASE("a change during the delay goes with the PUT that it ends in") {
  SyncOnFakes fakes;
  fakes.start_with({});
  fakes.add("Ada");
  fakes.run(100ms);
  fakes.add("Bob");
  fakes.run(2s);
  CHECK(fakes.service.take_log() == Log{"GET bin1", "PUT bin1"});
  CHECK(fakes.users_in("bin1") == Names{"Ada", "Bob"});
}

TEST_CASE("a change during the GET is carried by the same PUT") {
  SyncOnFakes fakes;
  fakes.start_with({});
  fakes.service.on_request = [&](const std::string& line) {
    if (line == "GET bin1" && !fakes.store.find("bob")) fakes.add("Bob");
  };
  fakes.add("Ada");
  fakes.run(2s);
  CHECK(fakes.service.take_log() == Log{"GET bin1", "PUT bin1"});
  CHECK(fakes.users_in("bin1") == Names{"Ada", "Bob"});
  CHECK(fakes.store.count_pending() == 0);
}

TEST_CASE("a change during the PUT stays pending and goes with the next") {
  SyncOnFakes fakes;
  fakes.start_with({});
  bool is_changed = false;
  fakes.service.on_request = [&](const std::string& line) {
    if (line != "PUT bin1" || is_changed) return;
    is_changed = true;
    fakes.change("ada", "n", 2);
    fakes.add("Bob");
  };
  fakes.add("Ada");
  while (!is_changed) fakes.clock.advance(std::max(0us, fakes.sync->step() - fakes.clock.now()));
  CHECK(fakes.store.count_pending() == 2);
  CHECK(fakes.users_in("bin1") == Names{"Ada"});
  CHECK_FALSE(fakes.service.json("bin1")[0].isMember("n"));
  fakes.run(2s);
  CHECK(fakes.service.take_log() == Log{"GET bin1", "PUT bin1", "GET bin1", "PUT bin1"});
  CHECK(fakes.users_in("bin1") == Names{"Ada", "Bob"});
  CHECK(fakes.service.json("bin1")[0]["n"] == 2);
  CHECK(fakes.store.count_pending() == 0);
}

TEST_CASE("a user changed while he is joined is joined anew") {
  SyncOnFakes fakes;
  fakes.start_with({"Ada"});
  fakes.edit("bin1", 0, "mail", "hers");
  bool is_read = false;
  fakes.service.on_request = [&](const std::string& line) { is_read = line == "GET bin1"; };
  fakes.store.hook = [&](auto moment) {
    if (moment != test::FakeSyncStore::Moment::kBeforeChange || !is_read) return;
    is_read = false;  // this is the join's change
    fakes.change("ada", "n", 1);
  };
  fakes.sync->read_all_now();
  fakes.run(2s);
  CHECK(fakes.record("ada")["mail"] == "hers");
  CHECK(fakes.record("ada")["n"] == 1);
  CHECK(fakes.service.json("bin1")[0] == fakes.record("ada"));
}

TEST_CASE("whoever writes alone needs one PUT for a change, and no GET") {
  SyncOnFakes fakes;
  fakes.settings.exclusive = true;
  fakes.start_with({"Ada"});
  for (int i = 0; i < 3; ++i) {
    fakes.change("ada", "n", i);
    fakes.run(2min);
    CHECK(fakes.service.take_log() == Log{"PUT bin1"});
    CHECK(fakes.service.json("bin1")[0] == fakes.record("ada"));
    CHECK(fakes.store.count_pending() == 0);
  }
}

TEST_CASE("edits from outside are seen when a poll is due, if polls are wanted") {
  SyncOnFakes fakes;
  fakes.settings.poll = GENERATE(0min, 5min);
  fakes.start_with({"Ada"});
  fakes.edit("bin1", 0, "role", "admin");
  fakes.run(10min);
  const bool is_polled = fakes.settings.poll > 0s;
  CHECK(fakes.record("ada")["role"] == (is_polled ? "admin" : "user"));
  CHECK(fakes.service.take_log().empty() == !is_polled);
  fakes.run(1h);
  const auto polls = fakes.service.take_log().size();
  CHECK(polls == (is_polled ? 12 : 0));
}

TEST_CASE("reading all now sees an edit at once, also while a hold lasts") {
  SyncOnFakes fakes;
  fakes.start_with({"Ada"});
  const bool is_held = GENERATE(false, true);
  if (is_held) {
    fakes.service.fail({"GET", HttpResponse{401, "", R"({"message":"Invalid X-Master-Key"})"}});
    fakes.change("ada", "n", 1);
    fakes.run(1s);
    REQUIRE(fakes.hold() > 10s);
  }
  fakes.edit("bin1", 0, "role", "admin");
  fakes.sync->read_all_now();
  fakes.settle();
  CHECK(fakes.record("ada")["role"] == "admin");
  CHECK(fakes.problem().empty());
  CHECK(fakes.hold() == 0us);
}

TEST_CASE("reading all now breaks off a round, whatever it is at, and loses nothing") {
  const int steps = GENERATE(range(0, 9));
  CAPTURE(steps);
  SyncOnFakes fakes;
  fakes.settings.delay = 0ms;
  fakes.service.put("bin1", R"([{"username":"Ada","password":"plain"},
                                {"username":"Bob","password":"plain"}])");
  fakes.add("Eve");
  fakes.start();
  for (int i = 0; i < steps; ++i) fakes.sync->step();
  fakes.edit("bin1", 0, "role", "admin");
  fakes.service.take_log();
  fakes.sync->read_all_now();
  fakes.settle();
  CHECK(fakes.service.take_log().at(0) == "GET bin1");
  CHECK(fakes.record("ada")["role"] == "admin");
  CHECK(fakes.users_in("bin1") == Names{"Ada", "Bob", "Eve"});
  CHECK(fakes.service.document("bin1").find("plain") == std::string::npos);
  CHECK(fakes.store.count_pending() == 0);
}

}  // namespace userbin::jsonbin
