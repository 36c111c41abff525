#include "jsonbin/sync_status.h"

#include "support/catch.h"
#include "support/json_text.h"

namespace userbin::jsonbin {

namespace {

using test::json;

const base::WallTime kNow = *base::parse_rfc3339("2026-01-02T03:04:05.678901Z");

}  // namespace

TEST_CASE("a status is told in full, and read back") {
  SyncStatus status;
  status.bins = {{"bin1", 1234}, {"bin2", 5}};
  status.last_success = kNow;
  CHECK(base::to_json(to_json(status)) ==
        base::to_json(json("{'bins':[{'bytes':1234,'id':'bin1'},{'bytes':5,'id':'bin2'}],"
                           "'last_success':'2026-01-02T03:04:05.678901Z','next_attempt':null}")));

  status.problem = store::Replica::Problem{.word = "full", .sentence = "s", .is_passing = true};
  status.problem_since = kNow + std::chrono::seconds{1};
  status.next_attempt = kNow + std::chrono::seconds{2};
  const SyncStatus again = sync_status_from(*base::from_json(base::to_json(to_json(status))));
  CHECK(base::to_json(to_json(again)) == base::to_json(to_json(status)));
  REQUIRE(again.problem);
  CHECK(again.problem->word == "full");
  CHECK(again.problem->sentence == "s");
  CHECK(again.problem->is_passing);
  CHECK(again.problem_since == status.problem_since);
  CHECK(again.next_attempt == status.next_attempt);
  CHECK(again.last_success == status.last_success);
  REQUIRE(again.bins.size() == 2);
  CHECK(again.bins[0].id == "bin1");
  CHECK(again.bins[0].bytes == 1234);
}

TEST_CASE("of a status what cannot be read is left empty") {
  const auto text = GENERATE(as<std::string>{}, "null", "7", "[]", "{}", "{'problem':'full'}",
                             "{'last_success':7,'next_attempt':'soon'}", "{'bins':{}}",
                             "{'bins':[7]}", "{'bins':[{'id':{},'bytes':-1}]}",
                             "{'problem':{'word':{},'sentence':[],'is_passing':'x'}}");
  CAPTURE(text);
  const SyncStatus status = sync_status_from(json(text));
  CHECK_FALSE(status.last_success);
  CHECK_FALSE(status.next_attempt);
  CHECK((!status.problem || status.problem->word.empty()));
}

}  // namespace userbin::jsonbin
