// What a bin may hold besides a list of users in good order.
#include "jsonbin/sync.h"
#include "support/catch.h"
#include "support/sync_on_fakes.h"

using namespace std::chrono_literals;

namespace userbin::jsonbin {

namespace {

using Catch::Generators::table;
using test::Log;
using test::SyncOnFakes;
using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a document that is no user list is neither believed nor overwritten") {
  const auto [document, word] = GENERATE(table<std::string, std::string>({
      {"<html><body>All is well</body></html>", "away"},
      {R"([{"username":"Ada","password":"$h"},{"user)", "away"},
      {"", "away"},
      {"null", "away"},
      {"7", "away"},
      {"{}", "suspicious"},
      {"[1,2,3]", "suspicious"},
      {"[null]", "suspicious"},
      {R"({"title":"no users here"})", "suspicious"},
      {R"({"users":{"Ada":{"password":"$h"}}})", "suspicious"},
      {R"([{"id":1,"name":"milk"},{"id":2,"name":"bread"}])", "suspicious"},
      {R"({"message":"Internal server error"})", "suspicious"},
      {R"({"record":[{"username":"Ada","password":"$h"}],"metadata":{"id":"x"}})", "suspicious"},
      {R"([[{"username":"Ada","password":"$h"}]])", "suspicious"},
  }));
  CAPTURE(document);
  SyncOnFakes fakes;
  fakes.start_with({"Ada", "Bob"});
  const std::string good = fakes.service.document("bin1");
  fakes.change("ada", "n", 1);
  fakes.add("Eve");
  const std::string before = fakes.dump();
  fakes.service.put("bin1", document);
  fakes.run(3h);
  CHECK(fakes.problem() == word);
  CHECK(fakes.sync->status().problem->is_passing == (word == "away"));
  CHECK(fakes.dump() == before);
  CHECK(fakes.service.document("bin1") == document);
  for (const std::string& line : fakes.service.take_log()) CHECK(line == "GET bin1");
  if (word == "suspicious") {
    CHECK(fakes.log.count("error: bin: bin bin1: the bin holds") == 1);
    CHECK(fakes.sync->status().problem->sentence.find("put the user list back") !=
          std::string::npos);
  }

