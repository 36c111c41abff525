// POST /register, /login, /logout and GET /me, /healthz, /readyz, as API.md has them.
#include "handlers/dispatcher.h"
#include "support/catch.h"
#include "support/handlers_on_fakes.h"

namespace userbin::handlers {

namespace {

using Catch::Generators::table;
using test::header_of;
using test::json_of;
using test::json_to;
using test::request_to;

const std::string kAda = R"({"username": "Ada", "password": "tuesday grows heavy"})";

/// The "name=value" of an answer's cookie, as a browser sends it back.
std::string cookie_set_by(const http::Response& response) {
  const std::string cookie = header_of(response, "Set-Cookie").value_or("");
  return cookie.substr(0, cookie.find(';'));
}

}  // namespace

TEST_CASE("the origin's contract is kept to the letter") {
  test::HandlersOnFakes site;
  const auto is = [&](const http::Response& response, int status, const std::string& body) {
    CHECK(response.status == status);
    CHECK(response.body == body + "\n");
  };
  is(site.answer(json_to("/register", kAda)), 200, R"({"message":"User registered successfully"})");
  is(site.answer(json_to("/register", kAda)), 400,
     R"({"code":"username_taken","error":"Username already exists"})");
  is(site.answer(json_to("/login", kAda)), 200, R"({"message":"Login successful"})");
  const auto body = GENERATE(as<std::string>{}, R"({"username": "Ada", "password": "wrong"})",
                             R"({"username": "Eve", "password": "tuesday grows heavy"})");
  is(site.answer(json_to("/login", body)), 401,
     R"({"code":"invalid_credentials","error":"Invalid credentials"})");
}

TEST_CASE("a registration that cannot be is refused with its code, and leaves no user") {
  test::HandlersOnFakes site;
  const auto [body, code, field] = GENERATE(table<std::string, std::string, std::string>({
      {R"({"username": "a b", "password": "tuesday grows heavy"})", "invalid_username", "username"},
      {R"({"username": "-a", "password": "tuesday grows heavy"})", "invalid_username", "username"},
      {R"({"username": "a\u0000b", "password": "tuesday grows heavy"})", "invalid_username",
       "username"},
      {R"({"username": "Ada", "password": "short"})", "weak_password", "password"},
      {R"({"username": "Ada", "password": "password1"})", "weak_password", "password"},
      {R"({"username": "xqzvkwjq", "password": "xqzvkwjq"})", "weak_password", "password"},
      {R"({"username": "Ada", "password": "tuesday \u0000 heavy"})", "weak_password", "password"},
      {R"({"username": "Ada"})", "missing_field", "password"},
      {R"({"username": "", "password": "tuesday grows heavy"})", "missing_field", "username"},
      {R"({"password": null})", "missing_field", "username"},
      {R"({"username": 7, "password": "tuesday grows heavy"})", "malformed_body", "username"},
      {"[]", "malformed_body", ""},
      {"", "malformed_body", ""},
      {"{", "malformed_body", ""},
  }));
  CAPTURE(body);
  const http::Response response = site.answer(json_to("/register", body));
  CHECK(response.status == 400);
  CHECK(json_of(response)["code"] == code);
  if (!field.empty()) CHECK(json_of(response)["fields"][field].isString());
  CHECK(site.users.list("", 10).empty());
}

TEST_CASE("nobody gives himself a role") {
  test::HandlersOnFakes site;
  REQUIRE(site.answer(json_to("/register", R"({"username": "Ada", "role": "admin", "disabled": true,
      "password": "tuesday grows heavy", "created_at": "1970-01-01T00:00:00Z"})"))
              .status == 200);
  const store::User user = site.users.find("ada")->user;
  CHECK(user.role() == "user");
  CHECK_FALSE(user.disabled());
  CHECK(user.created_at() == base::format_rfc3339(site.clock.now()));
}

TEST_CASE("a login sets a cookie for as long as the browser runs, or a month if it is remembered") {
  test::HandlersOnFakes site;
  site.add_user("Ada");
  const auto [https, remember, name, rest] =
      GENERATE(table<bool, std::string, std::string, std::string>({
          {false, "", "userbin", "; Path=/; HttpOnly; SameSite=Lax"},
          {true, "", "__Host-userbin", "; Path=/; Secure; HttpOnly; SameSite=Lax"},
          {true, R"(, "remember": false)", "__Host-userbin",
           "; Path=/; Secure; HttpOnly; SameSite=Lax"},
          {true, R"(, "remember": true)", "__Host-userbin",
           "; Path=/; Max-Age=2592000; Secure; HttpOnly; SameSite=Lax"},
      }));
  CAPTURE(https, remember);
  http::Request request = json_to(
      "/login", R"({"username": "ada", "password": "tuesday grows heavy")" + remember + "}");
  request.https = https;
  const http::Response response = site.answer(request);
  const std::string cookie = header_of(response, "Set-Cookie").value_or("");
  CAPTURE(cookie);
  CHECK(cookie.size() == name.size() + 1 + 43 + rest.size());
  CHECK(cookie.starts_with(name + "="));
  CHECK(cookie.ends_with(rest));
  CHECK(json_of(response)["token"].isNull());
}

TEST_CASE("a program can have the token in the body and use it as a bearer token") {
  test::HandlersOnFakes site;
  site.add_user("Ada");
  const http::Response login = site.answer(json_to(
      "/login", R"({"username": "ada", "password": "tuesday grows heavy", "token": true})"));
  const std::string token = json_of(login)["token"].asString();
  REQUIRE(token.size() == 43);
  const auto [before, after, status] = GENERATE(table<std::string, std::string, int>({
      {"Bearer ", "", 200},
      {"bearer ", "", 200},
      {"Bearer ", "x", 401},
      {"Bearer  ", "", 401},
      {"Basic ", "", 401},
      {"Bearer", "", 401},
      {"", "", 401},
  }));
  const std::string authorization = before + token + after;
  http::Request request = request_to("GET", "/me");
  request.authorization = authorization;
  CAPTURE(authorization);
  CHECK(site.answer(request).status == status);
}

TEST_CASE("a login ends the session that the browser had before, a failed one does not") {
  test::HandlersOnFakes site;
  site.add_user("Ada");
  http::Request login = json_to("/login", R"({"username": "ada", "password": "wrong"})");
  login.cookie = site.cookie_of("ada");
  http::Request old_session = request_to("GET", "/me");
  old_session.cookie = login.cookie;
  REQUIRE(site.answer(login).status == 401);
  CHECK(site.answer(old_session).status == 200);
  login.body = kAda;
  const http::Response response = site.answer(login);
  REQUIRE(response.status == 200);
  CHECK(site.answer(old_session).status == 401);
  CHECK(cookie_set_by(response) != login.cookie);
}

TEST_CASE("/me tells who is signed in, never the password") {
  test::HandlersOnFakes site;
  site.add_user("Ada", "editor");
  http::Request request = request_to("GET", "/me");
  request.cookie = site.cookie_of("ada");
  const http::Response response = site.answer(request);
  CHECK(response.status == 200);
  CHECK(json_of(response)["username"] == "Ada");
  CHECK(json_of(response)["role"] == "editor");
  CHECK(json_of(response)["created_at"] == "2026-11-23T17:30:00.000000Z");
  CHECK(response.body.find("password") == std::string::npos);
  CHECK(response.body.find("argon2") == std::string::npos);

  request.cookie = GENERATE(as<std::string>{}, "", "userbin=", "userbin=x", "other=1");
  const http::Response nobody = site.answer(request);
  CHECK(nobody.status == 401);
  CHECK(json_of(nobody)["code"] == "not_signed_in");
  CHECK(header_of(nobody, "WWW-Authenticate") == "Bearer");
}

TEST_CASE("a logout ends this session, or all of the user's, and works without one") {
  test::HandlersOnFakes site;
  site.add_user("Ada");
  site.cookie_of("ada");  // another session
  const auto [body, is_signed_in, left] = GENERATE(table<std::string, bool, std::size_t>({
      {"{}", true, 1},
      {R"({"everywhere": false})", true, 1},
      {R"({"everywhere": true})", true, 0},
      {R"({"everywhere": true})", false, 1},
      {"{}", false, 1},
  }));
  CAPTURE(body, is_signed_in);
  http::Request request = json_to("/logout", body);
  if (is_signed_in) request.cookie = site.cookie_of("ada");
  const http::Response response = site.answer(request);
  CHECK(response.status == 200);
  CHECK(json_of(response)["message"] == "Logged out");
  CHECK(cookie_set_by(response) == "userbin=");
  CHECK(site.session_rows.list("ada").size() == left);
}

TEST_CASE("who logs out and was not logged in makes nobody write") {
  test::HandlersOnFakes site;
  site.session_rows.fault.set(test::Fault::Hits::kChanges);
  http::Request request = json_to("/logout", GENERATE("{}", R"({"everywhere": true})"));
  request.authorization = "Bearer " + std::string(43, 'A');
  CHECK(site.answer(request).status == 200);
  CHECK_FALSE(site.session_rows.fault.has_struck());
}

TEST_CASE("the worker is healthy while it runs, and ready while its store works") {
  test::HandlersOnFakes site;
  CHECK(site.answer(request_to("GET", "/healthz")).status == 200);
  CHECK(site.answer(request_to("GET", "/readyz")).status == 200);
  site.users.fault.set(GENERATE(test::Fault::Hits::kChanges, test::Fault::Hits::kEverything));
  CHECK(site.answer(request_to("GET", "/healthz")).status == 200);
  const http::Response response = site.answer(request_to("GET", "/readyz"));
  CHECK(response.status == 503);
  CHECK(json_of(response)["code"] == "store_unavailable");
}

// A field of the wrong type is refused before anything is done.
TEST_CASE("a login with a broken field begins and ends no session") {
  test::HandlersOnFakes site;
  site.add_user("Ada");
  const auto field = GENERATE(as<std::string>{}, R"("remember": 1)", R"("token": 1)");
  CAPTURE(field);
  http::Request request =
      json_to("/login", R"({"username": "ada", "password": "tuesday grows heavy", )" + field + "}");
  request.cookie = site.cookie_of("ada");
  const std::string before = site.session_rows.list("ada").front().token_hash;
  CHECK(site.answer(request).status == 400);
  REQUIRE(site.session_rows.list("ada").size() == 1);
  CHECK(site.session_rows.list("ada").front().token_hash == before);
}

}  // namespace userbin::handlers
