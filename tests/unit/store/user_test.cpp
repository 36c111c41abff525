#include "store/user.h"

#include <memory>

#include <json/reader.h>

#include "support/catch.h"

namespace userbin::store {

namespace {

constexpr base::WallTime kNow{std::chrono::seconds{1'795'455'000}};

Json::Value parse(const std::string& text) {
  const std::unique_ptr<Json::CharReader> reader(Json::CharReaderBuilder().newCharReader());
  Json::Value value;
  REQUIRE(reader->parse(text.data(), text.data() + text.size(), &value, nullptr));
  return value;
}

/// A record with `members` besides the two that it must have.
User user_with(const std::string& members) {
  return User(parse(R"({"username": "Ada", "password": "!")" + members + "}"));
}

}  // namespace

TEST_CASE("a new user has the name as typed, the role user, and both times at now") {
  const User user("Ada.Lovelace", "$argon2id$...", kNow);
  CHECK(user.username() == "Ada.Lovelace");
  CHECK(user.key() == "ada.lovelace");
  CHECK(user.password_hash() == "$argon2id$...");
  CHECK(user.role() == "user");
  CHECK_FALSE(user.disabled());
  CHECK(user.created_at() == "2026-11-23T17:30:00.000000Z");
  CHECK(user.record()["updated_at"] == "2026-11-23T17:30:00.000000Z");
}

TEST_CASE("a user's key is the name with its ASCII letters in lower case") {
  const auto [name, key] = GENERATE(Catch::Generators::table<std::string, std::string>({
      {"ada", "ada"},
      {"ADA", "ada"},
      {"a.Z_0@X+-", "a.z_0@x+-"},
      {"\u00C4da", "\u00C4da"},  // beyond ASCII nothing is changed
  }));
  CHECK(user_key(name) == key);
}

TEST_CASE("a record that is no user's is refused") {
  const auto text =
      GENERATE(as<std::string>{}, "[]", "null", "\"Ada\"", "7", "{}", R"({"username": "Ada"})",
               R"({"password": "!"})", R"({"username": "", "password": "!"})",
               R"({"username": 7, "password": "!"})", R"({"username": "Ada", "password": null})",
               R"({"username": ["Ada"], "password": "!"})");
  CAPTURE(text);
  CHECK_THROWS_AS(User(parse(text)), std::invalid_argument);
}

TEST_CASE("fields that we do not know survive every change") {
  const std::string text = R"({"username": "Ada", "password": "old", "note": {"a": [1, null]},)"
                           R"( "email": "ada@example.org", "disabled": false, "n": 1.5})";
  User user(parse(text));
  user.set_password_hash("new");
  user.touch(kNow);
  Json::Value expected = parse(text);
  expected["password"] = "new";
  expected["updated_at"] = "2026-11-23T17:30:00.000000Z";
  CHECK(user.record() == expected);
}

TEST_CASE("what a record does not say, or says oddly, has a safe meaning") {
  SECTION("no role is the role user, and so is one that is no text") {
    const auto members = GENERATE(as<std::string>{}, "", R"(, "role": null)",
                                  R"(, "role": ["admin"])", R"(, "role": true)");
    CHECK(user_with(members).role() == "user");
  }
  SECTION("a time of creation that is no text is none") {
    const auto members = GENERATE(as<std::string>{}, "", R"(, "created_at": 1795455000)");
    CHECK(user_with(members).created_at().empty());
  }
}

TEST_CASE("a user is disabled unless the record says clearly that he is not") {
  const auto [members, disabled] = GENERATE(Catch::Generators::table<std::string, bool>({
      {"", false},
      {R"(, "disabled": false)", false},
      {R"(, "disabled": null)", false},
      {R"(, "disabled": true)", true},
      {R"(, "disabled": 1)", true},
      {R"(, "disabled": 0)", true},
      {R"(, "disabled": "")", true},
      {R"(, "disabled": "false")", true},
      {R"(, "disabled": {})", true},
  }));
  CAPTURE(members);
  CHECK(user_with(members).disabled() == disabled);
}

TEST_CASE("who is disabled and bears the mark waits for an admin") {
  const auto [members, waiting] = GENERATE(Catch::Generators::table<std::string, bool>({
      {R"(, "disabled": true, "waiting": true)", true},
      {R"(, "disabled": 1, "waiting": true)", true},
      {R"(, "disabled": true)", false},
      {R"(, "disabled": true, "waiting": false)", false},
      {R"(, "disabled": true, "waiting": "true")", false},
      {R"(, "disabled": true, "waiting": 1)", false},
      {R"(, "disabled": false, "waiting": true)", false},
      {R"(, "waiting": true)", false},
      {R"(, "role": "deleted", "disabled": true, "waiting": true)", false},
  }));
  CAPTURE(members);
  CHECK(user_with(members).waiting() == waiting);
}

TEST_CASE("who is enabled or disabled waits no longer") {
  User user("Ada", "!", kNow);
  const Json::Value before = user.record();
  CHECK_FALSE(user.waiting());
  user.become_waiting();
  CHECK(user.waiting());
  CHECK(user.disabled());
  const bool disabled = GENERATE(false, true);
  user.set_disabled(disabled);
  CHECK_FALSE(user.waiting());
  CHECK(user.disabled() == disabled);
  user.set_disabled(false);
  CHECK(user.record() == before);
}

TEST_CASE("the stamp of a change is now, and later than the one before in any case") {
  const auto [before, after] = GENERATE(Catch::Generators::table<std::string, std::string>({
      {R"("2026-11-23T17:29:59Z")", "2026-11-23T17:30:00.000000Z"},
      {R"("2026-11-23T17:30:00.000000Z")", "2026-11-23T17:30:00.001000Z"},
      {R"("2026-11-23T18:00:00.999999Z")", "2026-11-23T18:00:01.000000Z"},
      {R"("2026-11-23T19:30:00+01:00")", "2026-11-23T18:30:00.001000Z"},
      {R"("yesterday")", "2026-11-23T17:30:00.000000Z"},
      {"17", "2026-11-23T17:30:00.000000Z"},
      {"null", "2026-11-23T17:30:00.000000Z"},
  }));
  CAPTURE(before);
  User user = user_with(R"(, "updated_at": )" + before);
  user.touch(kNow);
  CHECK(user.record()["updated_at"] == after);
}

TEST_CASE("stamps increase strictly, also when the clock goes back") {
  User user("Ada", "!", kNow);
  std::string last = user.record()["updated_at"].asString();
  for (const int step : {0, 0, -3600, -1, 5, -86400, 0}) {
    user.touch(kNow + std::chrono::seconds{step});
    const std::string stamp = user.record()["updated_at"].asString();
    CHECK(stamp > last);  // one format, so the order of texts is that of times
    last = stamp;
  }
}

TEST_CASE("of a deleted user his name, his times and which of his name he was remain") {
  User user = user_with(R"(, "role": "admin", "disabled": true, "email": "ada@example.org",
      "created_at": "2025-01-01T00:00:00Z", "updated_at": "2027-01-01T00:00:00Z",
      "incarnation": 2)");
  user.become_deleted(kNow);
  CHECK(user.deleted());
  CHECK(user.record() == parse(R"({"username": "Ada", "password": "!", "role": "deleted",
      "created_at": "2025-01-01T00:00:00Z", "updated_at": "2027-01-01T00:00:00.001000Z",
      "incarnation": 2})"));
}

TEST_CASE("an active admin has the role admin, and is neither disabled nor deleted") {
  const auto [members, is_one] = GENERATE(Catch::Generators::table<std::string, bool>({
      {R"(, "role": "admin")", true},
      {R"(, "role": "admin", "disabled": false)", true},
      {R"(, "role": "admin", "disabled": true)", false},
      {R"(, "role": "deleted")", false},
      {R"(, "role": "Admin")", false},
      {R"(, "role": ["admin"])", false},
      {"", false},
  }));
  CAPTURE(members);
  CHECK(user_with(members).is_active_admin() == is_one);
}

}  // namespace userbin::store
