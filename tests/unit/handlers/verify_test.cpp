#include "base/failure.h"
#include "handlers/dispatcher.h"
#include "http/error.h"
#include "support/catch.h"
#include "support/handlers_on_fakes.h"

namespace userbin::handlers {

namespace {

using Catch::Generators::table;
using test::Fault;
using test::header_of;
using test::request_to;

http::Request verification(const std::string& cookie = "", const std::string& require = "") {
  http::Request request = request_to("GET", "/verify");
  request.cookie = cookie;
  request.require = require;
  request.request_target = "/wiki/page?a=b&c=d";
  return request;
}

}  // namespace

TEST_CASE("who is signed in is let in, with his name and role for the site") {
  test::HandlersOnFakes site;
  site.add_user("Ada", "editor");
  const http::Response response = site.answer(verification(site.cookie_of("ada")));
  CHECK(response.status == 200);
  CHECK(header_of(response, "Remote-User") == "Ada");
  CHECK(header_of(response, "Remote-Groups") == "editor");
  CHECK(header_of(response, "Remote-Name") == "");  // there, though empty
  CHECK(header_of(response, "Remote-Email") == "");
  CHECK_FALSE(header_of(response, "Set-Cookie"));
  CHECK(response.body.empty());
}

TEST_CASE("a name and an e-mail address come from the record, if they are texts") {
  test::HandlersOnFakes site;
  const auto [members, name, email] = GENERATE(table<Json::Value, std::string, std::string>({
      {"Ada Lovelace", "Ada Lovelace", "Ada Lovelace"},
      {7, "", ""},
      {Json::Value(), "", ""},
      {Json::Value(Json::arrayValue), "", ""},
  }));
  Json::Value record = store::User("Ada", "!", site.clock.now()).record();
  record["name"] = members;
  record["email"] = members;
  REQUIRE(site.users.insert(store::User(record)));
  const http::Response response = site.answer(verification(site.cookie_of("ada")));
  CHECK(response.status == 200);
  CHECK(header_of(response, "Remote-Name") == name);
  CHECK(header_of(response, "Remote-Email") == email);
}

TEST_CASE("who is not signed in is sent to the login page and back") {
  test::HandlersOnFakes site;
  const auto [mount, target, location] = GENERATE(table<std::string, std::string, std::string>({
      {"", "/wiki/page?a=b&c=d", "/login?rd=/wiki/page%3Fa%3Db%26c%3Dd"},
      {"/auth", "/wiki", "/auth/login?rd=/wiki"},
      {"", "/%41\r\n\"<", "/login?rd=/%2541%0D%0A%22%3C"},
      {"", "", "/login"},
      {"", "/" + std::string(2047, 'x'), "/login?rd=/" + std::string(2047, 'x')},
      {"", "/" + std::string(2048, 'x'), "/login"},
  }));
  http::Request request = verification();
  request.mount = mount;
  request.request_target = target;
  const http::Response response = site.answer(request);
  CHECK(response.status == 401);
  CHECK(header_of(response, "Location") == location);
  CHECK_FALSE(header_of(response, "Remote-User"));
  CHECK_FALSE(header_of(response, "Set-Cookie"));
}

TEST_CASE("a place that requires a role lets in who has it, and does not redirect others") {
  test::HandlersOnFakes site;
  site.add_user("Ada", "admin");
  site.add_user("Bob", "user");
  const auto [user, require, status] = GENERATE(table<std::string, std::string, int>({
      {"ada", "", 200},
      {"ada", "role:admin", 200},
      {"bob", "role:admin", 403},
      {"bob", "role:user", 200},
      {"ada", "role:user", 403},
      {"ada", "role:", 403},
      {"ada", "role:Admin", 403},
      {"ada", "role: admin", 403},
      {"ada", "role:admin ", 403},
      {"ada", "role:admi", 403},
      {"ada", "admin", 403},
      {"ada", "ROLE:admin", 403},
      {"ada", "user:ada", 403},
      {"", "role:admin", 401},
  }));
  CAPTURE(user, require);
  const http::Response response =
      site.answer(verification(user.empty() ? "" : site.cookie_of(user), require));
  CHECK(response.status == status);
  CHECK(header_of(response, "Location").has_value() == (status == 401));
  CHECK(header_of(response, "Remote-User").has_value() == (status == 200));
}

TEST_CASE("a session that is over lets nobody in") {
  test::HandlersOnFakes site;
  site.add_user("Ada");
  const std::string cookie = site.cookie_of("ada");
  REQUIRE(site.answer(verification(cookie)).status == 200);
  SECTION("by logout") {
    site.sessions.end_all("ada");
  }
  SECTION("by time") {
    site.clock.advance(std::chrono::hours{12});
  }
  SECTION("as the user is gone") {
    REQUIRE(site.users.remove("ada", 1));
  }
  CHECK(site.answer(verification(cookie)).status == 401);
}

TEST_CASE("/verify answers nothing but 200, 401 and 403, whatever happens") {
  test::HandlersOnFakes site;
  site.add_user("Ada", "admin");
  http::Request request = verification(site.cookie_of("ada"), "role:admin");
  SECTION("whatever is thrown") {
    const auto thrown = GENERATE(values(
        {std::make_exception_ptr(base::StoreUnavailable("away")),
         std::make_exception_ptr(base::Overloaded("x", std::chrono::seconds{1})),
         std::make_exception_ptr(base::BadSetting("x")),
         std::make_exception_ptr(std::logic_error("x")), std::make_exception_ptr(std::bad_alloc()),
         std::make_exception_ptr(http::RequestRefused(http::ErrorCode::kBodyTooLarge, "x"))}));
    const bool is_sessions_fault = GENERATE(false, true);
    Fault& fault = is_sessions_fault ? site.session_rows.fault : site.users.fault;
    fault.set(Fault::Hits::kEverything, thrown);
    CHECK(site.answer(request).status == 401);
  }
  SECTION("whatever nginx refused, or sent twice") {
    const auto code = GENERATE(as<std::string>{}, "body_too_large", "too_many_attempts",
                               "not_found", "internal", "");
    request.refused_by_nginx = code;
    request.ambiguous = code.empty();
    CHECK(site.answer(request).status == 401);
  }
  SECTION("whatever nginx says it refused for lack of rights") {
    request.refused_by_nginx = GENERATE(as<std::string>{}, "cross_site", "forbidden");
    CHECK(site.answer(request).status == 403);
  }
  SECTION("when it looks like a browser's form") {
    request.content_type = "application/x-www-form-urlencoded";
    request.accept = "text/html";
    CHECK(site.answer(request).status == 200);
    request.cookie = "";
    CHECK(site.answer(request).status == 401);
  }
  SECTION("with two sessions' cookies") {
    request.cookie += "; " + request.cookie;
    CHECK(site.answer(request).status == 401);
  }
}

// auth_request asks with the method of the visitor's own request ($request_method).
TEST_CASE("/verify treats all methods alike") {
  test::HandlersOnFakes site;
  site.add_user("Ada");
  const auto method =
      GENERATE(as<std::string>{}, "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "X");
  CAPTURE(method);
  http::Request request = verification(site.cookie_of("ada"));
  request.method = method;
  CHECK(site.answer(request).status == 200);
  request.sec_fetch_site = "cross-site";
  request.body_too_large = true;
  CHECK(site.answer(request).status == 200);
  request.cookie = "";
  const http::Response response = site.answer(request);
  CHECK(response.status == 401);
  CHECK(header_of(response, "Location"));
}

}  // namespace userbin::handlers
