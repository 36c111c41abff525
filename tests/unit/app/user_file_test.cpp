#include "app/user_file.h"

#include "base/json.h"
#include "support/catch.h"

namespace userbin::app {

namespace {

/// "LINE name|password" of each user, or "LINE ! problem", in the order of lines.
std::vector<std::string> told(const UserFile& file) {
  std::vector<std::string> lines;
  for (const FileUser& user : file.users) {
    lines.push_back(std::to_string(user.line) + " " + user.record["username"].asString() + "|" +
                    user.record["password"].asString());
  }
  for (const FileProblem& problem : file.problems) {
    lines.push_back(std::to_string(problem.line) + " ! " + problem.what);
  }
  return lines;
}

using Lines = std::vector<std::string>;

Json::Value json(const std::string& text) {
  return base::from_json(text).value();
}

std::vector<store::StoredUser> stored(const std::vector<std::string>& records) {
  std::vector<store::StoredUser> users;
  for (const std::string& record : records) users.push_back({store::User(json(record)), 1});
  return users;
}

}  // namespace

TEST_CASE("an htpasswd file is read a line a user") {
  const auto [text, lines] = GENERATE(Catch::Generators::table<std::string, Lines>({
      {"", {}},
      {"ada:$x", {"1 ada|$x"}},
      {"ada:$x\nbob:$y\n", {"1 ada|$x", "2 bob|$y"}},
      {"\xEF\xBB\xBF"
       "ada:$x\r\nbob:$y\r\n",
       {"1 ada|$x", "2 bob|$y"}},
      {"# people\n\n \t\nada:$x\n", {"4 ada|$x"}},
      {"ada:$x:Ada Lovelace:more\n", {"1 ada|$x"}},
      {"ada:scrypt:1:2:3$s$k\n", {"1 ada|scrypt:1:2:3$s$k"}},
      {"ada:pbkdf2:sha256:1$s$k\n", {"1 ada|pbkdf2:sha256:1$s$k"}},
      {" a b@c/d:$x\n", {"1  a b@c/d|$x"}},
      {":$x\nada:\n", {"1 |$x", "2 ada|"}},
      {"ada\nbob:$y", {"2 bob|$y", "1 ! it is not 'name:hash'"}},
      {"\xE4:$x\nbob:$y", {"2 bob|$y", "1 ! it is not UTF-8"}},
  }));
  CAPTURE(text);
  const UserFile file = read_users(text, FileFormat::kHtpasswd);
  CHECK(told(file) == lines);
  for (const FileUser& user : file.users) CHECK((user.must_be_hash && !user.is_whole));
}

TEST_CASE("a JSON list is read an object a user, with the line where it begins") {
  const auto [text, lines] = GENERATE(Catch::Generators::table<std::string, Lines>({
      {"[]", {}},
      {R"({"users": []})", {}},
      {"[\n{\"username\":\"ada\",\"password\":\"x\"},\n\n{\"username\":\"bob\",\"password\":\"y\"}"
       "]",
       {"2 ada|x", "4 bob|y"}},
      {R"({"title": "mine", "users": [{"username": "ada", "password": "x"}]})", {"1 ada|x"}},
      {"\xEF\xBB\xBF[]", {}},
      {"[\n7,\n{},\n{\"username\":\"ada\"},\n{\"username\":1,\"password\":\"x\"}]",
       {"2 ! it is no object", "3 ! it has no text \"username\"", "4 ! it has no text \"password\"",
        "5 ! it has no text \"username\""}},
      {"{}", {"1 ! it is no list of users ([{\"username\": ..., \"password\": ...}])"}},
      {"7", {"1 ! it is no list of users ([{\"username\": ..., \"password\": ...}])"}},
      {"[\n{\"username\":]", {"2 ! it is not JSON (column 13)"}},
      {"[\xE4]", {"1 ! it is not UTF-8"}},
      {std::string(5000, '['), {"1 ! it is nested too deep"}},
  }));
  CAPTURE(text);
  const UserFile file = read_users(text, FileFormat::kJson);
  CHECK(told(file) == lines);
  for (const FileUser& user : file.users) CHECK(user.is_whole);
}

TEST_CASE("JSON that is cut off, goes on behind its end or says a thing twice is no list") {
  const auto text = GENERATE(as<std::string>{}, "", "[", "[] []", "[{\"username\": \"ada\"",
                             R"([{"username": "a", "username": "b", "password": "x"}])", "<html>");
  CAPTURE(text);
  const UserFile file = read_users(text, FileFormat::kJson);
  CHECK(file.users.empty());
  CHECK(file.problems.size() == 1);
}

TEST_CASE("CSV is read by RFC 4180, a record a user") {
  const auto [text, lines] = GENERATE(Catch::Generators::table<std::string, Lines>({
      {"username,password\nada,x\nbob,y\n", {"2 ada|x", "3 bob|y"}},
      {"\xEF\xBB\xBFUsername,HASH\r\nada,x\r\n\r\nbob,y", {"2 ada|x", "4 bob|y"}},
      {"password,role,username\nx,,ada\n", {"2 ada|x"}},
      {"username,password\n\"a,d\"\"a\",\"x\ny\"\nbob,y\n", {"2 a,d\"a|x\ny", "4 bob|y"}},
      {"username,password\n\"ada\",\"x\"\r\nbob,\"\"", {"2 ada|x", "3 bob|"}},
      {"\n\nusername,password\nada,x\n", {"4 ada|x"}},
      {"username,password\nada\nbob,y,z\ncyd,z\n",
       {"4 cyd|z", "2 ! it has 1 cells, the header 2", "3 ! it has 3 cells, the header 2"}},
      {"username,password\na\"b,x\n", {"2 ! a cell with a quotation mark in it is not quoted"}},
      {"username,password\n\"ada\"x,y\nbob,z\n",
       {"3 bob|z", "2 ! something follows a closing quotation mark"}},
      {"username,password\nada,\"x\nbob,y\n", {"2 ! a quotation mark is not closed"}},
      {"username,password\n\xE4,x\n", {"2 ! it is not UTF-8"}},
      {"username,password,disabled\nada,x,perhaps\n",
       {"2 ! \"disabled\" is neither true nor false"}},
      {"username,password,\nada,x,\n", {"1 ! a column has no name"}},
      {"username,password,hash\nada,x,y\n", {"1 ! two columns are for the same"}},
      {"username,password,x,x\nada,x,y,z\n", {"1 ! two columns are for the same"}},
  }));
  CAPTURE(text);
  CHECK(told(read_users(text, FileFormat::kCsv)) == lines);
}

TEST_CASE("CSV without the columns that are needed says so") {
  const auto text = GENERATE(as<std::string>{}, "", "\n", "ada,x\n", "username;password\nada;x\n",
                             "username,role\n", "password\n");
  CAPTURE(text);
  const UserFile file = read_users(text, FileFormat::kCsv);
  CHECK(file.users.empty());
  REQUIRE(file.problems.size() == 1);
  CHECK(file.problems[0].what.starts_with("the first line must name the columns"));
}

TEST_CASE("a cell of CSV is a field, an empty one says there is none") {
  const UserFile file = read_users(
      "username,hash,role,disabled,team\nada,x,admin,TRUE,red\nbob,y,,no,\n", FileFormat::kCsv);
  REQUIRE(file.users.size() == 2);
  CHECK(file.users[0].record ==
        json(R"({"username": "ada", "password": "x", "role": "admin", "disabled": true,
                 "team": "red"})"));
  CHECK(file.users[1].record == json(R"({"username": "bob", "password": "y", "role": null,
                                         "disabled": null, "team": null})"));
  CHECK(file.users[0].must_be_hash);
}

TEST_CASE("htpasswd is written for those who can log in with it") {
  const WrittenFile file =
      write_users(stored({R"({"username": "Ada", "password": "$apr1$s$h"})",
                          R"({"username": "bob", "password": "$2y$05$h"})",
                          R"({"username": "cyd", "password": "$argon2id$v=19$h"})",
                          R"({"username": "dan", "password": "$6$s$h", "disabled": true})",
                          R"({"username": "e:e", "password": "$6$s$h"})",
                          R"({"username": "#fay", "password": "$6$s$h"})",
                          R"({"username": "gus", "password": "!", "role": "deleted"})"}),
                  FileFormat::kHtpasswd);
  CHECK(file.text == "Ada:$apr1$s$h\nbob:$2y$05$h\n");
  CHECK(file.users == 2);
  REQUIRE(file.left_out.size() == 3);
  CHECK(file.left_out[0].starts_with("1 user left out: Apache and nginx don't know"));
  CHECK(file.left_out[1].starts_with("1 user left out: they are disabled"));
  CHECK(file.left_out[2].starts_with("2 users left out: their names"));
}

TEST_CASE("what is written as JSON or CSV is read again as it was") {
  const auto format = GENERATE(FileFormat::kJson, FileFormat::kCsv);
  const auto users = stored(
      {R"({"username": "A,\"da", "password": "$x", "role": "admin", "created_at": "2020-01-01T00:00:00Z",
           "name": "Ada\nL.", "email": "ada@example.org", "disabled": true, "team": "red, blue"})",
       R"({"username": "bob", "password": "$y", "role": "user", "disabled": true, "waiting": true})",
       R"({"username": "\u00E4 b", "password": "!", "role": "user"})"});
  const UserFile file = read_users(write_users(users, format).text, format);
  CHECK(file.problems.empty());
  REQUIRE(file.users.size() == users.size());
  for (std::size_t i = 0; i < users.size(); ++i) {
    Json::Value record = file.users[i].record;
    for (const std::string& name : record.getMemberNames()) {
      if (record[name].isNull()) record.removeMember(name);
    }
    CHECK(record == users[i].user.record());
  }
}

TEST_CASE("CSV says how many fields it cannot hold") {
  const WrittenFile file = write_users(
      stored({R"({"username": "ada", "password": "x", "age": 7, "hash": "y", "Role": "z",
                  "updated_at": "2020-01-01T00:00:00Z", "incarnation": 2, "team": "red"})"}),
      FileFormat::kCsv);
  CHECK(file.text ==
        "username,password,role,disabled,name,email,created_at,team\nada,x,,,,,,red\n");
  REQUIRE(file.left_out.size() == 1);
  CHECK(file.left_out[0].starts_with("3 fields left out"));
}

}  // namespace userbin::app