  fakes.service.put("bin1", good);
  fakes.run(1h);
  CHECK(fakes.problem().empty());
  CHECK(fakes.users_in("bin1") == Names{"Ada", "Bob", "Eve"});
  CHECK(fakes.service.json("bin1")[0]["n"] == 1);
  CHECK(fakes.store.count_pending() == 0);
}

TEST_CASE("a first contact with something else leaves it alone, and the store empty") {
  SyncOnFakes fakes;
  fakes.service.put("bin1", R"([{"id":1,"name":"milk"}])");
  fakes.start();
  fakes.run(1h);
  CHECK(fakes.problem() == "suspicious");
  CHECK(fakes.store.load().empty());
  CHECK(fakes.service.document("bin1") == R"([{"id":1,"name":"milk"}])");
}

TEST_CASE("a list that was emptied or thinned out is written again") {
  SyncOnFakes fakes;
  fakes.start_with({"Ada", "Bob"});
  const std::string whole = fakes.service.document("bin1");
  Json::Value half = fakes.service.json("bin1");
  half.resize(1);
  const std::string document = GENERATE_COPY(as<std::string>{}, "[]", "[{}]", base::to_json(half));
  fakes.service.put("bin1", document);
  fakes.sync->read_all_now();
  CHECK(fakes.settled() == Log{"GET bin1", "PUT bin1"});
  CHECK(fakes.service.document("bin1") == whole);
  CHECK(fakes.store.load().size() == 2);
}

TEST_CASE("what is no usable user is kept in its place, and reported once") {
  SyncOnFakes fakes;
  fakes.settings.poll = 1min;
  const std::string odd =
      R"([{"username":"Ada","password":"$1"},{"username":"ADA","password":"$2"},)"
      R"({"password":"$3"},{"username":"","password":"$4"},"note"])";
  fakes.service.put("bin1", odd);
  fakes.start();
  fakes.run(1h);
  CHECK(fakes.store.load().size() == 1);
  CHECK(fakes.record("ada")["password"] == "$1");
  CHECK(fakes.log.count("element 1: a second user named ada") == 1);
  CHECK(fakes.log.count("element 2: no user") == 1);
  CHECK(fakes.log.count("element 3: no user") == 1);
  CHECK(fakes.log.count("element 4: no user") == 1);
  CHECK(fakes.log.count("warning") == 4);
  Json::Value expected = *base::from_json(odd);
  expected[0] = fakes.record("ada");
  CHECK(fakes.service.json("bin1") == expected);
  CHECK(fakes.problem().empty());

  SECTION("again when it comes back") {
    const Json::Value with = fakes.service.json("bin1");
    Json::Value without = with;
    without.resize(4);
    fakes.service.put("bin1", base::to_json(without));
    fakes.run(2min);
    fakes.service.put("bin1", base::to_json(with));
    fakes.run(2min);
    CHECK(fakes.log.count("element 4: no user") == 2);
    CHECK(fakes.log.count("element 2: no user") == 1);
  }
}

TEST_CASE("a user deleted by hand is deleted here and there, and his sessions end") {
  SyncOnFakes fakes;
  fakes.start_with({"Ada", "Bob"});
  fakes.store.add_session("ada", "1");
  fakes.store.add_session("bob", "2");
  const Json::Value old_page = fakes.service.json("bin1");
  fakes.edit("bin1", 0, "role", "deleted");
  fakes.sync->read_all_now();
  CHECK(fakes.settled() == Log{"GET bin1", "PUT bin1"});
  CHECK(store::is_deleted(fakes.record("ada")));
  CHECK(fakes.record("ada")["password"] == "!");
  CHECK(fakes.service.json("bin1")[0] == fakes.record("ada"));
  CHECK(fakes.store.sessions() == std::set<std::pair<std::string, std::string>>{{"bob", "2"}});

  SECTION("and no old page brings him back") {
    fakes.service.put("bin1", base::to_json(old_page));
    fakes.sync->read_all_now();
    fakes.settle();
    CHECK(store::is_deleted(fakes.record("ada")));
    CHECK(store::is_deleted(fakes.service.json("bin1")[0]));
  }
  SECTION("until he registers anew, and then the old page takes nothing from him") {
    const store::StoredUser gone = *fakes.store.find("ada");
    store::User anew("ADA", "$new", fakes.clock.now());
    anew.succeed(gone.user);
    REQUIRE(fakes.store.update(anew, gone.revision));
    fakes.run(2min);
    CHECK(fakes.service.json("bin1")[0] == anew.record());
    fakes.service.put("bin1", base::to_json(old_page));
    fakes.sync->read_all_now();
    fakes.settle();
    CHECK(fakes.record("ada") == anew.record());
    CHECK(fakes.service.json("bin1")[0] == anew.record());
    CHECK(fakes.store.count_pending() == 0);
  }
  SECTION("and is forgotten after a month, but not his namesakes") {
    fakes.run(24h);
    fakes.clock.advance(std::chrono::days{30});
    fakes.sync->read_all_now();
    fakes.settle();
    CHECK_FALSE(fakes.store.find("ada"));
    CHECK(fakes.users_in("bin1") == Names{"Bob"});
    CHECK(fakes.store.find("bob"));
  }
}

TEST_CASE("a user added by hand is a user from then on") {
  SyncOnFakes fakes;
  fakes.start_with({"Ada"});
  Json::Value list = fakes.service.json("bin1");
  list.append(test::json("{'username':'Eve','password':'typed in','role':'admin'}"));
  fakes.service.put("bin1", base::to_json(list));
  fakes.sync->read_all_now();
  fakes.settle();
  CHECK(fakes.record("eve")["password"] == test::fake_hash("typed in"));
  CHECK(fakes.record("eve")["role"] == "admin");
  CHECK(fakes.service.json("bin1")[1] == fakes.record("eve"));
}

}  // namespace userbin::jsonbin
