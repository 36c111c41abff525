#include "handlers/dispatcher.h"

#include <new>

#include "base/failure.h"
#include "support/catch.h"
#include "support/handlers_on_fakes.h"

namespace userbin::handlers {

namespace {

using Catch::Generators::table;
using test::Fault;
using test::header_of;
using test::json_of;
using test::json_to;
using test::request_to;

const std::string kAda = R"({"username": "Ada", "password": "tuesday grows heavy"})";

/// Checks an error's status, code, and that it has words for a person.
void check_error(const http::Response& response, int status, const std::string& code) {
  CAPTURE(response.body);
  CHECK(response.status == status);
  CHECK(response.error_code == code);
  CHECK(json_of(response)["code"] == code);
  CHECK(json_of(response)["error"].asString().size() > 5);
  CHECK(header_of(response, "Content-Type") == "application/json; charset=utf-8");
}

}  // namespace

TEST_CASE("a path that is not ours is 404, a method that a path has not is 405 with those it has") {
  test::HandlersOnFakes site;
  const auto [method, path, allow] = GENERATE(table<std::string, std::string, std::string>({
      {"GET", "/", ""},
      {"GET", "", ""},
      {"GET", "/me/", ""},
      {"GET", "/Me", ""},
      {"POST", "/login/x", ""},
      {"POST", "/user", ""},
      {"GET", "/register", "POST"},
      {"GET", "/login", "POST"},
      {"PUT", "/logout", "POST"},
      {"POST", "/me", "GET, HEAD, DELETE"},
      {"DELETE", "/login", "POST"},
      {"post", "/login", "POST"},
      {"OPTIONS", "/healthz", "GET, HEAD"},
      {"", "/readyz", "GET, HEAD"},
  }));
  CAPTURE(method, path);
  const http::Response response = site.answer(request_to(method, path));
  if (allow.empty()) {
    check_error(response, 404, "not_found");
    CHECK_FALSE(header_of(response, "Allow"));
  } else {
    check_error(response, 405, "method_not_allowed");
    CHECK(header_of(response, "Allow") == allow);
  }
}

TEST_CASE("HEAD is answered as GET is, without the body") {
  test::HandlersOnFakes site;
  site.add_user("Ada");
  const auto path = GENERATE(as<std::string>{}, "/me", "/healthz", "/readyz", "/verify");
  CAPTURE(path);
  http::Request request = request_to("GET", path);
  const bool is_signed_in = GENERATE(false, true);
  if (is_signed_in) request.cookie = site.cookie_of("ada");
  const http::Response get = site.answer(request);
  request.method = "HEAD";
  const http::Response head = site.answer(request);
  CHECK(head.status == get.status);
  CHECK(head.headers == get.headers);
  CHECK(header_of(head, "Content-Length") == std::to_string(get.body.size()));
  CHECK(head.body.empty());
}

TEST_CASE("every answer forbids caching and sniffing, and has the request's id and its length") {
  test::HandlersOnFakes site;
  site.add_user("Ada");
  http::Request request = GENERATE_COPY(
      request_to("GET", "/healthz"), request_to("GET", "/verify"), request_to("GET", "/nothing"),
      request_to("PUT", "/me"), json_to("/login", kAda), json_to("/login", "{"),
      test::form_to("/login", "username=Ada"), test::form_to("/logout", ""));
  const auto trouble = GENERATE(Fault::Hits::kNothing, Fault::Hits::kEverything);
  site.users.fault.set(trouble);
  CAPTURE(request.method, request.path, request.body);
  const http::Response response = site.answer(request);
  CHECK(header_of(response, "Cache-Control") == "no-store");
  CHECK(header_of(response, "X-Content-Type-Options") == "nosniff");
  CHECK(header_of(response, "X-Request-Id") == "id-1");
  CHECK(header_of(response, "Content-Length") == std::to_string(response.body.size()));
}

TEST_CASE("a request that came without an id is given one of its own") {
  test::HandlersOnFakes site;
  http::Request request = request_to("GET", "/healthz");
  request.request_id = "";
  const auto first = header_of(site.answer(request), "X-Request-Id");
  const auto second = header_of(site.answer(request), "X-Request-Id");
  REQUIRE(first);
  CHECK_FALSE(first->empty());
  CHECK(first != second);
}

TEST_CASE("what is thrown on the way becomes a status, and its text stays in the log") {
  struct Row {
    std::exception_ptr thrown;
    int status;
    const char* code;
    std::optional<std::string> retry_after;
  };
  const std::string secret = "store /var/lib/secret.db: cause";
  const auto row = GENERATE_COPY(values<Row>({
      {std::make_exception_ptr(base::StoreUnavailable(secret)), 503, "store_unavailable", "5"},
      {std::make_exception_ptr(base::Overloaded(secret, std::chrono::seconds{7})), 503,
       "overloaded", "7"},
      {std::make_exception_ptr(base::BadSetting(secret)), 500, "internal", std::nullopt},
      {std::make_exception_ptr(std::logic_error(secret)), 500, "internal", std::nullopt},
      {std::make_exception_ptr(std::bad_alloc()), 503, "overloaded", "5"},
  }));
  test::HandlersOnFakes site;
  site.users.fault.set(Fault::Hits::kEverything, row.thrown);
  const http::Request request =
      GENERATE(json_to("/login", kAda), json_to("/register", kAda), request_to("GET", "/readyz"));
  CAPTURE(row.code, request.path);
  const http::Response response = site.answer(request);
  check_error(response, row.status, row.code);
  CHECK(header_of(response, "Retry-After") == row.retry_after);
  CHECK(response.body.find("secret") == std::string::npos);

  site.users.fault.clear();
  CHECK(site.answer(json_to("/register", kAda)).status == 200);
}

TEST_CASE("a request that is not to be believed, or that nginx refused, is refused before all") {
  test::HandlersOnFakes site;
  http::Request request = json_to("/register", kAda);
  SECTION("a parameter came twice") {
    request.ambiguous = true;
    check_error(site.answer(request), 400, "malformed_body");
  }
  SECTION("nginx found the body too large") {
    request.refused_by_nginx = "body_too_large";
    check_error(site.answer(request), 413, "body_too_large");
  }
  SECTION("the body is too large for us") {
    request.body_too_large = true;
    check_error(site.answer(request), 413, "body_too_large");
  }
  SECTION("the body was cut short") {
    request.body_cut_short = true;
    check_error(site.answer(request), 400, "malformed_body");
  }
  SECTION("the body is of a type that we do not read") {
    request.content_type = "text/plain";
    check_error(site.answer(request), 415, "unsupported_media_type");
  }
  CHECK_FALSE(site.users.find("ada"));
}

TEST_CASE("another site can change nothing, our own pages and programs can") {
  struct Row {
    const char* sec_fetch_site;
    const char* origin;
    bool has_cookie;
    bool is_json;
    bool passes;
  };
  const auto row = GENERATE(values<Row>({
      {"same-origin", "", true, false, true},
      {"none", "", true, false, true},
      {"cross-site", "", true, false, false},
      {"same-site", "", true, true, false},
      {"cross-site", "https://example.org", true, true, false},
      {"cross-site", "", false, true, false},
      {"", "https://example.org", true, false, true},
      {"", "http://example.org", true, false, false},
      {"", "https://evil.example", true, false, false},
      {"", "null", true, false, false},
      {"", "", true, false, false},
      {"", "", true, true, true},
      {"", "", false, false, true},
  }));
  CAPTURE(row.sec_fetch_site, row.origin, row.has_cookie, row.is_json);
  test::HandlersOnFakes site;
  site.add_user("Ada");
  http::Request request = row.is_json ? json_to("/logout", "{}") : test::form_to("/logout", "");
  request.accept = "";
  request.https = true;
  request.sec_fetch_site = row.sec_fetch_site;
  request.origin = row.origin;
  const std::string cookie = "__Host-" + site.cookie_of("ada");
  if (row.has_cookie) request.cookie = cookie;
  const http::Response response = site.answer(request);
  if (row.passes) {
    CHECK(response.status == 200);
  } else {
    check_error(response, 403, "cross_site");
    CHECK(site.session_rows.list("ada").size() == 1);
  }
}

TEST_CASE("another site may send somebody here, as reading changes nothing") {
  test::HandlersOnFakes site;
  site.add_user("Ada");
  http::Request request = request_to(GENERATE(as<std::string>{}, "GET", "HEAD"), "/me");
  request.cookie = site.cookie_of("ada");
  request.sec_fetch_site = "cross-site";
  request.origin = "https://evil.example";
  CHECK(site.answer(request).status == 200);
}

}  // namespace userbin::handlers
