#include "app/user_import.h"

#include <stdexcept>

#include "base/json.h"
#include "support/catch.h"

namespace userbin::app {

namespace {

constexpr base::WallTime kNow{std::chrono::seconds{1'795'455'000}};
const std::string kToday = "2026-11-23T17:30:00.000000Z";
const std::string kHash = "$apr1$saltsalt$ZdO9ajrUOSz9es9I0fQZB.";

Json::Value json(const std::string& text) {
  return base::from_json(text).value();
}

UserFile checked(const std::string& text, FileFormat format, const ImportPolicy& policy = {}) {
  UserFile file = read_users(text, format);
  check_users(file, policy);
  return file;
}

/// What is wrong with a list of one user; empty if nothing is.
std::string flaw_of(const std::string& password, FileFormat format, bool plain_passwords) {
  Json::Value list;
  list[0]["username"] = "ada";
  list[0]["password"] = password;
  const std::string text =
      format == FileFormat::kJson ? base::to_json(list) : "ada:" + password + "\n";
  const UserFile file = checked(text, format, {.plain_passwords = plain_passwords});
  return file.problems.empty() ? "" : file.problems[0].what;
}

std::vector<store::StoredUser> stored(const std::vector<std::string>& records) {
  std::vector<store::StoredUser> users;
  for (const std::string& record : records) users.push_back({store::User(json(record)), 5});
  return users;
}

const std::string kOldAda =
    R"({"username": "Ada", "password": "old", "role": "admin", "team": "red",
    "created_at": "2020-01-01T00:00:00Z", "updated_at": "2021-01-01T00:00:00.000000Z", "incarnation": 2})";
const std::string kOtherAdmin = R"({"username": "root", "password": "!", "role": "admin"})";

}  // namespace

TEST_CASE("a hash is taken or refused, with the reason") {
  const auto [password, reason] = GENERATE(Catch::Generators::table<std::string, std::string>({
      {kHash, ""},
      {"$2y$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS", ""},
      {"$5$saltsalt$lJBntEo62mus/ovk43htFvkabtoMEkzjosQqenAm4h8", ""},
      {"$y$j75$abcdefghijklmnop$nV.iR3BaEQ7YCde0cPPwjq87psdEdo5Atjf2l7oW1m2", ""},
      {"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", ""},
      {"!", ""},
      {"{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "SHA-1 without a salt"},
      {"{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "one round of SHA-1"},
      {"$1$saltsalt$ZdO9ajrUOSz9es9I0fQZB.", "$1$ is MD5"},
      {"$2x$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS", "known fault"},
      {"ab1CdefGhIjkL", "DES"},
      {"$apr1$saltsalt$ZdO9ajrUOSz9es", "broken or cut off"},
      {"$6$rounds=999999999$saltsalt$x", "would take minutes"},
      {"$9$salt$hash", "a scheme that userbin does not know"},
      {"{PLAIN}secret", "a scheme that userbin does not know"},
      {"secret", "no hash of a scheme"},
      {"", "no password"},
  }));
  CAPTURE(password);
  for (const auto format : {FileFormat::kHtpasswd, FileFormat::kJson}) {
    const std::string flaw = flaw_of(password, format, false);
    CAPTURE(flaw);
    CHECK((reason.empty() ? flaw.empty() : flaw.find(reason) != std::string::npos));
    CHECK(flaw.find("secret") == std::string::npos);
  }
}

TEST_CASE("a password in plain text is taken where it may be one, and was allowed") {
  const auto [password, is_plain] = GENERATE(Catch::Generators::table<std::string, bool>({
      {"secret", true},
      {"ab1CdefGhIjkL", true},
      {"$ 5 and {x} more", true},
      {"$1$saltsalt$ZdO9ajrUOSz9es9I0fQZB.", false},
      {"{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", false},
      {"$apr1$saltsalt$Zd", false},
      {"", false},
  }));
  CAPTURE(password);
  CHECK(flaw_of(password, FileFormat::kJson, true).empty() == is_plain);
  CHECK_FALSE(flaw_of(password, FileFormat::kHtpasswd, true).empty());
  CHECK_FALSE(flaw_of(password, FileFormat::kJson, false).empty());
}

TEST_CASE("a name may be anything without control characters, once") {
  const auto [name, is_good] = GENERATE(Catch::Generators::table<std::string, bool>({
      {"ada", true},
      {" a b/c@d#", true},
      {"\u00C4\u5BC6", true},
      {"", false},
      {"a\tb", false},
      {"a\x7F", false},
      {"a\u0085", false},
  }));
  CAPTURE(name);
  CHECK(checked(name + ":" + kHash, FileFormat::kHtpasswd).problems.empty() == is_good);

  const UserFile twice =
      checked("Bob:" + kHash + "\nbad\naDA:" + kHash + "\nAda:" + kHash, FileFormat::kHtpasswd);
  CHECK(twice.users.size() == 2);
  REQUIRE(twice.problems.size() == 2);
  CHECK(twice.problems[0].line == 2);
  CHECK(twice.problems[1].line == 4);
  CHECK(twice.problems[1].what == "its name stands in line 3 already");
}

TEST_CASE("a role is a text for a header") {
  const auto role = GENERATE(as<std::string>{}, "7", "\"a\\nb\"", "[]");
  const UserFile file =
      checked(R"([{"username": "ada", "password": "!", "role": )" + role + "}]", FileFormat::kJson);
  CHECK(file.problems.size() == 1);
}

TEST_CASE("a new user gets a stamp, a date if he has none, and a role") {
  const UserFile file = checked(
      R"([{"username": "ada", "password": "!", "role": "editor", "x": [1],
           "created_at": "2020-01-01T00:00:00Z", "updated_at": "x", "incarnation": 9},
          {"username": "bob", "password": "!", "created_at": "yesterday"},
          {"username": "cyd", "password": "!", "role": "deleted"},
          {"username": "dan", "password": "!"}])",
      FileFormat::kJson);
  const ImportPlan plan = plan_import(
      file,
      stored({R"({"username": "DAN", "password": "!", "role": "deleted", "incarnation": 1})"}),
      {.role = "guest"}, kNow);
  REQUIRE(plan.users.size() == 3);
  CHECK(plan.users[0].revision == 0);
  CHECK(plan.users[0].user.record() ==
        json(R"({"username": "ada", "password": "!", "role": "editor", "x": [1],
                 "created_at": "2020-01-01T00:00:00Z", "updated_at": ")" +
             kToday + "\"}"));
  CHECK(plan.users[1].user.created_at() == kToday);
  CHECK(plan.users[1].user.role() == "guest");
  CHECK(plan.users[2].revision == 5);
  CHECK(plan.users[2].user.record()["incarnation"] == 2);
  CHECK(plan.added == 3);
  CHECK(plan.redated == 1);
  REQUIRE(plan.skipped.size() == 1);
  CHECK(plan.skipped[0].username == "cyd");
}

