// Errors of the service: what the operator is told, and when it is tried again.
#include "jsonbin/sync.h"
#include "support/catch.h"
#include "support/sync_on_fakes.h"

using namespace std::chrono_literals;

namespace userbin::jsonbin {

namespace {

using Catch::Generators::table;
using std::chrono::seconds;
using test::Log;
using test::SyncOnFakes;
using Names = std::vector<std::string>;

HttpResponse refusal(int status, const std::string& message, const std::string& retry_after = "") {
  Json::Value body;
  body["message"] = message;
  return {status, retry_after, base::to_json(body)};
}

constexpr int kAlways = 1'000'000;

}  // namespace

TEST_CASE("every error is a problem with the service's words, and has its time to wait") {
  const std::string key = test::kKey;
  const auto [result, said, word, is_passing, longest] =
      GENERATE_COPY(table<HttpResult, std::string, std::string, bool, seconds>({
          {Away{"Timeout was reached " + key, true}, "Timeout was reached", "away", true, 1s},
          {HttpResponse{502, "", "<html>Bad gateway " + key}, "Bad gateway", "away", true, 1s},
          {HttpResponse{200, "", "<html>All is well"}, "not JSON", "away", true, 1s},
          {refusal(429, "Slow down " + key), "Slow down", "slow_down", true, 2s},
          {refusal(403, "Requests exhausted. Buy more " + key), "Requests exhausted",
           "out_of_requests", false, 3600s},
          {refusal(403, "Free users cannot update a record over 100kb " + key), "over 100kb",
           "full", false, 60s},
          {refusal(404, "Bin not found " + key), "Bin not found", "refused", false, 60s},
          {refusal(401, "X-Master-Key is invalid: " + key), "is invalid", "refused", false, 60s},
          {refusal(400, "Bin cannot be blank " + key), "blank", "refused", false, 60s},
          {refusal(403, "Something new " + key), "Something new", "refused", false, 60s},
      }));
  CAPTURE(said);
  const std::string method = GENERATE("GET", "PUT");
  SyncOnFakes fakes;
  fakes.start_with({"Ada"});
  fakes.service.fail({method, result, kAlways});
  fakes.change("ada", "n", 1);
  fakes.settle();

  const auto& problem = fakes.sync->status().problem;
  REQUIRE(problem);
  CHECK(problem->word == word);
  CHECK(problem->is_passing == is_passing);
  CHECK(problem->sentence.find(said) != std::string::npos);
  CHECK(problem->sentence.find(key) == std::string::npos);
  CHECK(fakes.sync->status().problem_since <= fakes.clock.now());
  CHECK(fakes.store.count_pending() == 1);
  CHECK(fakes.sync->is_idle());
  CHECK(fakes.log.count(is_passing ? "warning: bin: " : "error: bin: ") == 1);
  CHECK_FALSE(fakes.log.has(key));
  // Others are told by the store.
  const SyncStatus told = sync_status_from(*base::from_json(fakes.store.state()));
  CHECK(told.problem->sentence == problem->sentence);
  CHECK(told.next_attempt == fakes.sync->status().next_attempt);

  CHECK(fakes.hold() <= longest);
  CHECK(fakes.hold() >= longest / 2 - fakes.settings.delay);
  fakes.service.take_log();
  fakes.run(fakes.hold() - 1ms);
  CHECK(fakes.service.take_log().empty());
  fakes.service.recover();
  fakes.run(3s);
  CHECK(fakes.problem().empty());
  CHECK(fakes.hold() == 0us);
  CHECK(fakes.store.count_pending() == 0);
  CHECK(fakes.service.json("bin1")[0]["n"] == 1);
  CHECK(fakes.log.count("info: bin: all is well again") == 1);
}

TEST_CASE("a wrong key is logged once although it is tried again and again") {
  SyncOnFakes fakes;
  fakes.service.fail({"GET", refusal(401, "Invalid X-Master-Key provided"), kAlways});
  fakes.start();
  fakes.run(24h);
  const auto tries = fakes.service.take_log().size();
  CHECK(tries >= 24);
  CHECK(tries <= 60);
  CHECK(fakes.log.count("error: bin: JSONBin refuses the key") == 1);
  CHECK(fakes.log.has("--jsonbin-key-file"));
}

TEST_CASE("a service that is away is left alone for ever longer, up to a minute") {
  SyncOnFakes fakes;
  fakes.start_with({"Ada"});
  fakes.service.fail({"GET", Away{"Could not connect"}, kAlways});
  fakes.change("ada", "n", 1);
  fakes.run(1h);
  const auto tries = fakes.service.take_log().size();
  CHECK(tries >= 60);
  CHECK(tries <= 130);
  CHECK(fakes.log.count("JSONBin is away") == 1);
  fakes.service.recover();
  fakes.run(1min + 1s);
  CHECK(fakes.store.count_pending() == 0);
  // And after that it begins anew.
  fakes.service.fail({"GET", Away{"Could not connect"}});
  fakes.change("ada", "n", 2);
  fakes.run(3s);
  CHECK(fakes.service.json("bin1")[0]["n"] == 2);
}

TEST_CASE("a pause that the service asks for is kept") {
  const auto [retry_after, wait] = GENERATE(table<std::string, seconds>({
      {"90", 90s}, {"100000", 86400s}, {"Mon, 23 Nov 2026 18:30:00 GMT", 3480s},  // it is 17:32
  }));
  CAPTURE(retry_after);
  SyncOnFakes fakes;
  fakes.start_with({"Ada"});
  const bool is_refusal = GENERATE(true, false);
  fakes.service.fail({"GET", is_refusal ? refusal(429, "Slow down", retry_after)
                                        : HttpResponse{503, retry_after, "<html>"}});
  fakes.change("ada", "n", 1);
  fakes.settle();
  CHECK(fakes.hold() <= wait);
  CHECK(fakes.hold() >= wait - 1s);
  fakes.service.take_log();
  fakes.run(wait - 1s);
  CHECK(fakes.service.take_log().empty());
  fakes.run(2s);
  CHECK(fakes.service.take_log() == Log{"GET bin1", "PUT bin1"});
}

TEST_CASE("a lost answer to a PUT is found by the next GET, and nothing is written twice") {
  const HttpResult result = GENERATE(values<HttpResult>({
      Away{"Timeout was reached", true},
      HttpResponse{504, "", "<html>"},
      HttpResponse{200, "", "{\"rec"},
      HttpResponse{200, "", "{}"},
  }));
  const bool is_done = GENERATE(true, false);
  SyncOnFakes fakes;
  fakes.start_with({"Ada"});
  fakes.service.fail({"PUT", result, 1, is_done});
  fakes.change("ada", "n", 1);
  fakes.run(5s);
  CHECK(fakes.service.take_log() == (is_done
                                         ? Log{"GET bin1", "PUT bin1", "GET bin1"}
                                         : Log{"GET bin1", "PUT bin1", "GET bin1", "PUT bin1"}));
  CHECK(fakes.store.count_pending() == 0);
  CHECK(fakes.service.json("bin1")[0] == fakes.record("ada"));
  CHECK(fakes.problem().empty());
}

TEST_CASE("a bin that is full for its service is told so, and who is in the store stays") {
  SyncOnFakes fakes;
  fakes.start_with({"Ada"});
  fakes.service.fail({"PUT", refusal(403, "Free users cannot update a record over 100kb"), 2});
  fakes.add("Bob");
  fakes.settle();
  CHECK(fakes.problem() == "full");
  CHECK(fakes.store.find("bob"));
  CHECK(fakes.users_in("bin1") == Names{"Ada"});
  fakes.run(10min);
  CHECK(fakes.problem().empty());
  CHECK(fakes.users_in("bin1") == Names{"Ada", "Bob"});
}

TEST_CASE("users who find no room are a problem, and get in when there is room") {
  SyncOnFakes fakes;
  fakes.settings.max_bytes = 300;
  fakes.start_with({"Ada"});
  fakes.add("Bob");
  fakes.add("Eve");
  fakes.run(2min);
  CHECK(fakes.problem() == "full");
  CHECK(fakes.sync->status().problem->sentence.find("1 users find no room") != std::string::npos);
  CHECK(fakes.users_in("bin1") == Names{"Ada", "Bob"});
  CHECK(fakes.store.count_pending() == 1);
  fakes.service.take_log();
  fakes.run(1h);
  CHECK(fakes.service.take_log().size() <= 7);
  // A change of who is there is written all the same.
  fakes.change("bob", "n", 1);
  fakes.run(2s);
  CHECK(fakes.service.json("bin1")[1]["n"] == 1);
  CHECK(fakes.problem() == "full");

  Json::Value gone = fakes.record("ada");
  fakes.store.apply(
      {{.key = "ada", .revision = fakes.store.find("ada")->revision, .remove = true}});
  fakes.service.put("bin1", "[" + base::to_json(fakes.record("bob")) + "]");
  fakes.run(11min);
  CHECK(fakes.problem().empty());
  CHECK(fakes.users_in("bin1") == Names{"Bob", "Eve"});
}

}  // namespace userbin::jsonbin
