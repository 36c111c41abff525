#include "http/origin.h"

#include <string>

#include "http/body.h"
#include "http/request.h"
#include "support/catch.h"

using namespace std::string_literals;
using namespace userbin::http;

namespace {

constexpr const char* kJson = "application/json";
constexpr const char* kForm = "application/x-www-form-urlencoded";

struct Headers {
  std::string sec_fetch_site, origin, cookie, content_type;
};

Request request_with(const Headers& headers, bool https) {
  Request request;
  request.sec_fetch_site = headers.sec_fetch_site;
  request.origin = headers.origin;
  request.cookie = headers.cookie;
  request.content_type = headers.content_type;
  request.host = "own.example";
  request.https = https;
  return request;
}

}  // namespace

TEST_CASE("a request from another site is told by what the browser says", "[origin]") {
  const std::string signed_in = "__Host-userbin=abc";
  const std::string own = "https://own.example";
  const std::string evil = "https://evil.example";
  const auto [headers, cross_site] = GENERATE_COPY(table<Headers, bool>({
      // Sec-Fetch-Site decides where there is one,
      {{"same-origin", "", "", kForm}, false},
      {{"none", "", "", kForm}, false},
      {{"same-site", "", "", kForm}, true},
      {{"cross-site", "", "", kForm}, true},
      {{"Same-Origin", "", "", kForm}, true},
      {{"same-origin, none", "", "", kForm}, true},
      {{"anything", "", "", kJson}, true},
      {{"same-origin", evil, signed_in, kForm}, false},
      {{"cross-site", own, "", kJson}, true},
      {{"same-site", own, signed_in, kJson}, true},
      // else Origin,
      {{"", own, signed_in, kForm}, false},
      {{"", "HTTPS://Own.Example", signed_in, kForm}, false},
      {{"", evil, "", kForm}, true},
      {{"", evil, "", kJson}, true},
      {{"", "null", "", kJson}, true},
      {{"", "http://own.example", signed_in, kForm}, true},
      {{"", "https://own.example:8443", signed_in, kForm}, true},
      {{"", "https://own.example.evil.example", signed_in, kForm}, true},
      {{"", "https://evil.example/https://own.example", signed_in, kForm}, true},
      {{"", "https://sub.own.example", signed_in, kForm}, true},
      {{"", "own.example", signed_in, kForm}, true},
      // else it must not make use of a session, unless no form can have sent it.
      {{"", "", "", kForm}, false},
      {{"", "", "", ""}, false},
      {{"", "", "theme=dark", kForm}, false},
      {{"", "", signed_in, kForm}, true},
      {{"", "", signed_in, ""}, true},
      {{"", "", signed_in, "text/plain"}, true},
      {{"", "", signed_in, "text/plain; application/json"}, true},
      {{"", "", signed_in, "multipart/form-data; boundary=application/json"}, true},
      {{"", "", "a=1; " + signed_in + "; b=2", kForm}, true},
      {{"", "", signed_in + "; " + signed_in, kForm}, true},
      {{"", "", "__Host-userbin=", kForm}, true},
      {{"", "", signed_in, kJson}, false},
      {{"", "", signed_in, "Application/JSON; charset=utf-8"}, false},
  }));
  CAPTURE(headers.sec_fetch_site, headers.origin, headers.cookie, headers.content_type);
  CHECK(is_cross_site(request_with(headers, true), "") == cross_site);
}

TEST_CASE("without TLS the plain session cookie and the plain origin count", "[origin]") {
  const auto [headers, cross_site] = GENERATE(table<Headers, bool>({
      {{"", "", "userbin=abc", kForm}, true},
      {{"", "", "userbin=abc", kJson}, false},
      {{"", "http://own.example", "userbin=abc", kForm}, false},
      {{"", "https://own.example", "userbin=abc", kForm}, true},
  }));
  CHECK(is_cross_site(request_with(headers, false), "") == cross_site);
}

TEST_CASE("an origin that is set counts instead of the host asked for", "[origin]") {
  const auto [origin, cross_site] = GENERATE(table<std::string, bool>({
      {"https://public.example", false},
      {"https://PUBLIC.example", false},
      {"https://own.example", true},
      {"http://public.example", true},
      {"https://public.example.evil.example", true},
      {"https://public.exampl", true},
  }));
  CAPTURE(origin);
  const Request request = request_with({"", origin, "", kForm}, true);
  CHECK(is_cross_site(request, "https://Public.example") == cross_site);
}

TEST_CASE("a path on this site is a safe place to go", "[origin]") {
  const auto target = GENERATE(values<std::string>({
      "/",
      "/a",
      "/app/",
      "/app/page.html",
      "/a/b/c/d/e",
      "/search?q=a%20b&lang=en",
      "/?x=1",
      "/#top",
      "/wiki/Main_Page?action=edit#s2",
      "/api/projects/group%2Fname?ref=main",
      "/login?rd=%2Fapp%2F",
      "/go?to=https:%2F%2Fother.example%2F",
      "/100%25?x=%25",
      "/caf%C3%A9?q=%E2%82%AC",
      "/caf\xC3\xA9",
      "/.well-known/change-password",
      "/.hidden",
      "/a/...",
      "/.../a",
      "/a/..b/c",
      "/a/.b/c..",
      "/a..",
      "/file.tar.gz",
      "/~user/@me/x:y;z=1",
      "/a?b=c?d=e",
      "/a,b!c$d'e(f)*g+h",
      "/%7Euser/%2e%2e",
      "/a?path=.&up=..",
      "/a?path=/../a/./b",
      "/a?to=https://other.example//b",
      "/a#//other.example",
      "/evil.example",
      "/user@host.example/",
      "/http:/x",
  }));
  CAPTURE(target);
  CHECK(is_safe_redirect(target));
}

