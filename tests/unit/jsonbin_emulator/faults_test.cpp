#include "support/jsonbin_emulator/faults.h"

#include "support/catch.h"
#include "support/jsonbin_emulator/json_input.h"

using namespace userbin::emulator;

namespace {

const Target kRead{.verb = Verb::kRead, .id = "a", .detail = "latest"};
const Target kUpdate{.verb = Verb::kUpdate, .id = "a", .detail = ""};
const Target kOther{.verb = Verb::kUpdate, .id = "b", .detail = ""};

void add(Faults& faults, const char* json) {
  faults.add(parse_json(json).value());
}

/// Which of `count` requests are hit: "x" or ".".
std::string hits(Faults& faults, const Target& target, int count) {
  std::string pattern;
  for (int i = 0; i < count; ++i) pattern += faults.take(target).rule ? 'x' : '.';
  return pattern;
}

}  // namespace

TEST_CASE("a rule passes over some requests and then hits as often as it says", "[emulator]") {
  const auto [json, pattern] = GENERATE(table<const char*, const char*>({
      {R"({"fault": "cut"})", "xxxxx"},
      {R"({"fault": "cut", "times": 1})", "x...."},
      {R"({"fault": "cut", "times": 2, "after": 1})", ".xx.."},
      {R"({"fault": "cut", "after": 3})", "...xx"},
      {R"([{"fault": "cut", "times": 1, "after": 2}, {"fault": "cut", "times": 1}])", "x.x.."},
      {R"([{"fault": "cut", "times": 1}, {"fault": "huge", "times": 1}])", "xx..."},
  }));
  CAPTURE(json);
  Faults faults;
  add(faults, json);
  CHECK(hits(faults, kRead, 5) == pattern);
}

TEST_CASE("a rule hits its own verb and bin", "[emulator]") {
  const auto [json, read, update, other] =
      GENERATE(table<const char*, const char*, const char*, const char*>({
          {R"({"fault": "cut", "verb": "any"})", "x", "x", "x"},
          {R"({"fault": "cut", "verb": "read"})", "x", ".", "."},
          {R"({"fault": "cut", "verb": "update"})", ".", "x", "x"},
          {R"({"fault": "cut", "bin": "a"})", "x", "x", "."},
          {R"({"fault": "cut", "verb": "update", "bin": "b"})", ".", ".", "x"},
          {R"({"fault": "late_write"})", ".", "x", "x"},
          {R"({"fault": "stale_read"})", "x", ".", "."},
      }));
  CAPTURE(json);
  Faults faults;
  add(faults, json);
  CHECK(hits(faults, kRead, 1) == read);
  CHECK(hits(faults, kUpdate, 1) == update);
  CHECK(hits(faults, kOther, 1) == other);
}

TEST_CASE("latency adds up, and another fault may come on top", "[emulator]") {
  Faults faults;
  add(faults, R"([{"fault": "latency", "ms": 5, "times": 1}, {"fault": "latency", "ms": 70},
                  {"fault": "too_fast"}])");
  const Hit first = faults.take(kRead);
  CHECK(first.latency_ms == 75);
  REQUIRE(first.rule);
  CHECK(first.rule->fault == Fault::kTooFast);
  CHECK(faults.take(kRead).latency_ms == 70);
}

TEST_CASE("rules that have hit all of their times, or are cleared, are gone", "[emulator]") {
  Faults faults;
  add(faults, R"([{"fault": "cut", "times": 1}, {"fault": "huge", "verb": "read"}])");
  CHECK(faults.list().size() == 2);
  faults.take(kRead);
  REQUIRE(faults.list().size() == 1);
  CHECK(faults.list()[0]["fault"] == "huge");
  CHECK(faults.list()[0]["verb"] == "read");
  faults.clear();
  CHECK(faults.list().empty());
}

TEST_CASE("a mistake in a rule is refused, and none of its array is added", "[emulator]") {
  const auto json = GENERATE(values<const char*>({
      R"({})",
      R"([{"fault": "cut"}, {"fault": "cutt"}])",
      R"({"fault": "cut", "verb": "write"})",
      R"({"fault": "cut", "times": -1})",
      R"({"fault": "cut", "times": "1"})",
      R"({"fault": "cut", "time": 1})",
      R"({"fault": "body", "status": 100})",
      R"({"fault": "huge", "bytes": 3})",
      R"({"fault": "slow_body", "bytes_per_second": 0})",
      R"([1])",
  }));
  CAPTURE(json);
  Faults faults;
  CHECK_THROWS_AS(add(faults, json), BadInput);
  CHECK(faults.list().empty());
}