TEST_CASE("a user who is there is skipped, or replaced as far as the file speaks of him") {
  const auto [format, text, role, expected] =
      GENERATE(Catch::Generators::table<FileFormat, std::string, std::string, std::string>({
          {FileFormat::kHtpasswd, "ADA:" + kHash, "",
           R"({"username": "ADA", "role": "admin", "team": "red"})"},
          {FileFormat::kHtpasswd, "ADA:" + kHash, "guest",
           R"({"username": "ADA", "role": "guest", "team": "red"})"},
          {FileFormat::kCsv, "username,hash,team,role\nada," + kHash + ",,", "",
           R"({"username": "ada", "role": "user"})"},
          {FileFormat::kCsv, "username,hash\nada," + kHash, "",
           R"({"username": "ada", "role": "admin", "team": "red"})"},
          {FileFormat::kJson,
           R"([{"username": "ada", "password": ")" + kHash +
               R"(", "x": null, "created_at": "2026-01-01T00:00:00Z", "incarnation": 1}])",
           "guest", R"({"username": "ada", "role": "guest", "x": null})"},
      }));
  CAPTURE(text, role);
  const auto existing = stored({kOldAda, kOtherAdmin});
  const UserFile file = checked(text, format);
  const ImportPlan skipping = plan_import(file, existing, {.role = role}, kNow);
  CHECK(skipping.users.empty());
  REQUIRE(skipping.skipped.size() == 1);
  CHECK(skipping.skipped[0].why == "the name is taken");

  const ImportPlan plan = plan_import(file, existing, {.replace = true, .role = role}, kNow);
  REQUIRE(plan.users.size() == 1);
  CHECK(plan.replaced == 1);
  CHECK(plan.users[0].revision == 5);
  Json::Value record = json(expected);
  record["password"] = kHash;
  record["created_at"] = "2020-01-01T00:00:00Z";
  record["incarnation"] = 2;
  record["updated_at"] = kToday;
  CHECK(base::to_json(plan.users[0].user.record()) == base::to_json(record));
}

