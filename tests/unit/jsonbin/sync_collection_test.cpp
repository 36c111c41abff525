// A list of users over all bins of a collection.
#include "jsonbin/sync.h"
#include "support/catch.h"
#include "support/sync_on_fakes.h"

using namespace std::chrono_literals;

namespace userbin::jsonbin {

namespace {

using test::Log;
using test::SyncOnFakes;
using Names = std::vector<std::string>;

std::string list_of(const std::string& name) {
  return R"([{"username":")" + name + R"(","password":"$h"}])";
}

/// Ada lives in bin "a", Bob in bin "b".
struct TwoBins : SyncOnFakes {
  TwoBins() {
    settings.bin_id = "";
    settings.collection_id = "c1";
    service.put("a", list_of("Ada"));
    service.put("b", list_of("Bob"));
  }
  void start_at_rest() {
    start();
    run(2min);
    service.take_log();
  }
};

}  // namespace

TEST_CASE("all bins of a collection are read at the start, and users stay in theirs") {
  TwoBins fakes;
  fakes.start();
  CHECK(fakes.settled() == Log{"LIST", "LIST", "GET a", "GET b", "PUT a", "PUT b"});
  CHECK(fakes.store.load().size() == 2);
  CHECK(fakes.users_in("a") == Names{"Ada"});
  CHECK(fakes.users_in("b") == Names{"Bob"});
  CHECK(fakes.sync->status().bins.size() == 2);
  CHECK(fakes.sync->status().bins[0].bytes == fakes.service.document("a").size());
}

TEST_CASE("a change is written to its user's bin alone") {
  TwoBins fakes;
  fakes.start_at_rest();
  const auto [key, id] =
      GENERATE(Catch::Generators::table<std::string, std::string>({{"ada", "a"}, {"bob", "b"}}));
  fakes.change(key, "n", 1);
  fakes.run(2min);
  CHECK(fakes.service.take_log() == Log{"GET " + id, "PUT " + id, "GET " + id});
  CHECK(fakes.service.json(id)[0] == fakes.record(key));
}

TEST_CASE("a newcomer goes to the last bin") {
  TwoBins fakes;
  fakes.start_at_rest();
  fakes.add("Eve");
  fakes.run(2s);
  CHECK(fakes.service.take_log() == Log{"GET b", "PUT b"});
  CHECK(fakes.users_in("b") == Names{"Bob", "Eve"});
}

TEST_CASE("a newcomer who arrives while another bin is read makes no new bin") {
  TwoBins fakes;
  fakes.start_at_rest();
  fakes.service.on_request = [&](const std::string& line) {
    if (line == "GET a" && !fakes.store.find("eve")) fakes.add("Eve");
  };
  fakes.change("ada", "n", 1);
  fakes.run(3s);
  CHECK(fakes.service.take_log() == Log{"GET a", "PUT a", "GET b", "PUT b"});
  CHECK(fakes.users_in("b") == Names{"Bob", "Eve"});
  CHECK(fakes.store.count_pending() == 0);
}

TEST_CASE("who finds no room gets a new, private bin of the collection") {
  TwoBins fakes;
  fakes.settings.max_bytes = 300;
  fakes.start_at_rest();
  for (const char* name : {"Eve", "Fay", "Gil"}) fakes.add(name);
  fakes.run(2s);
  CHECK(fakes.service.take_log() == Log{"GET b", "POST", "PUT b"});
  CHECK(fakes.users_in("b") == Names{"Bob", "Eve"});
  CHECK(fakes.users_in("new1") == Names{"Fay", "Gil"});
  CHECK(fakes.store.count_pending() == 0);
  CHECK(fakes.problem().empty());
  const auto& requests = fakes.service.requests();
  const auto& headers = requests[requests.size() - 2].headers;
  const auto has = [&](const char* name, const char* value) {
    return std::find(headers.begin(), headers.end(),
                     std::pair<std::string, std::string>(name, value)) != headers.end();
  };
  CHECK(has("X-Bin-Private", "true"));
  CHECK(has("X-Collection-Id", "c1"));

  SECTION("and is written there from then on, also after a restart") {
    if (GENERATE(false, true)) fakes.start();
    fakes.run(2min);
    fakes.service.take_log();
    fakes.change("gil", "n", 1);
    fakes.run(2s);
    CHECK(fakes.service.take_log() == Log{"GET new1", "PUT new1"});
  }
}

TEST_CASE("an empty collection gets its first bin with the first user") {
  SyncOnFakes fakes;
  fakes.settings.bin_id = "";
  fakes.settings.collection_id = "c1";
  fakes.start();
  CHECK(fakes.settled() == Log{"LIST"});
  fakes.add("Ada");
  fakes.run(2s);
  CHECK(fakes.service.take_log() == Log{"POST"});
  CHECK(fakes.users_in("new1") == Names{"Ada"});
}

TEST_CASE("a new bin whose answer was lost is found in the collection, and not made twice") {
  TwoBins fakes;
  fakes.settings.max_bytes = 100;
  fakes.start_at_rest();
  fakes.service.fail({"POST", Away{"Timeout was reached", true}, 1, true});
  fakes.add("Eve");
  fakes.run(1min);
  CHECK(fakes.users_in("new1") == Names{"Eve"});
  CHECK(fakes.service.document("new2").empty());
  CHECK(fakes.store.count_pending() == 0);
  CHECK(fakes.problem().empty());
}

TEST_CASE("users of a bin that vanished are written to another") {
  TwoBins fakes;
  fakes.start_at_rest();
  fakes.service.erase("a");
  SECTION("when it is missed") {
    fakes.change("ada", "n", 1);
    fakes.run(2s);
    CHECK(fakes.problem() == "refused");
  }
  SECTION("when all are read") {
    fakes.sync->read_all_now();
  }
  fakes.run(2min);
  CHECK(fakes.problem().empty());
  CHECK(fakes.users_in("b") == Names{"Bob", "Ada"});
  CHECK(fakes.store.count_pending() == 0);
}

TEST_CASE("no bin is written while another looks wrong in the same round") {
  TwoBins fakes;
  fakes.start_at_rest();
  fakes.service.put("b", "{}");
  fakes.change("ada", "n", 1);
  fakes.sync->read_all_now();
  fakes.run(1min);
  CHECK(fakes.problem() == "suspicious");
  for (const std::string& line : fakes.service.take_log()) CHECK_FALSE(line.starts_with("PUT"));
}

TEST_CASE("a bin is confirmed in time although others change all the time") {
  TwoBins fakes;
  fakes.start_at_rest();
  const std::string old_page = fakes.service.document("a");
  fakes.change("ada", "n", 1);
  fakes.run(2s);
  fakes.service.put("a", old_page);
  for (int i = 0; i < 10; ++i) {
    fakes.change("bob", "n", i);
    fakes.run(20s);
  }
  CHECK(fakes.service.json("a")[0]["n"] == 1);
}

TEST_CASE("a poll reads all bins in time although one changes all the time") {
  TwoBins fakes;
  fakes.settings.poll = 5min;
  fakes.start_at_rest();
  fakes.edit("a", 0, "role", "admin");
  for (int i = 0; i < 10; ++i) {
    fakes.change("bob", "n", i);
    fakes.run(1min);
  }
  CHECK(fakes.record("ada")["role"] == "admin");
}

TEST_CASE("a list that is not whole, or none, is not used") {
  TwoBins fakes;
  const auto body = GENERATE(as<std::string>{}, "{}", "[{\"record\":\"../x\"}]", "<html>");
  fakes.service.fail({"LIST", HttpResponse{200, "", body}, 2});
  fakes.start();
  fakes.run(1s);
  CHECK(fakes.problem() == "away");
  CHECK(fakes.store.load().empty());
  fakes.run(1min);
  CHECK(fakes.problem().empty());
  CHECK(fakes.store.load().size() == 2);
}

}  // namespace userbin::jsonbin
