// Where a login leads: back to where one was, and never to another site.
#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "base/text.h"
#include "support/catch.h"
#include "support/site.h"

using namespace userbin::test;
using userbin::base::percent_decode;
using userbin::base::percent_encode;
using userbin::base::to_lower_ascii;

namespace {

const std::string kForm = "username=ada&password=seven+green+lanterns";

void register_ada(const Site& site) {
  HttpClient client(site.url());
  REQUIRE(client.post_form("/register", kForm).status == 200);
}

/// All that tests/support/hostile_redirects.txt makes, not encoded.
std::set<std::string> hostile_values() {
  std::map<std::string, std::vector<std::string>> parts;
  std::istringstream lines(read_file("tests/support/hostile_redirects.txt"));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) continue;
    const auto space = std::min(line.find(' '), line.size());
    parts[line.substr(0, space)].push_back(
        percent_decode(line.substr(std::min(space + 1, line.size()))).value());
  }
  std::set<std::string> values;
  for (const std::string& start : parts["start"]) {
    for (const std::string& slashes : parts["slashes"]) {
      for (const std::string& host : parts["host"]) values.insert(start + slashes + host);
    }
  }
  return values;
}

std::string without(const std::string& text, const std::string& characters) {
  std::string kept;
  for (const char c : text) {
    if (characters.find(c) == std::string::npos) kept += c;
  }
  return kept;
}

/// The host that a browser goes to from an http page of `own_host` (WHATWG URL, section 4.4), with
/// its port; for any other scheme, that.
std::string host_after(std::string target, const std::string& own_host) {
  const auto is_stripped = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
  target.erase(target.begin(), std::find_if_not(target.begin(), target.end(), is_stripped));
  while (!target.empty() && is_stripped(target.back())) target.pop_back();
  target = without(target, "\t\n\r");
  const auto colon =
      target.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
  if (colon != std::string::npos && colon > 0 && target[colon] == ':' &&
      std::isalpha(static_cast<unsigned char>(target[0])) != 0) {
    const std::string scheme = to_lower_ascii(target.substr(0, colon + 1));
    if (scheme != "http:") return scheme;
    target.erase(0, colon + 1);
  }
  const auto path = std::min(target.find_first_not_of("/\\"), target.size());
  if (path < 2) return own_host;
  const std::string authority = target.substr(path, target.find_first_of("/\\?#", path) - path);
  const auto at = authority.rfind('@');
  return at == std::string::npos ? authority : authority.substr(at + 1);
}

}  // namespace

TEST_CASE("the judge of these tests goes where a browser goes") {
  const auto [target, host] = GENERATE(table<std::string, std::string>({
      {"/a?b", "own"},
      {"a", "own"},
      {"", "own"},
      {"/", "own"},
      {"/?//evil", "own"},
      {"http:/a", "own"},
      {"http:evil", "own"},
      {"/a//evil", "own"},
      {"//evil", "evil"},
      {"//own@evil/a", "evil"},
      {"/\\evil:80\\a", "evil:80"},
      {"\\\\evil?a", "evil"},
      {" \x01//evil", "evil"},
      {"/\t/evil", "evil"},
      {"\n/\r\n/evil", "evil"},
      {"////evil", "evil"},
      {"HTTP://evil#a", "evil"},
      {"ht\ntp:\\\\evil", "evil"},
      {"https:/evil", "https:"},
      {"javascript:alert(1)", "javascript:"},
  }));
  CAPTURE(target);
  CHECK(host_after(target, "own") == host);
}

TEST_CASE("hundreds of hostile places to go never lead away from the site") {
  const Site site;
  register_ada(site);
  const std::string own = site.url().substr(std::string("http://").size());
  const std::set<std::string> values = hostile_values();
  std::size_t leading_away = 0;
  HttpClient browser(site.url());
  for (const std::string& value : values) {
    CAPTURE(value);
    if (host_after(value, own) != own) ++leading_away;
    const std::string rd = "rd=" + percent_encode(value);
    for (const Answer& answer : {browser.post_form("/login", kForm + "&" + rd, kBrowser),
                                 browser.post_form("/login?" + rd, kForm, kBrowser)}) {
      const std::string location = answer.header("Location");
      CAPTURE(location);
      CHECK(answer.status == 303);
      CHECK_FALSE(location.empty());
      CHECK(host_after(location, own) == own);
      CHECK(answer.header("X-Injected").empty());
    }
  }
  WARN(values.size() << " values, " << leading_away << " of which lead away if they are believed");
  CHECK(values.size() >= 500);
  CHECK(leading_away >= 250);
}

TEST_CASE("a person who followed a link and had to log in lands where it led") {
  const Site site({.locations =
                       "location /place/ { auth_request /verify;"
                       "auth_request_set $userbin_login $upstream_http_location;"
                       "error_page 401 = @userbin_login; add_header Asked-For $request_uri;"
                       "root $userbin_www; try_files /userbin.svg =404; }\n"});
  register_ada(site);
  const std::vector<std::string> links = {
      "",
      "?a=b",
      "?a=b&c=d",
      "?a=b?c=d",
      "?empty=&flag",
      "?list[]=1&list[]=2",
      "?q=a+b",
      "?at=12:30",
      "page%20one?q=a%20b",
      "group%2Fname?ref=feature%2Fx",
      "100%25?x=%25",
      "?q=%26%3D%3F%23%2B",
      "?q=%252F%2520",
      "?q=%22%3Cb%3E",
      "caf%C3%A9?q=%E2%82%AC",
      "?q=caf\xC3\xA9",
      "a;b=c,d/~e/@f:g!$'()*",
      ".../.hidden/a..b",
      "?to=https%3A%2F%2Fother.example%2F",
      "?to=https://other.example/a",
      "?path=/../a/./b",
      "?rd=/elsewhere&error=a&notice=b&username=c",
      "long/" + std::string(900, 'a') + "?q=" + std::string(900, 'b'),
  };
  for (const std::string& link : links) {
    const std::string path = "/place/" + link;
    CAPTURE(path);
    HttpClient browser(site.url());
    const Answer refused = browser.get(path, kBrowser);
    CHECK(refused.status == 303);
    const std::string login = refused.header("Location");
    CHECK(login.starts_with("/login?rd=/place/"));
    CHECK(browser.get(login, kBrowser).status == 200);
    const Answer mistaken = browser.post_form(login, "username=ada&password=wrong", kBrowser);
    CHECK(mistaken.status == 303);
    const Answer done = browser.post_form(mistaken.header("Location"), kForm, kBrowser);
    CHECK(done.status == 303);
    CHECK(done.header("Location") == path);
    const Answer page = browser.get(done.header("Location"), kBrowser);
    CHECK(page.status == 200);
    CHECK(page.header("Asked-For") == path);
  }
}
