#include "handlers/authorizer.h"

#include "base/failure.h"
#include "support/catch.h"
#include "support/handlers_on_fakes.h"

namespace userbin::handlers {

namespace {

using Catch::Generators::table;
using test::Fault;
using test::header_of;
using test::json_of;

/// What Apache and lighttpd ask: there is no path.
http::Request question(const std::string& cookie = "", const std::string& require = "") {
  http::Request request = test::request_to("GET", "");
  request.is_authorizer = true;
  request.accept = "text/html,*/*;q=0.8";
  request.cookie = cookie;
  request.require = require;
  request.request_target = "/wiki/page?a=b&c=d";
  return request;
}

}  // namespace

TEST_CASE("an authorizer lets in who is signed in, with the four variables and nothing else") {
  test::HandlersOnFakes site;
  site.add_user("Ada", "editor");
  http::Request request = question(site.cookie_of("ada"));
  request.path = GENERATE(as<std::string>{}, "", "/verify", "/me", "/logout", "/nowhere");
  request.method = GENERATE(as<std::string>{}, "GET", "HEAD", "POST", "DELETE", "X");
  request.sec_fetch_site = "cross-site";
  const http::Response response = site.answer(request);
  CHECK(response.status == 200);
  CHECK(response.headers ==
        std::vector<std::pair<std::string, std::string>>{{"Variable-REMOTE_USER", "Ada"},
                                                         {"Variable-REMOTE_GROUPS", "editor"},
                                                         {"Variable-REMOTE_NAME", ""},
                                                         {"Variable-REMOTE_EMAIL", ""}});
  CHECK(response.body.empty());
  CHECK(site.answer(question(request.cookie)).status == 200);  // nobody was logged out
}

TEST_CASE("an authorizer sends a person who is not signed in to the login page and back") {
  test::HandlersOnFakes site;
  http::Request request = question();
  request.method = GENERATE("GET", "HEAD");
  request.mount = GENERATE(as<std::string>{}, "", "/auth");
  request.accept = GENERATE("text/html", "text/plain, Text/HTML;q=0.5");
  const http::Response response = site.answer(request);
  CHECK(response.status == 303);
  CHECK(header_of(response, "Location") == request.mount + "/login?rd=/wiki/page%3Fa%3Db%26c%3Dd");
  CHECK(header_of(response, "Cache-Control") == "no-store");
  CHECK(response.body.empty());
}

TEST_CASE("an authorizer tells a program, and whoever sends something, that he must log in") {
  test::HandlersOnFakes site;
  const auto [method, accept] = GENERATE(table<std::string, std::string>({
      {"GET", ""},
      {"GET", "*/*"},
      {"GET", "application/json"},
      {"HEAD", "image/png"},
      {"POST", "text/html"},
      {"PUT", "text/html"},
      {"", "text/html"},
      {"get", "text/html"},
  }));
  CAPTURE(method, accept);
  http::Request request = question();
  request.method = method;
  request.accept = accept;
  const http::Response response = site.answer(request);
  CHECK(response.status == 401);
  CHECK(response.error_code == "not_signed_in");
  CHECK_FALSE(header_of(response, "Location"));
  CHECK_FALSE(header_of(response, "Variable-REMOTE_USER"));
}

TEST_CASE("an authorizer says 403 to who lacks the role, and never sends him to the login page") {
  test::HandlersOnFakes site;
  site.add_user("Ada", "admin");
  site.add_user("Bob");
  const auto [user, require, status] = GENERATE(table<std::string, std::string, int>({
      {"ada", "role:admin", 200},
      {"bob", "role:admin", 403},
      {"bob", "admin", 403},
      {"bob", "role:", 403},
      {"", "role:admin", 303},
  }));
  CAPTURE(user, require);
  const http::Response response =
      site.answer(question(user.empty() ? "" : site.cookie_of(user), require));
  CHECK(response.status == status);
  CHECK(header_of(response, "Location").has_value() == (status == 303));
  CHECK(header_of(response, "Variable-REMOTE_USER").has_value() == (status == 200));
}

TEST_CASE("an authorizer lets nobody in when something fails, and says what") {
  test::HandlersOnFakes site;
  site.add_user("Ada");
  http::Request request = question(site.cookie_of("ada"));
  int status = 0;
  SECTION("whatever is thrown") {
    const auto [thrown, expected] = GENERATE(table<std::exception_ptr, int>(
        {{std::make_exception_ptr(base::StoreUnavailable("away")), 503},
         {std::make_exception_ptr(base::Overloaded("x", std::chrono::seconds{1})), 503},
         {std::make_exception_ptr(std::logic_error("x")), 500}}));
    site.session_rows.fault.set(Fault::Hits::kEverything, thrown);
    status = expected;
  }
  SECTION("a parameter comes twice") {
    request.ambiguous = true;
    status = 400;
  }
  SECTION("with two sessions' cookies") {
    request.cookie += "; " + request.cookie;
    status = 303;
  }
  const http::Response response = site.answer(request);
  CHECK(response.status == status);
  CHECK_FALSE(header_of(response, "Variable-REMOTE_USER"));
}

}  // namespace userbin::handlers
