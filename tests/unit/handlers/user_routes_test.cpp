// /users, by which an admin looks after everybody's account.
#include <fstream>

#include "base/audit.h"
#include "base/text.h"
#include "handlers/dispatcher.h"
#include "support/catch.h"
#include "support/handlers_on_fakes.h"
#include "support/temporary_folder.h"

namespace userbin::handlers {

namespace {

using Catch::Generators::table;
using test::json_of;
using test::request_to;

struct SiteWithAdmin : test::HandlersOnFakes {
  std::string cookie;

  SiteWithAdmin() {
    add_user("Ada", "admin");
    cookie = cookie_of("ada");
  }

  http::Response ask(const std::string& method, const std::string& target,
                     const std::string& body = "") {
    http::Request request = request_to(method, "");
    const auto question_mark = target.find('?');
    request.path = *base::percent_decode(target.substr(0, question_mark));
    if (question_mark != std::string::npos) request.query = target.substr(question_mark + 1);
    request.request_target = target;
    if (!body.empty()) request.content_type = "application/json";
    request.body = body;
    request.cookie = cookie;
    request.sec_fetch_site = "same-origin";
    return answer(request);
  }

  std::string code_of(const std::string& method, const std::string& target,
                      const std::string& body = "") {
    return json_of(ask(method, target, body))["code"].asString();
  }

  /// What GET /users says, by names.
  std::vector<std::string> names(const std::string& query) {
    const Json::Value body = json_of(ask("GET", "/users" + query));
    std::vector<std::string> found;
    for (const Json::Value& user : body["users"]) found.push_back(user["username"].asString());
    return found;
  }

  void add_waiting(const std::string& name) {
    store::User user(name, auth::hash_password(base::SecretString(test::kGoodPassword), {8, 1}),
                     clock.now());
    user.become_waiting();
    users.insert(user);
  }

