#include "http/cookie.h"

#include <chrono>
#include <optional>
#include <string>

#include "support/catch.h"

using namespace std::chrono_literals;
using namespace userbin::http;

TEST_CASE("a cookie is found by its whole name, in any place", "[cookie]") {
  const auto [header, value] = GENERATE(table<std::string, std::string>({
      {"userbin=abc", "abc"},
      {"a=1; userbin=abc; b=2", "abc"},
      {"a=1;userbin=abc;b=2", "abc"},
      {"  userbin=abc  ", "abc"},
      {";;userbin=abc;;", "abc"},
      {"userbin=", ""},
      {"userbin=a=b==", "a=b=="},
      {"userbin=\"abc\"", "\"abc\""},
      {"userbin=a,b", "a,b"},
      {"junk; userbin=abc", "abc"},
      {"__Host-userbin=no; userbin=abc", "abc"},
      {"xuserbin=no; userbin=abc; userbinx=no", "abc"},
      {"USERBIN=no; userbin=abc", "abc"},
      {"other=userbin=no; userbin=abc", "abc"},
  }));
  CAPTURE(header);
  CHECK(find_cookie(header, "userbin") == value);
}

TEST_CASE("a cookie of another name is not taken for the one asked for", "[cookie]") {
  const auto header = GENERATE(values<std::string>({
      "",
      ";",
      "; ;",
      "=",
      "=abc",
      "userbin",
      "userbin abc",
      "userbi=abc",
      "userbinx=abc",
      "xuserbin=abc",
      "__Host-userbin=abc",
      "USERBIN=abc",
      "Userbin=abc",
      "userbin =abc",
      "a=userbin=abc",
      "a=\"; b\"",
      "a, userbin=abc",
      "user bin=abc",
      "\"userbin\"=abc",
      "a=b&userbin=abc",
      "userbin%3Dabc",
  }));
  CAPTURE(header);
  CHECK(find_cookie(header, "userbin") == std::nullopt);
}

TEST_CASE("a cookie that is there twice is not believed", "[cookie]") {
  const auto header = GENERATE(values<std::string>({
      "userbin=abc; userbin=def",
      "userbin=abc; userbin=abc",
      "userbin=; userbin=abc",
      "userbin=abc; userbin=",
      "a=1; userbin=abc; b=2;userbin=def; c=3",
      "userbin=a; userbin=b; userbin=c",
      "userbin=a;userbin=b;userbin=c;userbin=d",
  }));
  CAPTURE(header);
  CHECK(find_cookie(header, "userbin") == std::nullopt);
}

TEST_CASE("a header of 64 KiB of semicolons holds no cookie", "[cookie]") {
  CHECK(find_cookie(std::string(65'536, ';'), "userbin") == std::nullopt);
}

TEST_CASE("over TLS the session cookie is one that no other host can set", "[cookie]") {
  CHECK(session_cookie_name(true) == "__Host-userbin");
  CHECK(session_cookie_name(false) == "userbin");
}

TEST_CASE("a session cookie keeps scripts, other sites and plain connections out", "[cookie]") {
  using Age = std::optional<std::chrono::seconds>;
  const auto [https, max_age, cookie] = GENERATE(table<bool, Age, std::string>({
      {true, std::nullopt, "__Host-userbin=abc; Path=/; Secure; HttpOnly; SameSite=Lax"},
      {false, std::nullopt, "userbin=abc; Path=/; HttpOnly; SameSite=Lax"},
      {true, 720h, "__Host-userbin=abc; Path=/; Max-Age=2592000; Secure; HttpOnly; SameSite=Lax"},
      {false, 1s, "userbin=abc; Path=/; Max-Age=1; HttpOnly; SameSite=Lax"},
  }));
  CHECK(session_cookie("abc", https, max_age) == cookie);
}

TEST_CASE("a session cookie is taken away by one of the same name that has ended", "[cookie]") {
  CHECK(cleared_session_cookie(true) ==
        "__Host-userbin=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax");
  CHECK(cleared_session_cookie(false) == "userbin=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
}

TEST_CASE("what is set is found again when the browser sends it", "[cookie]") {
  const auto https = GENERATE(true, false);
  const std::string set = session_cookie("dG9rZW4_-", https, 1h);
  const std::string sent = set.substr(0, set.find(';'));
  CHECK(find_cookie("theme=dark; " + sent, session_cookie_name(https)) == "dG9rZW4_-");
  CHECK(find_cookie("theme=dark; " + sent, session_cookie_name(!https)) == std::nullopt);
}
