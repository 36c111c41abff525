// What the store is told of its users: arrival, versions, sessions, who goes.
#include "jsonbin/plan.h"
#include "support/catch.h"
#include "support/plans.h"

namespace userbin::jsonbin {

namespace {

using namespace test;
using Catch::Generators::table;

store::SyncedUser with_versions(store::SyncedUser user, const Records& versions) {
  user.notes.versions = versions;
  return user;
}

/// A deletion of ada as of `minute`.
Json::Value gone(int minute) {
  return deletion_of(ada(0), at(minute));
}

const base::WallTime kLater = kNow + kDeletionKept;

}  // namespace

TEST_CASE("a change that a bin holds already has arrived, and is not written") {
  const Plan plan = make_plan({bin("a", {ada(5)})},
                              {with_versions(in_bin("a", ada(5), 3, 2), {ada(5)})}, {}, kNow);
  CHECK(plan.writes.empty());
  REQUIRE(change_of("ada", plan));
  CHECK(change_of("ada", plan)->in_bin == 3);
  CHECK_FALSE(change_of("ada", plan)->record);
}

TEST_CASE("a change that a bin does not hold has arrived when it is written") {
  const Plan plan = make_plan(
      {bin("a", {ada(1), bob(1)})},
      {with_versions(in_bin("a", ada(5, "'n':1"), 3, 2), {ada(1)}), in_bin("a", bob(1))}, {}, kNow);
  REQUIRE(plan.writes.size() == 1);
  REQUIRE(plan.writes[0].on_arrival.size() == 1);
  const auto* arrival = arrival_of("ada", plan.writes[0]);
  CHECK(arrival->in_bin == 3);
  CHECK_FALSE(arrival->record);
  CHECK(arrival->notes->written == at(5));
  CHECK_FALSE(change_of("ada", plan)->in_bin);
}

TEST_CASE(
    "what is written is a version known before it is sent, so that a lost answer is no loss") {
  const Plan plan =
      make_plan({bin("a", {ada(1)})}, {with_versions(in_bin("a", ada(5, "'n':1"), 3, 2), {ada(1)})},
                {}, kNow);
  REQUIRE(change_of("ada", plan));
  REQUIRE(change_of("ada", plan)->notes);
  CHECK(change_of("ada", plan)->notes->versions == Records{ada(1), ada(5, "'n':1")});
  // But not yet that it was written.
  CHECK(change_of("ada", plan)->notes->written == at(5));
  const Plan unwritten = make_plan({bin("a", {})}, {newcomer(ada(5))}, {}, kNow);
  CHECK(change_of("ada", unwritten)->notes->written.empty());
  CHECK(arrival_of("ada", unwritten.writes[0])->notes->written == at(5));
}

TEST_CASE("what was written is common only if nobody else writes, or it was merged") {
  const auto [exclusive, is_merged, common] = GENERATE(table<bool, bool, int>({
      {false, false, 1},
      {true, false, 5},
      {false, true, 5},
      {true, true, 5},
  }));
  CAPTURE(exclusive, is_merged);
  store::SyncedUser user = with_versions(in_bin("a", ada(5, "'n':1"), 2, 1), {ada(1)});
  user.notes.common = at(1);
  user.notes.written = at(1);
  if (is_merged) user.notes.merged = at(5);
  const Plan plan = make_plan({bin("a", {ada(1)})}, {user}, {.exclusive = exclusive}, kNow);
  REQUIRE(plan.writes.size() == 1);
  CHECK(arrival_of("ada", plan.writes[0])->notes->common == at(common));
}

TEST_CASE("a version of two servers is noted as merged, and common once it is written") {
  store::SyncedUser user = with_versions(in_bin("a", ada(5, "'x':1"), 2, 1), {ada(1)});
  user.notes.common = user.notes.written = at(1);
  const Plan plan = make_plan({bin("a", {ada(6, "'y':1")})}, {user}, {}, kNow);
  const auto* change = change_of("ada", plan);
  REQUIRE(change);
  REQUIRE(change->record);
  CHECK((*change->record)["x"] == 1);
  CHECK((*change->record)["y"] == 1);
  const std::string stamp = (*change->record)["updated_at"].asString();
  CHECK(change->revision == 2);
  CHECK(change->notes->merged == stamp);
  CHECK(change->notes->common == at(6));
  REQUIRE(plan.writes.size() == 1);
  CHECK(arrival_of("ada", plan.writes[0])->in_bin == 3);
  CHECK(arrival_of("ada", plan.writes[0])->notes->common == stamp);
}

TEST_CASE("old versions are forgotten, but none later than the common one") {
  const auto [known, common, kept] = GENERATE(table<int, int, int>({
      {7, 20, 8},
      {8, 20, 8},
      {15, 20, 8},
      {15, 3, 14},
      {15, 10, 8},
      {15, 0, 16},
  }));
  CAPTURE(known, common);
  Records versions;
  for (int minute = 1; minute <= known; ++minute) versions.push_back(ada(minute));
  store::SyncedUser user = with_versions(in_bin("a", ada(30), 2, 1), versions);
  user.notes.common = common == 0 ? "" : at(common);
  const Plan plan = make_plan({bin("a", {})}, {user}, {}, kNow);
  REQUIRE(change_of("ada", plan));
  const Records left = change_of("ada", plan)->notes->versions;
  CHECK(left.size() == static_cast<std::size_t>(kept));
  CHECK(left.back() == ada(30));
  CHECK(left.front() == ada(known + 2 - kept));
}

TEST_CASE("a user whom the bin brings is inserted with what is known of him") {
  const Plan plan = make_plan({bin("a", {ada(3)})}, {}, {}, kNow);
  CHECK(plan.writes.empty());
  REQUIRE(plan.changes.size() == 1);
  const store::SyncChange& change = plan.changes[0];
  CHECK(change.revision == 0);
  CHECK(change.record == ada(3));
  CHECK(change.in_bin == 1);
  CHECK(change.notes->bin == "a");
  CHECK(change.notes->common == at(3));
  CHECK(change.notes->versions == Records{ada(3)});
  CHECK_FALSE(change.ends_sessions);
}

TEST_CASE("sessions end when the bin disables or deletes a user or changes his password") {
  const auto [edit, ends] = GENERATE(table<std::string, bool>({
      {"'role':'admin'", false},
      {"'mail':'x'", false},
      {"'disabled':false", false},
      {"'disabled':true", true},
      {"'disabled':'yes'", true},
      {"'password':'$other'", true},
      {"'role':'deleted'", true},
  }));
  CAPTURE(edit);
  const bool by_hand = GENERATE(true, false);
  const Plan plan = make_plan({bin("a", {ada(by_hand ? 1 : 9, edit)})},
                              {with_versions(in_bin("a", ada(1)), {ada(1)})}, {}, kNow);
  REQUIRE(change_of("ada", plan));
  CHECK(change_of("ada", plan)->record);
  CHECK(change_of("ada", plan)->ends_sessions == ends);
}

TEST_CASE("a deletion that is over goes from the store and from the bin") {
  const auto [now, is_over] =
      GENERATE(table<base::WallTime, bool>({{kNow, false}, {kLater, true}}));
  const Plan plan = make_plan({bin("a", {gone(1), bob(1)})},
                              {in_bin("a", gone(1), 4, 4), in_bin("a", bob(1))}, {}, now);
  if (!is_over) {
    CHECK(plan.changes.empty());
    CHECK(plan.writes.empty());
    return;
  }
  REQUIRE(change_of("ada", plan));
  CHECK(change_of("ada", plan)->remove);
  CHECK(change_of("ada", plan)->revision == 4);
  REQUIRE(plan.writes.size() == 1);
  CHECK(users_in(plan.writes[0]) == std::vector<std::string>{"bob"});
  CHECK(plan.writes[0].on_arrival.empty());
}

TEST_CASE("a deletion that is over and nowhere but in the bin only leaves that") {
  const Plan plan = make_plan({bin("a", {gone(1)})}, {}, {}, kLater);
  CHECK(plan.changes.empty());
  REQUIRE(plan.writes.size() == 1);
  CHECK(text(plan.writes[0].document) == "[{}]");
}

TEST_CASE("a deletion that is over is no reason to make a bin") {
  const Plan plan = make_plan({}, {newcomer(gone(1))}, {.may_create = true}, kLater);
  CHECK(plan.writes.empty());
  CHECK(change_of("ada", plan)->remove);
}

TEST_CASE("of two users made under one name the other is set aside and reported") {
  Json::Value other = ada(9, "'who':2");
  other["created_at"] = at(8);
  const bool is_ours_first = GENERATE(true, false);
  const Json::Value ours = is_ours_first ? ada(5) : other;
  const Json::Value theirs = is_ours_first ? other : ada(5);
  const Plan plan = make_plan({bin("a", {theirs})}, {newcomer(ours)}, {}, kNow);
  const auto* change = change_of("ada", plan);
  REQUIRE(change);
  CHECK(change->set_aside == other);
  CHECK(change->record.has_value() == !is_ours_first);
  CHECK(plan.writes.size() == (is_ours_first ? 1 : 0));
  REQUIRE(plan.findings.size() == 1);
  CHECK(sentence_for(plan.findings[0]).find("another user named ada") != std::string::npos);
}

TEST_CASE("each finding is a sentence with its place") {
  const auto [kind, words] = GENERATE(table<Finding::Kind, std::string>({
      {Finding::Kind::kForeignElement, "no user; it stays as it is"},
      {Finding::Kind::kDuplicateName, "a second user named a\\x0ab; it stays"},
      {Finding::Kind::kNameClash, "another user named a\\x0ab; the one made first keeps"},
      {Finding::Kind::kStaysDeleted, "a\\x0ab was deleted and stays so"},
  }));
  const std::string sentence =
      sentence_for({.bin = "b7", .finding = {.kind = kind, .index = 3, .key = "a\nb"}});
  CHECK(sentence.starts_with("bin b7, element 3: "));
  CHECK(sentence.find(words) != std::string::npos);
}

}  // namespace userbin::jsonbin
