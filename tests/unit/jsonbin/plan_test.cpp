// Where users live, who finds room, and what is written.
#include "jsonbin/plan.h"

#include "support/catch.h"
#include "support/plans.h"

namespace userbin::jsonbin {

namespace {

using namespace test;
using Catch::Generators::table;
using Keys = std::vector<std::string>;

}  // namespace

TEST_CASE("a bin that holds what the store has needs nothing") {
  const Plan plan = make_plan({bin("a", {ada(1)})}, {in_bin("a", ada(1))}, {}, kNow);
  CHECK(plan.changes.empty());
  CHECK(plan.writes.empty());
  CHECK(plan.no_room.empty());
  CHECK(plan.findings.empty());
}

TEST_CASE("a user lives where he was found, in the first bin if there are several") {
  const auto [known_home, first, second, home] =
      GENERATE(table<std::string, bool, bool, std::string>({
          {"", true, false, "a"},
          {"", false, true, "b"},
          {"", true, true, "a"},
          {"a", true, false, "a"},
          {"a", false, true, "b"},
          {"b", true, false, "a"},
          {"b", true, true, "a"},
          {"gone", false, true, "b"},
      }));
  CAPTURE(known_home, first, second);
  const std::vector<BinCopy> bins = {bin("a", first ? Records{ada(1), eve(1)} : Records{eve(1)}),
                                     bin("b", second ? Records{ada(1), bob(1)} : Records{bob(1)})};
  const Plan plan = make_plan(
      bins, {in_bin(known_home, ada(1)), in_bin("b", bob(1)), in_bin("a", eve(1))}, {}, kNow);
  CHECK(home_of("ada", plan, known_home) == home);

  // He is taken out of the other.
  if (first && second) {
    REQUIRE(plan.writes.size() == 1);
    CHECK(plan.writes[0].bin == "b");
    CHECK(users_in(plan.writes[0]) == Keys{"bob"});
  } else {
    CHECK(plan.writes.empty());
  }
}

TEST_CASE("a user stays in a bin that was not read, if it comes before the one that holds him") {
  const auto [bins, home] = GENERATE(table<std::vector<BinCopy>, std::string>({
      {{unread("a"), bin("b", {ada(1)})}, "a"},
      {{bin("b", {ada(1)}), unread("a")}, "b"},
  }));
  const Plan plan = make_plan(bins, {in_bin("a", ada(1))}, {}, kNow);
  CHECK(home_of("ada", plan, "a") == home);
}

TEST_CASE("nothing is written to a bin that was not read, and nobody moves from there") {
  const Plan plan = make_plan({unread("a"), bin("b", {bob(1)})},
                              {in_bin("a", ada(2), 2, 1), in_bin("b", bob(1))}, {}, kNow);
  CHECK(plan.writes.empty());
  CHECK(plan.changes.empty());
}

TEST_CASE("a new user goes to the last bin") {
  const Plan plan = make_plan({bin("a", {ada(1)}), bin("b", {bob(1)})},
                              {in_bin("a", ada(1)), in_bin("b", bob(1)), newcomer(eve(3))},
                              {.may_create = GENERATE(false, true)}, kNow);
  REQUIRE(plan.writes.size() == 1);
  CHECK(plan.writes[0].bin == "b");
  CHECK(users_in(plan.writes[0]) == Keys{"bob", "eve"});
  CHECK(home_of("eve", plan) == "b");
  CHECK(plan.no_room.empty());
}

TEST_CASE("who lived in a bin that is gone is placed anew, and his change is known to be missing") {
  const Plan plan =
      make_plan({bin("b", {bob(1)})}, {in_bin("gone", ada(1)), in_bin("b", bob(1))}, {}, kNow);
  REQUIRE(plan.writes.size() == 1);
  CHECK(users_in(plan.writes[0]) == Keys{"bob", "ada"});
  CHECK(arrival_of("ada", plan.writes[0])->notes->bin == "b");
}

TEST_CASE("a little of a bin's room is kept for changes to those who are there") {
  const auto [max_bytes, limit] = GENERATE(table<std::size_t, std::size_t>({
      {100'000, 98'000},
      {1'000'000, 980'000},
      {49, 49},
      {0, 0},
  }));
  CHECK(room_limit(max_bytes) == limit);
}

TEST_CASE("a record's bytes are those on the wire, with the comma") {
  CHECK(wire_bytes(json("{'username': 'J\u00F6rg', 'n': [1, 2]}")) ==
        std::string("{\"n\":[1,2],\"username\":\"J\u00F6rg\"},").size());
}

TEST_CASE("a bin takes users up to its limit, to the byte") {
  // Two records of one size.
  const std::size_t both = wire_bytes(ada(1)) + wire_bytes(eve(1)) + 1;  // with the brackets
  std::size_t max_bytes = both;
  while (room_limit(max_bytes) < both + 1) ++max_bytes;
  const auto [less, has_room] = GENERATE(table<std::size_t, bool>({{0, true}, {4, false}}));
  const Plan plan = make_plan({bin("a", {ada(1)})}, {in_bin("a", ada(1)), newcomer(eve(1))},
                              {.max_bytes = max_bytes - less}, kNow);
  CHECK(plan.no_room == (has_room ? Keys{} : Keys{"eve"}));
  CHECK(plan.writes.size() == (has_room ? 1 : 0));
  if (has_room) CHECK(base::to_json(plan.writes[0].document).size() == both);
}

TEST_CASE("who finds no room in a single bin is named, and keeps waiting") {
  const Plan plan = make_plan({bin("a", {ada(1)})},
                              {in_bin("a", ada(2), 2, 1), newcomer(bob(1)), newcomer(eve(1))},
                              {.max_bytes = 10}, kNow);
  CHECK(plan.no_room == Keys{"bob", "eve"});
  CHECK_FALSE(change_of("eve", plan));
  // Who is there already may grow.
  REQUIRE(plan.writes.size() == 1);
  CHECK(users_in(plan.writes[0]) == Keys{"ada"});
}

TEST_CASE("who finds no room in a collection gets new bins, filled one after the other") {
  const std::size_t each = wire_bytes(eve(1));
  const Plan plan = make_plan({bin("a", {ada(1)})},
                              {in_bin("a", ada(1)), newcomer(eve(1)), newcomer(eve(1, "fay")),
                               newcomer(eve(1, "gil")), newcomer(eve(1, "hal"))},
                              {.max_bytes = 2 * each + each / 2, .may_create = true}, kNow);
  CHECK(plan.no_room.empty());
  REQUIRE(plan.writes.size() == 3);
  // In the order that makes the least new bins: the last one is filled first.
  Keys placed;
  for (const BinWrite& write : plan.writes) {
    const Keys users = users_in(write);
    placed.insert(placed.end(), users.begin(), users.end());
    CHECK(base::to_json(write.document).size() <= 2 * each + each / 2);
    if (!write.bin.empty()) CHECK(users == Keys{"ada", "eve"});
  }
  std::sort(placed.begin(), placed.end());
  CHECK(placed == Keys{"ada", "eve", "fay", "gil", "hal"});
}

TEST_CASE("a user who is too big for any bin gets one of his own") {
  const Plan plan = make_plan({}, {newcomer(ada(1)), newcomer(bob(1))},
                              {.max_bytes = 5, .may_create = true}, kNow);
  REQUIRE(plan.writes.size() == 2);
  CHECK(users_in(plan.writes[0]) == Keys{"ada"});
  CHECK(users_in(plan.writes[1]) == Keys{"bob"});
}

TEST_CASE("no bin is made for a newcomer while nobody knows whether the last one has room") {
  const Plan plan =
      make_plan({bin("a", {ada(1)}), unread("b")}, {in_bin("a", ada(1)), newcomer(eve(1))},
                {.may_create = GENERATE(false, true)}, kNow);
  CHECK(plan.writes.empty());
  CHECK(plan.no_room.empty());
  CHECK_FALSE(change_of("eve", plan));
}

TEST_CASE("a first list of a collection makes one bin") {
  const Plan plan = make_plan({}, {newcomer(ada(1)), newcomer(bob(1))}, {.may_create = true}, kNow);
  REQUIRE(plan.writes.size() == 1);
  CHECK(plan.writes[0].bin.empty());
  CHECK(users_in(plan.writes[0]) == Keys{"ada", "bob"});
  CHECK(plan.writes[0].on_arrival.size() == 2);
}

TEST_CASE("a list keeps its order, new users come behind, and what is no user stays") {
  const BinCopy copy{.id = "a",
                     .document = document("[" + text(eve(1)) + ",7," + text(ada(1)) + ",{}]")};
  const Plan plan =
      make_plan({copy}, {in_bin("a", ada(1)), in_bin("a", eve(1)), newcomer(bob(1))}, {}, kNow);
  REQUIRE(plan.writes.size() == 1);
  CHECK(text(plan.writes[0].document) ==
        "[" + text(eve(1)) + ",7," + text(ada(1)) + ",{}," + text(bob(1)) + "]");
  REQUIRE(plan.findings.size() == 1);
  CHECK(plan.findings[0].bin == "a");
  CHECK(sentence_for(plan.findings[0]) == "bin a, element 1: no user; it stays as it is");
}

TEST_CASE("a bin with a password in plain text is written in any case") {
  BinCopy copy = bin("a", {ada(1)});
  copy.must_write = true;
  const Plan plan = make_plan({copy}, {in_bin("a", ada(1), 2, 1)}, {}, kNow);
  REQUIRE(plan.writes.size() == 1);
  CHECK(users_in(plan.writes[0]) == Keys{"ada"});
  // What was read is not what the bin holds: it has not arrived before it is written.
  CHECK_FALSE(change_of("ada", plan)->in_bin);
  CHECK(arrival_of("ada", plan.writes[0])->in_bin == 2);
}

TEST_CASE("an emptied bin gets its users back") {
  const auto before = GENERATE(as<std::string>{}, "[]", "[{}]", "{'users':[]}");
  const Plan plan = make_plan({{.id = "a", .document = document(before)}},
                              {in_bin("a", ada(1)), in_bin("a", bob(1))}, {}, kNow);
  REQUIRE(plan.writes.size() == 1);
  CHECK(users_in(plan.writes[0]) == Keys{"ada", "bob"});
}

TEST_CASE("an empty store writes nothing to an empty bin") {
  const auto before = GENERATE(as<std::string>{}, "[]", "[{}]", "{'users':[]}", "{'users':[{}]}");
  const Plan plan = make_plan({{.id = "a", .document = document(before)}}, {}, {}, kNow);
  CHECK(plan.writes.empty());
  CHECK(plan.changes.empty());
}

}  // namespace userbin::jsonbin