TEST_CASE("who is so already is not replaced, so his sessions go on") {
  const std::string ada = R"({"username": "ada", "password": ")" + kHash + R"(", "role": "user"})";
  const ImportPlan plan = plan_import(checked("ada:" + kHash, FileFormat::kHtpasswd), stored({ada}),
                                      {.replace = true}, kNow);
  CHECK(plan.users.empty());
  REQUIRE(plan.skipped.size() == 1);
  CHECK(plan.skipped[0].why == "he is so already");
}

TEST_CASE("a plan says if no enabled admin would be left") {
  const auto [text, others, leaves_none] =
      GENERATE(Catch::Generators::table<std::string, std::vector<std::string>, bool>({
          {R"([{"username": "ada", "password": "!", "role": "user"}])", {}, true},
          {R"([{"username": "ada", "password": "!", "role": "admin", "disabled": true}])",
           {},
           true},
          {R"([{"username": "ada", "password": "!", "role": "admin"}])", {}, false},
          {R"([{"username": "ada", "password": "!", "role": "user"}])", {kOtherAdmin}, false},
          {R"([{"username": "ada", "password": "!", "role": "user"},
               {"username": "new", "password": "!", "role": "admin"}])",
           {},
           false},
      }));
  CAPTURE(text);
  auto existing = stored(others);
  existing.push_back(stored({kOldAda})[0]);
  const ImportPlan plan =
      plan_import(checked(text, FileFormat::kJson), existing, {.replace = true}, kNow);
  CHECK(plan.leaves_no_admin == leaves_none);
}

TEST_CASE("passwords in plain text are hashed once, and only those that are imported") {
  UserFile file = checked(
      R"([{"username": "ada", "password": "one"}, {"username": "bob", "password": "two"},
          {"username": "cyd", "password": "!"}])",
      FileFormat::kJson, {.plain_passwords = true});
  const auto existing = stored({R"({"username": "ada", "password": "!"})"});
  std::size_t reported = 0;
  const auto hash_all = [&](ImportPlan& plan) {
    return hash_plain_passwords(
        file, plan, 3,
        [](const base::SecretString& password) { return "#" + std::string(password.reveal()); },
        [&](std::size_t, std::size_t total) { reported = total; });
  };
  ImportPlan plan = plan_import(file, existing, {}, kNow);
  CHECK(hash_all(plan) == 1);
  CHECK(reported == 1);
  REQUIRE(plan.users.size() == 2);
  CHECK(plan.users[0].user.password_hash() == "#two");
  CHECK(plan.users[1].user.password_hash() == "!");
  ImportPlan again = plan_import(file, {}, {}, kNow);
  CHECK(hash_all(again) == 1);
  CHECK(again.users[0].user.password_hash() == "#one");
  CHECK(again.users[1].user.password_hash() == "#two");
}

TEST_CASE("a password that cannot be hashed fails the import") {
  UserFile file =
      checked(R"([{"username": "ada", "password": "one"}, {"username": "bob", "password": "two"}])",
              FileFormat::kJson, {.plain_passwords = true});
  ImportPlan plan = plan_import(file, {}, {}, kNow);
  CHECK_THROWS_AS(
      hash_plain_passwords(
          file, plan, 2,
          [](const base::SecretString&) -> std::string { throw std::runtime_error("no memory"); },
          [](std::size_t, std::size_t) {}),
      std::runtime_error);
}

}  // namespace userbin::app