  store::User user(const std::string& key) { return users.find(key)->user; }
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("only an admin may ask about users and change them", "[users]") {
  SiteWithAdmin site;
  site.add_user("bob");
  const auto [method, target] = GENERATE(table<std::string, std::string>({
      {"GET", "/users"},
      {"POST", "/users"},
      {"GET", "/users/bob"},
      {"PATCH", "/users/bob"},
      {"DELETE", "/users/bob"},
      {"POST", "/users/bob/restore"},
      {"GET", "/users/nobody"},
      {"DELETE", "/users/nobody"},
  }));
  CAPTURE(method, target);
  const std::string body = method == "GET" || method == "DELETE" ? "" : R"({"role":"admin"})";
  SECTION("and nobody else") {
    site.cookie.clear();
    CHECK(site.ask(method, target, body).status == 401);
  }
  SECTION("and no other user") {
    site.cookie = site.cookie_of("bob");
    CHECK(site.ask(method, target, body).status == 403);
  }
  CHECK(site.user("bob").role() == "user");
}

TEST_CASE("an admin who is one no more may do nothing more", "[users]") {
  SiteWithAdmin site;
  site.add_user("bob", "admin");
  REQUIRE(site.ask("PATCH", "/users/ada", R"({"role":"user"})").status == 200);
  CHECK(site.code_of("GET", "/users") == "forbidden");
}

TEST_CASE("users are listed by name, page after page", "[users]") {
  SiteWithAdmin site;
  for (const char* name : {"Eve", "bob", "Carl", "dora"}) site.add_user(name);
  const Json::Value first = json_of(site.ask("GET", "/users?limit=2"));
  CHECK(first["users"].size() == 2);
  CHECK(first["next"] == "bob");
  CHECK(site.names("?limit=2&after=bob") == Names{"Carl", "dora"});
  CHECK(site.names("?limit=2&after=DORA") == Names{"Eve"});
  CHECK(json_of(site.ask("GET", "/users?limit=1&after=dora"))["next"].isNull());
  CHECK(site.names("?after=zoe").empty());
}

TEST_CASE("a list shows whom it is asked for, and nobody who is deleted", "[users]") {
  SiteWithAdmin site;
  for (const char* name : {"bob", "Bobby", "carl", "gone"}) site.add_user(name);
  site.add_user("Bodo", "admin");
  site.add_waiting("bora");
  REQUIRE(site.ask("DELETE", "/users/gone").status == 200);
  const auto [query, names] = GENERATE(table<std::string, Names>({
      {"", {"Ada", "bob", "Bobby", "Bodo", "bora", "carl"}},
      {"?q=BOB", {"bob", "Bobby"}},
      {"?q=obb", {}},
      {"?q=%25", {}},
      {"?role=admin", {"Ada", "Bodo"}},
      {"?role=admin&q=b", {"Bodo"}},
      {"?role=deleted", {}},
      {"?waiting=1", {"bora"}},
      {"?waiting=0&q=bor", {"bora"}},
      {"?q=&role=&after=", {"Ada", "bob", "Bobby", "Bodo", "bora", "carl"}},
  }));
  CAPTURE(query);
  CHECK(site.names(query) == names);
}

TEST_CASE("a list can't be asked for in ways that mean nothing", "[users]") {
  SiteWithAdmin site;
  const auto query = GENERATE(as<std::string>{}, "limit=0", "limit=101", "limit=-1", "limit=many",
                              "waiting=perhaps", "q=%FF", "q=%", "q=a&q=b");
  CAPTURE(query);
  CHECK(site.code_of("GET", "/users?" + query) == "malformed_body");
}

TEST_CASE("what is told of a user is all but the password", "[users]") {
  SiteWithAdmin site;
  site.add_waiting("bob");
  const Json::Value one = json_of(site.ask("GET", "/users/BOB"));
  CHECK(one["username"] == "bob");
  CHECK(one["role"] == "user");
  CHECK(one["disabled"] == true);
  CHECK(one["waiting"] == true);
  CHECK(one["created_at"].isString());
  for (const char* target : {"/users", "/users/bob"}) {
    const std::string body = site.ask("GET", target).body;
    CHECK(body.find("password") == std::string::npos);
    CHECK(body.find("argon2") == std::string::npos);
  }
}

TEST_CASE("a user is made with a role, whoever may register", "[users]") {
  SiteWithAdmin site;
  site.services.registration =
      GENERATE(auth::RegistrationPolicy::kOpen, auth::RegistrationPolicy::kInvite,
               auth::RegistrationPolicy::kApproval, auth::RegistrationPolicy::kClosed);
  const std::string bob = R"({"username":"Bob","password":"tuesday grows heavy")";
  CHECK(site.ask("POST", "/users", bob + R"(,"role":"editor"})").status == 200);
  CHECK(site.user("bob").role() == "editor");
  CHECK_FALSE(site.user("bob").disabled());
  CHECK(site.code_of("POST", "/users", bob + "}") == "username_taken");
  CHECK(site.replica.awaited == Names{"bob"});
}

TEST_CASE("a user is not made of what can't be one", "[users]") {
  SiteWithAdmin site;
  const auto [body, code] = GENERATE(table<std::string, std::string>({
      {R"({})", "missing_field"},
      {R"({"username":"bob"})", "missing_field"},
      {R"({"username":"b b","password":"tuesday grows heavy"})", "invalid_username"},
      {R"({"username":"bob","password":"short"})", "weak_password"},
      {R"({"username":"bob","password":"tuesday grows heavy","role":"deleted"})", "malformed_body"},
      {R"({"username":"bob","password":"tuesday grows heavy","role":5})", "malformed_body"},
  }));
  CAPTURE(body);
  CHECK(site.code_of("POST", "/users", body) == code);
  CHECK_FALSE(site.users.find("bob"));
}

TEST_CASE("a bin without room takes nobody", "[users]") {
  SiteWithAdmin site;
  site.replica.has_room = false;
  CHECK(site.code_of("POST", "/users", R"({"username":"bob","password":"tuesday grows heavy"})") ==
        "user_list_full");
}

TEST_CASE("a role, a password and whether he is let in are changed at once", "[users]") {
  SiteWithAdmin site;
  site.add_user("bob");
  const std::string before = site.user("bob").password_hash();
  const std::string session = site.cookie_of("bob");
  CHECK(site.ask("PATCH", "/users/bob",
                 R"({"role":"editor","disabled":true,"password":"seven green lanterns"})")
            .status == 200);
  CHECK(site.user("bob").role() == "editor");
  CHECK(site.user("bob").disabled());
  CHECK(site.user("bob").password_hash() != before);
  CHECK(site.replica.awaited == Names{"bob"});
  site.cookie = session;
  CHECK(site.ask("GET", "/me").status == 401);
}

TEST_CASE("a change that says nothing, or what can't be, changes nothing", "[users]") {
  SiteWithAdmin site;
  site.add_user("bob");
  const store::User before = site.user("bob");
  const auto [body, code] = GENERATE(table<std::string, std::string>({
      {R"({})", "missing_field"},
      {R"({"disable":true})", "missing_field"},
      {R"({"disabled":"perhaps"})", "malformed_body"},
      {R"({"disabled":1})", "malformed_body"},
      {R"({"role":""})", "malformed_body"},
      {R"({"role":"editor","password":"bob bob bob"})", "weak_password"},
      {R"({"role":"editor","password":""})", "missing_field"},
  }));
  CAPTURE(body);
  CHECK(site.code_of("PATCH", "/users/bob", body) == code);
  CHECK(site.user("bob").record() == before.record());
}

TEST_CASE("to enable who waits is to approve", "[users]") {
  SiteWithAdmin site;
  site.add_waiting("bob");
  CHECK(site.ask("PATCH", "/users/bob", R"({"disabled":false})").status == 200);
  CHECK_FALSE(site.user("bob").disabled());
  CHECK_FALSE(site.user("bob").waiting());
}

TEST_CASE("the last admin stays one", "[users]") {
  SiteWithAdmin site;
  site.add_user("bob");
  CHECK(site.code_of("PATCH", "/users/ada", R"({"role":"user"})") == "last_admin");
  CHECK(site.code_of("PATCH", "/users/ada", R"({"disabled":true})") == "last_admin");
  CHECK(site.code_of("DELETE", "/users/ada") == "last_admin");
  CHECK(site.user("ada").is_active_admin());
  REQUIRE(site.ask("PATCH", "/users/bob", R"({"role":"admin"})").status == 200);
  CHECK(site.ask("DELETE", "/users/ada").status == 200);
}

TEST_CASE("who is deleted comes back as he was", "[users]") {
  SiteWithAdmin site;
  site.add_user("Bob", "editor");
  const std::string hash = site.user("bob").password_hash();
  CHECK(site.code_of("POST", "/users/bob/restore") == "not_deleted");
  REQUIRE(site.ask("DELETE", "/users/bob").status == 200);
  CHECK(site.code_of("GET", "/users/bob") == "no_such_user");
  CHECK(site.code_of("PATCH", "/users/bob", R"({"role":"user"})") == "no_such_user");
  CHECK(site.code_of("DELETE", "/users/bob") == "no_such_user");
  CHECK(site.ask("POST", "/users/bob/restore").status == 200);
  CHECK(site.user("bob").role() == "editor");
  CHECK(site.user("bob").password_hash() == hash);
  CHECK(site.code_of("POST", "/users/nobody/restore") == "no_such_user");
}

TEST_CASE("who deleted himself can't be brought back", "[users]") {
  SiteWithAdmin site;
  site.add_user("bob");
  const std::string admin = std::exchange(site.cookie, site.cookie_of("bob"));
  REQUIRE(site.ask("DELETE", "/me", R"({"current_password":"tuesday grows heavy"})").status == 200);
  site.cookie = admin;
  CHECK(site.code_of("POST", "/users/bob/restore") == "not_kept");
}

TEST_CASE("a change that reaches the bin later says so", "[users]") {
  SiteWithAdmin site;
  site.add_user("bob");
  site.replica.is_reached = false;
  const auto [method, target, body] = GENERATE(table<std::string, std::string, std::string>({
      {"POST", "/users", R"({"username":"carl","password":"tuesday grows heavy"})"},
      {"PATCH", "/users/bob", R"({"role":"editor"})"},
      {"DELETE", "/users/bob", ""},
  }));
  const http::Response response = site.ask(method, target, body);
  CHECK(response.status == 202);
  CHECK(json_of(response)["sync"] == "pending");
}

TEST_CASE("a name in a path is what was sent, with whatever it is made of", "[users]") {
  SiteWithAdmin site;
  const auto [name, target] = GENERATE(table<std::string, std::string>({
      {"o'neill", "/users/o'neill"},
      {"a/b", "/users/a%2Fb"},
      {"a//b", "/users/a%2f%2Fb"},
      {"a/restore", "/users/a%2Frestore"},
      {"J\u00FCrgen", "/users/J%C3%BCrgen"},
      {"50%", "/users/50%25"},
      {"what?", "/users/what%3F"},
      {"a b+c", "/users/a%20b+c"},
      {"ada@example.org", "/users/ada@example.org"},
  }));
  CAPTURE(target);
  site.add_user(name);
  CHECK(json_of(site.ask("GET", target))["username"] == name);
  CHECK(json_of(site.ask("GET", target + "?x=/users/ada"))["username"] == name);
  CHECK(site.ask("DELETE", target).status == 200);
  CHECK(site.ask("POST", target + "/restore").status == 200);
  CHECK(site.ask("PATCH", target, R"({"role":"editor"})").status == 200);
}

TEST_CASE("what is no name in a path finds nobody", "[users]") {
  SiteWithAdmin site;
  site.add_user("bob");
  const auto [method, target] = GENERATE(table<std::string, std::string>({
      {"GET", "/users/"},
      {"DELETE", "/users/bob/"},
      {"DELETE", "/users/bob/restore"},
      {"DELETE", "/users//bob"},
      {"DELETE", "/users/x/../bob"},
      {"DELETE", "/users/bob%2F"},
      {"DELETE", "/users/bob%00"},
  }));
  CAPTURE(method, target);
  CHECK(site.ask(method, target).status == 404);
  CHECK_FALSE(site.user("bob").deleted());
}

TEST_CASE("the audit log tells what an admin did to whom", "[users]") {
  const test::TemporaryFolder folder;
  base::open_audit({.target = base::AuditOptions::Target::kFile, .file = folder.file("audit.log")});
  SiteWithAdmin site;
  site.add_waiting("bob");
  site.add_waiting("eve");
  site.ask("POST", "/users", R"({"username":"Carl","password":"tuesday grows heavy"})");
  site.ask("PATCH", "/users/carl", R"({"role":"user"})");
  site.ask("PATCH", "/users/carl", R"({"role":"editor","password":"seven green lanterns"})");
  site.ask("PATCH", "/users/carl", R"({"disabled":true})");
  site.ask("PATCH", "/users/carl", R"({"disabled":false})");
  site.ask("PATCH", "/users/bob", R"({"disabled":false})");
  site.ask("DELETE", "/users/eve");
  site.ask("DELETE", "/users/carl");
  site.ask("POST", "/users/carl/restore");
  base::open_audit({});
  std::vector<std::string> told;
  std::ifstream log(folder.file("audit.log"));
  for (std::string line; std::getline(log, line);) {
    CHECK(line.find("by=\"Ada\"") != std::string::npos);
    CHECK(line.find("lanterns") == std::string::npos);
    const auto event = line.find("event=");
    const auto user = line.find("user=");
    told.push_back(line.substr(event, line.find(' ', event) - event) + " " +
                   line.substr(user, line.find(' ', user) - user));
  }
  CHECK(told == Names{"event=create user=\"Carl\"", "event=role_change user=\"Carl\"",
                      "event=password_change user=\"Carl\"", "event=disable user=\"Carl\"",
                      "event=enable user=\"Carl\"", "event=approve user=\"bob\"",
                      "event=refuse user=\"eve\"", "event=delete user=\"Carl\"",
                      "event=restore user=\"Carl\""});
}

}  // namespace userbin::handlers
