#include "http/router.h"

#include <string>

#include "support/catch.h"

using namespace userbin::http;

namespace {

const Router& router() {
  static const Router table({
      {.method = "GET", .path = "/me"},
      {.method = "DELETE", .path = "/me"},
      {.method = "POST", .path = "/login", .form_page = "/login.html"},
      {.method = "GET", .path = "/.well-known/change-password"},
      {.method = "GET", .path = "/users/*"},
      {.method = "DELETE", .path = "/users/*"},
      {.method = "POST", .path = "/users/import"},
      {.method = "GET", .path = "/files/**"},
      {.method = "POST", .path = "/files/**/restore"},
  });
  return table;
}

}  // namespace

TEST_CASE("a route is found by its method and path", "[router]") {
  const auto [method, path] = GENERATE(table<std::string, std::string>({
      {"GET", "/me"},
      {"DELETE", "/me"},
      {"POST", "/login"},
      {"GET", "/.well-known/change-password"},
  }));
  CAPTURE(method, path);
  const Router::Match match = router().find(method, path);
  REQUIRE(match.route != nullptr);
  CHECK(match.route->method == method);
  CHECK(match.route->path == path);
}

TEST_CASE("HEAD is answered by what answers GET", "[router]") {
  const Router::Match match = router().find("HEAD", "/me");
  REQUIRE(match.route != nullptr);
  CHECK(match.route->method == "GET");
  CHECK(match.route->path == "/me");
}

TEST_CASE("a method that is not there finds the methods that are", "[router]") {
  const auto [method, path, allow] = GENERATE(table<std::string, std::string, std::string>({
      {"POST", "/me", "GET, HEAD, DELETE"},
      {"GET", "/login", "POST"},
      {"HEAD", "/login", "POST"},
      {"OPTIONS", "/login", "POST"},
      {"post", "/login", "POST"},
      {"get", "/me", "GET, HEAD, DELETE"},
      {"head", "/me", "GET, HEAD, DELETE"},
      {"", "/me", "GET, HEAD, DELETE"},
      {"POST ", "/login", "POST"},
      {"GET", "/login", "POST"},
  }));
  CAPTURE(method, path);
  const Router::Match match = router().find(method, path);
  CHECK(match.route == nullptr);
  CHECK(match.allow == allow);
}

TEST_CASE("the methods of a path are told also where the route is found", "[router]") {
  CHECK(router().find("GET", "/me").allow == "GET, HEAD, DELETE");
}

TEST_CASE("a path must be the same, byte for byte", "[router]") {
  using namespace std::string_literals;
  const auto path = GENERATE(
      values<std::string>({"", "/", "me", "/me/", "//me", "/ME", "/me?x", "/me/x", "/m", "/mee",
                           "/me\0"s, "/m%65", "/login/../me", "/.well-known", "/.well-known/"}));
  CAPTURE(path);
  const Router::Match match = router().find("GET", path);
  CHECK(match.route == nullptr);
  CHECK(match.allow.empty());
}

TEST_CASE("a parameter is one segment at the end, whatever it holds", "[router]") {
  const auto [path, parameter] = GENERATE(table<std::string, std::string>({
      {"/users/ada", "ada"},
      {"/users/a@b.c+d", "a@b.c+d"},
      {"/users/ ", " "},
      {"/users/%2F", "%2F"},  // decoded once already
      {"/users/*", "*"},
      {"/users/\xC3\xBC", "\xC3\xBC"},
      {"/users/importer", "importer"},
  }));
  CAPTURE(path);
  for (const char* method : {"GET", "HEAD", "DELETE"}) {
    const Router::Match match = router().find(method, path);
    REQUIRE(match.route != nullptr);
    CHECK(match.route->path == "/users/*");
  }
  CHECK(router().find("PUT", path).allow == "GET, HEAD, DELETE");
  Request request;
  request.path = path;
  CHECK(path_parameter(request) == parameter);
}

TEST_CASE("a parameter is neither empty nor several segments", "[router]") {
  const auto path =
      GENERATE(values<std::string>({"/users", "/users/", "/users//", "/users/a/", "/users/a/b",
                                    "/users//a", "//users/a", "/Users/a", "/users*", "/user/a"}));
  CAPTURE(path);
  const Router::Match match = router().find("GET", path);
  CHECK(match.route == nullptr);
  CHECK(match.allow.empty());
}

TEST_CASE("a deep parameter is whatever stands between, but not nothing", "[router]") {
  const auto [method, path, route] = GENERATE(table<std::string, std::string, std::string>({
      {"GET", "/files/a", "/files/**"},
      {"GET", "/files/a/b//c", "/files/**"},
      {"GET", "/files//", "/files/**"},
      {"GET", "/files/a/restore", "/files/**"},
      {"GET", "/files/**", "/files/**"},
      {"POST", "/files/a/restore", "/files/**/restore"},
      {"POST", "/files/a/b/restore", "/files/**/restore"},
      {"POST", "/files/a", ""},
      {"POST", "/files//restore", ""},
      {"POST", "/files/restore", ""},
      {"GET", "/files/", ""},
      {"GET", "/files", ""},
  }));
  CAPTURE(method, path);
  const Router::Match match = router().find(method, path);
  CHECK((match.route == nullptr ? "" : match.route->path) == route);
}

TEST_CASE("a path that stands in the table is no parameter", "[router]") {
  CHECK(router().find("POST", "/users/import").route->path == "/users/import");
  const Router::Match match = router().find("DELETE", "/users/import");
  CHECK(match.route == nullptr);
  CHECK(match.allow == "POST");
}

TEST_CASE("an empty table finds nothing", "[router]") {
  const Router empty({});
  CHECK(empty.find("GET", "/").route == nullptr);
  CHECK(empty.find("GET", "/").allow.empty());
}

TEST_CASE("a match gives the table's own route, with all that stands there", "[router]") {
  CHECK(router().find("POST", "/login").route == router().find("POST", "/login").route);
  CHECK(router().find("POST", "/login").route->form_page == "/login.html");
}