TEST_CASE("what is no path, or has a scheme, is no safe place to go", "[origin]") {
  const auto target = GENERATE(values<std::string>({
      "",
      "a",
      "?a",
      "#a",
      ".",
      "..",
      "./a",
      "../a",
      "evil.example",
      "@evil.example",
      ".evil.example",
      ":80/",
      "http://evil.example",
      "https://evil.example/",
      "HTTPS://evil.example",
      "https:evil.example",
      "https:/evil.example",
      "http:///evil.example",
      "ftp://evil.example",
      "javascript:alert(1)",
      "JavaScript://%0Aalert(1)",
      "data:text/html,x",
      "vbscript:x",
      "mailto:a@evil.example",
      "https://own.example@evil.example",
      "own.example/a",
  }));
  CAPTURE(target);
  CHECK_FALSE(is_safe_redirect(target));
}

TEST_CASE("two slashes at the front, of either kind, lead to another site", "[origin]") {
  const auto target = GENERATE(values<std::string>({
      "//",
      "//evil.example",
      "///evil.example",
      "////evil.example",
      "//evil.example/a?b",
      "/\\",
      "/\\evil.example",
      "\\/evil.example",
      "\\\\evil.example",
      "\\evil.example",
      "/\\/evil.example",
      "//\\evil.example",
      "/\\\\evil.example",
      "\\",
      "//own.example@evil.example",
      "//@evil.example",
      "//2130706433",
      "//[::1]/",
      "//evil%2Eexample",
      "/\xEF\xBC\x8F//evil.example",
  }));
  CAPTURE(target);
  CHECK_FALSE(is_safe_redirect(target));
}

TEST_CASE("white space and control characters, which browsers take away, are not safe",
          "[origin]") {
  const auto target = GENERATE(values<std::string>({
      " /a",
      "/ /evil.example",
      "/\t/evil.example",
      "/\n/evil.example",
      "/\r/evil.example",
      "/\r\n/evil.example",
      "\t//evil.example",
      "\n//evil.example",
      " //evil.example",
      "/a b",
      "/a ",
      "/a\t",
      "/a\n",
      "/\v/evil.example",
      "/\f/evil.example",
      "/\0/evil.example"s,
      "/a\0"s,
      "\0/a"s,
      "/\x1F/evil.example",
      "/\x7F/evil.example",
      "\x01/a",
      "/\t\\evil.example",
      "/\\\tevil.example",
      "/a\r\nSet-Cookie: x=y",
      "/a\r\n\r\n<script>",
      "/a?b=\n",
  }));
  CAPTURE(target);
  CHECK_FALSE(is_safe_redirect(target));
}

TEST_CASE("segments of dots, which browsers resolve, are not safe", "[origin]") {
  const auto target = GENERATE(values<std::string>(
      {"/.//evil.example", "/..//evil.example", "/./evil.example", "/../evil.example",
       "/./\\evil.example", "/a/..//evil.example", "/a/.././/evil.example", "/a/../../evil.example",
       "/.\\evil.example", "/..\\evil.example", "/.\t/evil.example", "/\t./evil.example",
       "/a/b/./c", "/%2e//evil.example", "/%2e%2e//evil.example", "/.;//evil.example"}));
  CAPTURE(target);
  CHECK_FALSE(is_safe_redirect(target));
}

TEST_CASE("two slashes are not safe deeper within either", "[origin]") {
  const auto target =
      GENERATE(values<std::string>({"/a//evil.example", "/a\\b", "/a/./b?rd=//evil.example",
                                    "/a/..//?b", "/a?to=http:\\\\evil.example"}));
  CAPTURE(target);
  CHECK_FALSE(is_safe_redirect(target));
}

TEST_CASE("a place to go is judged as it is after one decoding", "[origin]") {
  const auto encoded = GENERATE(values<std::string>({
      "%2F%2Fevil.example",         "/%2Fevil.example",
      "%2f/evil.example",           "/%5Cevil.example",
      "%5c%5cevil.example",         "%5C/evil.example",
      "/%09/evil.example",          "/%0A/evil.example",
      "/%0d%0aSet-Cookie:x",        "/+/evil.example",
      "/%20/evil.example",          "/%00/evil.example",
      "/%2E/evil.example",          "/%2e%2e/evil.example",
      "/%2e%2F/evil.example",       "%09//evil.example",
      "https%3A%2F%2Fevil.example", "%40evil.example",
      "%252F%252Fevil.example",     "/a%7F",
  }));
  CAPTURE(encoded);
  CHECK_FALSE(is_safe_redirect(decode_form("rd=" + encoded).at("rd")));
}

TEST_CASE("a place to go must fit into an answer's head", "[origin]") {
  CHECK(is_safe_redirect("/" + std::string(2047, 'a')));
  CHECK_FALSE(is_safe_redirect("/" + std::string(2048, 'a')));
  CHECK_FALSE(is_safe_redirect("/" + std::string(100'000, 'a')));
}
