#include "jsonbin/merge.h"

#include <string>

#include <json/reader.h>
#include <json/writer.h>

#include "store/user.h"
#include "support/catch.h"

namespace userbin::jsonbin {
namespace {

Json::Value json(std::string text) {
  for (char& c : text) {
    if (c == '\'') c = '"';
  }
  Json::CharReaderBuilder builder;
  builder["strictRoot"] = false;
  Json::Value value;
  std::string error;
  const std::unique_ptr<Json::CharReader> reader(builder.newCharReader());
  if (!reader->parse(text.data(), text.data() + text.size(), &value, &error)) {
    throw std::invalid_argument(error);
  }
  return value;
}

std::string text(const Json::Value& value) {
  Json::StreamWriterBuilder builder;
  builder["indentation"] = "";
  return Json::writeString(builder, value);
}

std::string at(int minute) {
  return "2026-01-01T00:" + std::string(minute < 10 ? "0" : "") + std::to_string(minute) +
         ":00.000000Z";
}

const base::WallTime kNow = *base::parse_rfc3339("2026-01-02T00:00:00Z");

/// A version of bob, made in minute 0, stamped in `minute`; `more` is members.
Json::Value bob(int minute, const std::string& more = "", int created = 0) {
  Json::Value record = json("{" + more + "}");
  record["username"] = "bob";
  if (!record.isMember("password")) record["password"] = "$hash";
  record["created_at"] = at(created);
  record["updated_at"] = at(minute);
  return record;
}

KnownUser knowing(const Json::Value& local, std::vector<Json::Value> versions = {},
                  const std::string& common = "") {
  return {.local = local, .versions = std::move(versions), .common = common};
}

std::string content(const Joined& joined) {
  Json::Value record = joined.record.value();
  for (const char* name : {"username", "password", "created_at", "updated_at"}) {
    record.removeMember(name);
  }
  return text(record);
}

BinDocument parsed(const std::string& document) {
  return std::get<BinDocument>(BinDocument::parse(json(document)));
}

/// The document after joining what the bin holds with nothing known.
std::string rewritten(const std::string& document) {
  return text(parsed(document).with_users(merge(parsed(document), {}, kNow).users));
}

const char* const kAnn = "{'username':'ann','password':'$h','updated_at':'2026-01-01T00:00:00Z'}";

}  // namespace

TEST_CASE("an empty list may look in several ways and is written so that the service takes it") {
  const auto [document, written] = GENERATE(table<std::string, std::string>({
      {"[]", "[{}]"},
      {"[{}]", "[{}]"},
      {"{'users':[]}", "{\"users\":[]}"},
      {"{'users':[{}],'v':1}", "{\"users\":[],\"v\":1}"},
  }));
  CHECK(parsed(document).elements().empty());
  CHECK(rewritten(document) == written);
  CHECK(parsed(document).holds(merge(parsed(document), {}, kNow).users));
}

TEST_CASE("a document that is no user list is refused with a sentence") {
  const auto [document, reason] = GENERATE(table<std::string, std::string>({
      {"null", "neither"},
      {"7", "neither"},
      {"true", "neither"},
      {"'<html>'", "neither"},
      {"{}", "without"},
      {"{'message':'Bad gateway'}", "without"},
      {"{'users':null}", "not an array"},
      {"{'users':{}}", "not an array"},
      {"[1,2]", "nothing is a user"},
      {"[null]", "nothing is a user"},
      {"[[]]", "nothing is a user"},
      {"[{'id':1},{'id':2}]", "nothing is a user"},
      {"{'users':[{'username':'','password':'x'}]}", "nothing is a user"},
  }));
  const auto bin = BinDocument::parse(json(document));
  REQUIRE(std::holds_alternative<Refusal>(bin));
  CHECK(std::get<Refusal>(bin).reason.find(reason) != std::string::npos);
}

TEST_CASE("rule 1: what is no usable user stays in its place and is reported") {
  const std::string document = std::string("[5,") + kAnn +
                               ",{'username':'ANN','password':'x'},{'username':'x'},{},"
                               "{'username':1,'password':'x'},{'username':'x','password':2}]";
  const Merged merged = merge(parsed(document), {}, kNow);
  CHECK(text(parsed(document).with_users(merged.users)) == text(json(document)));
  CHECK(parsed(document).holds(merged.users));
  REQUIRE(merged.findings.size() == 5);
  CHECK(merged.findings[0].kind == Finding::Kind::kForeignElement);
  CHECK(merged.findings[1].kind == Finding::Kind::kDuplicateName);
  CHECK(merged.findings[1].index == 2);
  CHECK(merged.findings[1].key == "ann");
  CHECK(merged.joined.size() == 1);
}

TEST_CASE("rule 1: a name or a stamp with a NUL in it is no user's") {
  const auto [field, value] = GENERATE(Catch::Generators::table<std::string, std::string>({
      {"username", std::string("ann\0x", 5)},
      {"updated_at", std::string("2026-10-11T00:00:00Z\0", 21)},
  }));
  Json::Value document = json(std::string("[") + kAnn + "," + kAnn + "]");
  document[0][field] = value;
  const auto bin = std::get<BinDocument>(BinDocument::parse(document));
  const Merged merged = merge(bin, {}, kNow);
  CHECK(merged.joined.size() == 1);
  REQUIRE(merged.findings.size() == 1);
  CHECK(merged.findings[0].kind == Finding::Kind::kForeignElement);
  CHECK(merged.findings[0].index == 0);
  CHECK(text(bin.with_users(merged.users)) == text(document));
}

TEST_CASE("a list keeps its shape, its order and the fields that userbin doesn't know") {
  std::map<std::string, KnownUser> known;
  known["bob"] = knowing(bob(9, "'x':{'y':[1,2.5]},'role':'admin'"), {bob(3, "'x':{'y':[1,2.5]}")});
  known["abe"] = knowing(json("{'username':'abe','password':'$h'}"));
  const std::string before = text(bob(3, "'x':{'y':[1,2.5]}"));
  const std::string after = text(bob(9, "'x':{'y':[1,2.5]},'role':'admin'"));
  const std::string document = "{'note':'mine','users':[" + before + ",'odd'," + kAnn + "]}";
  const Merged merged = merge(parsed(document), known, kNow);
  CHECK_FALSE(parsed(document).holds(merged.users));
  CHECK(text(parsed(document).with_users(merged.users)) ==
        text(json("{'note':'mine','users':[" + after + ",'odd'," + kAnn +
                  ",{'username':'abe','password':'$h'}]}")));
}

TEST_CASE("rule 2: an element that is today's record, or an old version of it, changes nothing") {
  const KnownUser known = knowing(bob(5, "'role':'admin'"), {bob(1), bob(3, "'n':1")}, at(1));
  const Joined current = join_element(bob(5, "'role':'admin'"), known, kNow);
  CHECK(current.verdict == Verdict::kSame);
  CHECK(current.common == at(5));
  const Joined old = join_element(bob(3, "'n':1"), known, kNow);
  CHECK(old.verdict == Verdict::kKnownVersion);
  CHECK_FALSE(old.changed);
  CHECK(old.common == at(3));
  CHECK(text(*old.record) == text(bob(5, "'role':'admin'")));
}

TEST_CASE("rule 3: a hand edit on an old version is made on top of today's record") {
  const KnownUser known =
      knowing(bob(9, "'a':2,'b':1,'c':5"), {bob(3, "'a':1,'b':1,'gone':1,'c':1")}, at(9));
  const Joined joined = join_element(bob(3, "'a':1,'b':7,'c':6"), known, kNow);
  CHECK(joined.verdict == Verdict::kEditedByHand);
  CHECK(joined.changed);
  CHECK_FALSE(joined.merged);
  CHECK(content(joined) == "{\"a\":2,\"b\":7,\"c\":6}");
  CHECK(stamp_of(*joined.record).time == kNow);
  REQUIRE(joined.seen);

  SECTION("and is not made again when the page comes back") {
    const KnownUser later =
        knowing(bob(9, "'a':2,'b':8"), {known.versions[0], *joined.seen}, at(9));
    CHECK_FALSE(join_element(bob(3, "'a':1,'b':7,'c':6"), later, kNow).changed);
  }
}

TEST_CASE("rule 4: an element without a stamp is a new user, or edited on what was last written") {
  const Json::Value plain = json("{'username':'bob','password':'$hash','role':'user'}");
  const Joined fresh = join_element(plain, {}, kNow);
  CHECK(fresh.verdict == Verdict::kNewUser);
  CHECK(stamp_of(*fresh.record).time == kNow);
  CHECK_FALSE(fresh.record->isMember("created_at"));

  KnownUser known =
      knowing(bob(9, "'role':'user','mail':'new'"), {bob(3, "'role':'x','mail':'o'")});
  known.written = at(3);
  const Joined edited = join_element(
      json("{'username':'bob','password':'$hash','role':'user','mail':'o'}"), known, kNow);
  CHECK(edited.verdict == Verdict::kEditedByHand);
  CHECK(content(edited) == "{\"mail\":\"new\",\"role\":\"user\"}");
  CHECK((*edited.record)["created_at"] == at(0));
  CHECK(join_element(json("{'username':'bob','password':'$hash','updated_at':'yesterday'}"), known,
                     kNow)
            .verdict == Verdict::kEditedByHand);
}

TEST_CASE("rule 4: two servers that adopt one list agree on its users") {
  const Json::Value plain = json("{'username':'bob','password':'$hash'}");
  const Json::Value ours = *join_element(plain, {}, kNow).record;
  const Json::Value theirs = *join_element(plain, {}, kNow + std::chrono::seconds{1}).record;
  const Joined joined = join_element(theirs, knowing(ours, {plain}), kNow);
  CHECK(joined.verdict == Verdict::kFromAnotherServer);
  CHECK(text(*joined.record) == text(theirs));
  CHECK_FALSE(joined.merged);
}

TEST_CASE("rule 5: over a common ancestor another server's version is merged field by field") {
  const Json::Value base = bob(1, "'a':1,'b':1,'c':1,'d':1");
  const auto [ours, theirs, result] = GENERATE_COPY(table<Json::Value, Json::Value, std::string>({
      {bob(5, "'a':2,'b':1,'c':1,'d':1"), bob(6, "'a':1,'b':3,'c':1"), "{\"a\":2,\"b\":3,\"c\":1}"},
      {bob(6, "'a':2,'b':1,'c':1,'d':1"), bob(5, "'a':3,'b':3,'c':1,'d':1"),
       "{\"a\":2,\"b\":3,\"c\":1,\"d\":1}"},
      {bob(5, "'a':2,'b':1,'c':1,'d':1"), bob(6, "'a':3,'b':3,'c':1,'d':1"),
       "{\"a\":3,\"b\":3,\"c\":1,\"d\":1}"},
  }));
  const Joined here = join_element(theirs, knowing(ours, {base}, at(1)), kNow);
  const Joined there = join_element(ours, knowing(theirs, {base}, at(1)), kNow);
  CHECK(here.verdict == Verdict::kFromAnotherServer);
  CHECK(content(here) == result);
  CHECK(content(there) == result);
}

TEST_CASE("rule 5: a change whose PUT was overwritten unread is found again") {
  const Json::Value base = bob(1, "'a':1,'b':1");
  const KnownUser known = knowing(bob(5, "'a':2,'b':1"), {base}, at(1));
  const Joined joined = join_element(bob(6, "'a':1,'b':2"), known, kNow);
  CHECK(joined.merged);
  CHECK(content(joined) == "{\"a\":2,\"b\":2}");
}

TEST_CASE("rule 6: without a common ancestor the later record wins, whole") {
  const Json::Value early = bob(5, "'a':1,'only':1");
  const Json::Value late = bob(6, "'a':2");
  CHECK(text(*join_element(late, knowing(early), kNow).record) == text(late));
  const Joined kept = join_element(early, knowing(late), kNow);
  CHECK_FALSE(kept.changed);
  CHECK(text(*kept.record) == text(late));
}

TEST_CASE("rule 6: an old copy of a version that was never seen here takes nothing back") {
  const KnownUser known = knowing(bob(5, "'a':5"), {}, at(5));
  const Joined joined = join_element(bob(4, "'a':4,'b':4"), known, kNow);
  CHECK_FALSE(joined.changed);
  CHECK(content(joined) == "{\"a\":5}");
}

TEST_CASE("rule 7: of two users made under one name the earlier keeps it") {
  const Json::Value first = bob(1, "'who':1", 1);
  const Json::Value second = bob(9, "'who':2", 2);
  Json::Value owners = bob(9, "'who':0");
  owners.removeMember("created_at");
  const auto [keeps, loses] =
      GENERATE_COPY(table<Json::Value, Json::Value>({{first, second}, {owners, first}}));

  const Joined here = join_element(loses, knowing(keeps), kNow);
  CHECK(here.verdict == Verdict::kNameClash);
  CHECK_FALSE(here.changed);
  CHECK(text(*here.record) == text(keeps));
  CHECK(text(here.set_aside.value()) == text(loses));
  const Joined there = join_element(keeps, knowing(loses), kNow);
  CHECK(there.changed);
  CHECK(text(*there.record) == text(keeps));
  CHECK(text(there.set_aside.value()) == text(loses));

  SECTION("and the other's page, when it comes back, is no ancestor of his versions") {
    const Joined again = join_element(loses, knowing(keeps, {loses}, at(0)), kNow);
    CHECK(again.verdict == Verdict::kKnownVersion);
    CHECK(again.common == at(0));
  }
}

TEST_CASE("rule 7: a time of creation that was edited by hand is put back") {
  const Json::Value local = bob(5, "'a':1");
  const Joined joined = join_element(bob(5, "'a':2", 3), knowing(local), kNow);
  CHECK(joined.verdict == Verdict::kEditedByHand);
  CHECK((*joined.record)["created_at"] == at(0));
  CHECK(content(joined) == "{\"a\":2}");
}

TEST_CASE("rule 8: a user deleted in the dashboard is deleted, and only his name remains") {
  const Joined joined = join_element(
      bob(5, "'role':'deleted','mail':'m'"),
      knowing(bob(9, "'role':'user','mail':'m'"), {bob(5, "'role':'user','mail':'m'")}), kNow);
  CHECK(text(*joined.record) == text(deletion_of(bob(0), base::format_rfc3339(kNow))));
  CHECK((*joined.record)["password"] == "!");
}

TEST_CASE("rule 8: deletion wins over a later change, in whatever order they meet") {
  const Json::Value base = bob(1, "'role':'user'");
  const Json::Value gone = deletion_of(base, at(5));
  const Json::Value edited = bob(6, "'role':'admin'");
  const std::string common = GENERATE(as<std::string>{}, "", at(1));
  const Joined here = join_element(edited, knowing(gone, {base}, common), kNow);
  const Joined there = join_element(gone, knowing(edited, {base}, common), kNow);
  CHECK(here.verdict == Verdict::kStaysDeleted);
  CHECK(store::is_deleted(*here.record));
  CHECK(store::is_deleted(*there.record));
  CHECK(stamp_of(edited) < stamp_of(*here.record));
}

TEST_CASE("rule 8: no hand edit revives a deleted user") {
  const Json::Value gone = deletion_of(bob(0), at(5));
  const auto element = GENERATE_COPY(
      values<Json::Value>({bob(5, "'role':'user'"), json("{'username':'bob','password':'p'}")}));
  const Joined joined = join_element(element, knowing(gone), kNow);
  CHECK(joined.verdict == Verdict::kStaysDeleted);
  CHECK_FALSE(joined.changed);
}

TEST_CASE("rule 9: a deletion is kept for 30 days, then dropped here and from the bin") {
  const Json::Value gone = deletion_of(bob(0), at(0));
  const base::WallTime end = *base::parse_rfc3339("2026-01-31T00:00:00Z");
  const std::map<std::string, KnownUser> known{{"bob", knowing(gone)}};
  const BinDocument bin = parsed("[" + text(gone) + "]");
  CHECK(merge(bin, known, end - std::chrono::seconds{1}).expired.empty());
  const Merged merged = merge(bin, known, end);
  CHECK(merged.expired == std::vector<std::string>{"bob"});
  CHECK(text(bin.with_users(merged.users)) == "[{}]");
  CHECK_FALSE(bin.holds(merged.users));
  CHECK(text(bin.with_users(merge(bin, {}, end).users)) == "[{}]");
  CHECK(text(bin.with_users(merge(bin, {}, kNow).users)) == "[" + text(gone) + "]");

  SECTION("and takes no name from a user who came later") {
    const Joined joined = join_element(gone, knowing(bob(9, "", 8)), end);
    CHECK(joined.verdict == Verdict::kExpired);
    CHECK_FALSE(joined.changed);
  }
  SECTION("but still deletes the same user where he is not known to be deleted") {
    CHECK(store::is_deleted(*join_element(gone, knowing(bob(3)), end).record));
  }
}

TEST_CASE("rule 10: the successor of a deleted user keeps the name against all copies of the old") {
  const Json::Value gone = deletion_of(bob(0), at(5));
  const Json::Value successor = store::successor_of(gone, bob(8, "'who':2", 8));
  CHECK(text(*join_element(successor, knowing(bob(3)), kNow).record) == text(successor));
  CHECK_FALSE(join_element(bob(9), knowing(successor), kNow).changed);
  CHECK_FALSE(join_element(gone, knowing(successor), kNow).changed);
  CHECK(identity_of(store::successor_of(deletion_of(successor, at(9)), bob(9))).incarnation == 2);

  SECTION("also when both chanced to get one stamp") {
    const Joined joined = join_element(successor, knowing(bob(8)), kNow);
    CHECK(text(*joined.record) == text(successor));
  }
  SECTION("and an edit on the old one is not made on him") {
    CHECK_FALSE(join_element(bob(3, "'a':1"), knowing(successor, {bob(3)}), kNow).changed);
  }
}

TEST_CASE("rule 11: a user who is missing from the bin is written again") {
  const std::map<std::string, KnownUser> known{{"bob", knowing(bob(1), {}, at(1))}};
  const BinDocument bin = parsed(std::string("[") + kAnn + "]");
  const Merged merged = merge(bin, known, kNow);
  CHECK_FALSE(bin.holds(merged.users));
  CHECK(text(bin.with_users(merged.users)[1]) == text(bob(1)));
}

TEST_CASE("rule 12: a new stamp is later than both sides, whatever the clock says") {
  const base::WallTime past = *base::parse_rfc3339("2020-01-01T00:00:00Z");
  const KnownUser known = knowing(bob(5, "'a':2,'b':1"), {bob(1, "'a':1,'b':1")}, at(1));
  const Joined joined = join_element(bob(6, "'a':1,'b':2"), known, past);
  CHECK(stamp_of(bob(6)) < stamp_of(*joined.record));
  const Joined edited = join_element(bob(5, "'a':3,'b':1"), known, past);
  CHECK(stamp_of(bob(5)) < stamp_of(*edited.record));
}

TEST_CASE("rule 12: servers that agree take the later stamp and stop writing") {
  const Json::Value base = bob(1);
  const Json::Value early = bob(5, "'a':2");
  const Json::Value late = bob(6, "'a':2");
  const Joined taken = join_element(late, knowing(early, {base}, at(1)), kNow);
  CHECK(text(*taken.record) == text(late));
  CHECK_FALSE(taken.merged);
  CHECK_FALSE(join_element(early, knowing(late, {base}, at(1)), kNow).changed);

  SECTION("but a change that had the earlier stamp is written under a later one") {
    const Joined joined = join_element(early, knowing(bob(6), {base}, at(1)), kNow);
    CHECK(content(joined) == "{\"a\":2}");
    CHECK(stamp_of(late) < stamp_of(*joined.record));
  }
}

TEST_CASE("numbers are compared as JSON, not as C++ has them") {
  Json::Value local = bob(5);
  local["n"] = 1U;
  CHECK(join_element(bob(5, "'n':1"), knowing(local), kNow).verdict == Verdict::kSame);
}

}  // namespace userbin::jsonbin
