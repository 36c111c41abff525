// Rubbish, through nginx and straight to the worker: the status of the contract, one line in the
// log, nobody registered, and the next request works.
#include <algorithm>

#include "support/bad_requests.h"
#include "support/catch.h"
#include "support/site.h"

using namespace userbin::test;

namespace {

constexpr const char* kOwnSite = "Sec-Fetch-Site: same-origin";

std::size_t count_lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_CASE("bad requests get the contract's status and one log line, and change nothing") {
  Site site;
  HttpClient client(site.url());
  for (const BadRequest& bad : bad_requests()) {
    INFO(bad.what);
    const std::size_t lines_before = count_lines(site.log());
    const Answer answer = client.send(bad.call);
    CHECK(answer.status == bad.status);
    CHECK(answer.code() == bad.code);
    CHECK_FALSE(answer.json()["error"].asString().empty());
    const std::string log = site.log();
    CHECK(count_lines(log) == lines_before + 1);
    CHECK(log.find(bad.code, log.rfind('\n', log.size() - 2) + 1) != std::string::npos);
    CHECK(client.get("/healthz").status == 200);
  }
  for (const char* name : {"mallory", "bob", "a"}) {
    CHECK(client.post_json("/login", credentials(name, "seven green lanterns")).status == 401);
  }
  CHECK(client.post_json("/register", credentials("mallory", "seven green lanterns")).status ==
        200);
}

TEST_CASE("a name with a NUL in it is not the one before the NUL") {
  Site site;
  HttpClient client(site.url());
  const std::string password = "seven green lanterns";
  REQUIRE(client.post_json("/register", credentials("ada", password)).status == 200);
  CHECK(client.post_json("/login", credentials(std::string("ada\0x", 5), password)).status == 401);
  CHECK(client.post_json("/login", credentials(std::string("ada\0", 4), password)).status == 401);
  CHECK(client.post_form("/login", "username=ada%00&password=seven+green+lanterns", {kOwnSite})
            .status == 401);
  CHECK(client.post_json("/register", credentials(std::string("bob\0", 4), password)).code() ==
        "invalid_username");
  CHECK(client.post_json("/login", credentials("ada", password)).status == 200);
}

TEST_CASE("a name that is no text lets nobody in, and breaks nothing") {
  Site site;
  HttpClient client(site.url());
  for (const char* path : {"/login", "/register"}) {
    CAPTURE(path);
    CHECK(client.post_form(path, "username=%FF&password=seven+green+lanterns", {kOwnSite}).code() ==
          "malformed_body");
    CHECK(client.post_json(path, "{\"username\":\"\xFF\",\"password\":\"seven green lanterns\"}")
              .code() == "malformed_body");
    CHECK(client.post_json(path, R"({"username":"\ud800","password":"seven green lanterns"})")
              .code() == "malformed_body");
  }
}

TEST_CASE("whoever's browser calls itself by no text logs in all the same") {
  Site site;
  HttpClient client(site.url());
  REQUIRE(client.post_json("/register", credentials("ada", "seven green lanterns")).status == 200);
  const std::string agent = GENERATE(as<std::string>{}, "Caf\xE9/1", "\xED\xA0\x80",
                                     std::string(255, 'a') + "\u00FC\u00FC");
  CHECK(
      client
          .post_json("/login", credentials("ada", "seven green lanterns"), {"User-Agent: " + agent})
          .status == 200);
  CHECK(client.get("/me/sessions").json()["sessions"].size() == 1);
}

TEST_CASE("no line of the log can be forged from outside") {
  Site site;
  HttpClient client(site.url());
  client.post_form("/register", "", {"Origin: x\xC2\x85y\x1b[31m"});
  const std::string log = site.log();
  CHECK(log.find('\x1b') == std::string::npos);
  CHECK(log.find("\\x1b[31m") != std::string::npos);
}

TEST_CASE("passwords and tokens stand in no log") {
  Site site({.worker_flags = {"--hash-memory=8", "--hash-passes=1", "--allow-weak-hashing",
                              "--log-level=trace"}});
  HttpClient client(site.url());
  client.post_json("/register", credentials("alice", "seven green lanterns"));
  client.post_json("/register", R"({"username": "x", "password": "seven green lanterns")");
  client.post_form("/register", "username=y&password=seven+green+lanterns&password=z");
  const Answer login = client.post_json("/login", credentials("alice", "seven green lanterns"));
  const std::string cookie = login.header("Set-Cookie");
  const std::string token = cookie.substr(8, 43);
  client.get("/me");
  for (const std::string& text : {site.log(), read_file(site.file("nginx-access.log")),
                                  read_file(site.file("nginx-error.log")), read_file(site.store()),
                                  read_file(site.store() + "-wal")}) {
    CHECK(text.find("green") == std::string::npos);
    CHECK(text.find(token) == std::string::npos);
  }
}
