// What tests/simulation has found, in short.

#include "jsonbin/merge.h"
#include "jsonbin/plan.h"
#include "support/catch.h"
#include "support/plans.h"

namespace userbin::jsonbin {

using namespace test;

namespace {

Json::Value made_in(int minute, Json::Value record) {
  record["created_at"] = at(minute);
  return record;
}

Json::Value without_stamp(Json::Value record) {
  record.removeMember("updated_at");
  return record;
}

}  // namespace

TEST_CASE("when a deleted user is forgotten, his double in the list does not take his place") {
  const Json::Value gone = deletion_of(ada(0), "2025-11-01T00:00:00.000000Z");
  const Plan plan = make_plan({bin("a", {gone, bob(1), ada(0)})},
                              {in_bin("a", bob(1)), in_bin("a", gone)}, {}, kNow);
  REQUIRE(plan.writes.size() == 1);
  CHECK(users_in(plan.writes[0]) == std::vector<std::string>{"bob"});
  CHECK(text(plan.writes[0].document).find("ada") == std::string::npos);
}

TEST_CASE("a list in which only strangers are left is still believed") {
  const auto shape = GENERATE(as<std::string>{}, "[%]", "{'users':[%]}");
  const Json::Value gone = deletion_of(ada(0), "2025-11-01T00:00:00.000000Z");
  std::string before = shape;
  before.replace(before.find('%'), 1, text(gone) + ",7");
  const Plan plan =
      make_plan({{.id = "a", .document = document(before)}}, {in_bin("a", gone)}, {}, kNow);
  REQUIRE(plan.writes.size() == 1);
  const auto after = BinDocument::parse(plan.writes[0].document);
  REQUIRE(std::holds_alternative<BinDocument>(after));
  CHECK(std::get<BinDocument>(after).holds({}));
}

TEST_CASE("who loses his name to users in several bins is set aside, and so are they") {
  const Json::Value first = ada(1);
  const Json::Value second = made_in(5, ada(5));
  const Json::Value ours = made_in(3, ada(3));
  const Plan plan = make_plan({bin("a", {first}), bin("b", {second})}, {newcomer(ours)}, {}, kNow);
  Records aside;
  for (const store::SyncChange& change : plan.changes) {
    if (change.set_aside) aside.push_back(*change.set_aside);
  }
  CHECK(aside == Records{ours, second});
}

TEST_CASE("an edit without a stamp is made on today's user, not on who had the name before") {
  const Json::Value before = made_in(5, ada(5));
  const Json::Value today = ada(1);
  const KnownUser known{
      .local = today, .versions = {before, today}, .common = at(1), .written = at(5)};
  Json::Value edited = without_stamp(today);
  edited["note"] = "by hand";
  const Joined joined = join_element(edited, known, kNow);
  CHECK(joined.verdict == Verdict::kEditedByHand);
  CHECK((*joined.record)["note"] == "by hand");
}

TEST_CASE("an element without a stamp, of a deleted user, changes nothing of his successor") {
  const Json::Value gone = deletion_of(ada(0), at(5));
  const Json::Value today = store::successor_of(gone, made_in(7, ada(7)));
  const KnownUser known{.local = today, .versions = {ada(0), gone, today}, .common = at(5)};
  Json::Value old = without_stamp(ada(0));
  old["password"] = "$another";
  const Joined joined = join_element(old, known, kNow);
  CHECK(joined.verdict == Verdict::kStaysDeleted);
  CHECK_FALSE(joined.changed);
}

TEST_CASE("a late stamp of who had the name before is no common version of today's user") {
  const Json::Value gone = deletion_of(ada(0), at(30));  // by a clock that was fast
  const Json::Value today = store::successor_of(gone, made_in(7, ada(7)));
  KnownUser known{.local = today, .versions = {gone, today}, .common = at(30)};
  known.common = join_element(today, known, kNow).common;
  CHECK(known.common == at(7));

  SECTION("so changes made at once on two servers are both kept") {
    Json::Value ours = today;
    ours["role"] = "admin";
    ours["updated_at"] = at(8);
    Json::Value theirs = today;
    theirs["password"] = "$new";
    theirs["updated_at"] = at(9);
    known.local = ours;
    const Joined joined = join_element(theirs, known, kNow);
    CHECK((*joined.record)["role"] == "admin");
    CHECK((*joined.record)["password"] == "$new");
  }
}

}  // namespace userbin::jsonbin
