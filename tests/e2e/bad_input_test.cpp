// Rubbish, through nginx and straight to the worker: the status of the contract, one line in the
// log, nobody registered, and the next request works.
#include <algorithm>

#include "support/catch.h"
#include "support/site.h"

using namespace userbin::test;

namespace {

const std::string kJson = "Content-Type: application/json";
const std::string kForm = "Content-Type: application/x-www-form-urlencoded";

struct BadRequest {
  const char* what;
  HttpClient::Call call;
  int status;
  const char* code;
};

std::string with_nul() {
  return std::string("username=a\0b&password=seven+green+lanterns", 42);
}

std::vector<BadRequest> bad_requests() {
  const std::string many_fields = [] {
    std::string body = "username=mallory&password=seven+green+lanterns";
    for (int i = 0; i < 10'000 && body.size() < 60'000; ++i) body += "&a" + std::to_string(i) + "=";
    return body;
  }();
  const std::string deep = R"({"username": "mallory", "password": )" + std::string(10'000, '[') +
                           std::string(10'000, ']') + "}";
  const std::string good = credentials("mallory", "seven green lanterns");
  const auto post = [](const std::string& path, const std::string& body, const std::string& type) {
    return HttpClient::Call{.method = "POST", .path = path, .body = body, .headers = {type}};
  };
  return {
      {"a method that is not there",
       {.method = "PUT", .path = "/register", .body = good, .headers = {kJson}},
       405,
       "method_not_allowed"},
      {"a type that is not understood", post("/register", good, "Content-Type: text/plain"), 415,
       "unsupported_media_type"},
      {"a multipart form",
       post("/register", "--x--", "Content-Type: multipart/form-data; boundary=x"), 415,
       "unsupported_media_type"},
      {"another character set",
       post("/register", good, "Content-Type: application/json; charset=latin1"), 415,
       "unsupported_media_type"},
      {"broken JSON", post("/register", R"({"username": "mallory")", kJson), 400, "malformed_body"},
      {"JSON that is no object", post("/register", R"(["mallory"])", kJson), 400, "malformed_body"},
      {"JSON with something behind it", post("/register", good + good, kJson), 400,
       "malformed_body"},
      {"a JSON key that comes twice",
       post("/register",
            R"({"username": "mallory", "username": "bob", "password": "seven green lanterns"})",
            kJson),
       400, "malformed_body"},
      {"a number for a name",
       post("/register", R"({"username": 7, "password": "seven green lanterns"})", kJson), 400,
       "malformed_body"},
      {"nesting 10,000 deep", post("/register", deep, kJson), 400, "malformed_body"},
      {"a lone surrogate",
       post("/register", R"({"username": "mallory", "password": "\udc00 green lanterns"})", kJson),
       400, "malformed_body"},
      {"invalid UTF-8 in JSON",
       post("/register", "{\"username\": \"mallory\", \"password\": \"seven \xC0\xAF lanterns\"}",
            kJson),
       400, "malformed_body"},
      {"a NUL in a JSON password",
       post("/register", R"({"username": "mallory", "password": "seven\u0000green lanterns"})",
            kJson),
       400, "weak_password"},
      {"broken percent-encoding",
       post("/register", "username=mallory&password=seven%2+green", kForm), 400, "malformed_body"},
      {"invalid UTF-8 in a form",
       post("/register", "username=mallory&password=%FF%FEgreenlanterns", kForm), 400,
       "malformed_body"},
      {"a NUL in a name",
       post("/register", "username=mal%00lory&password=seven+green+lanterns", kForm), 400,
       "invalid_username"},
      {"a raw NUL in a form", post("/register", with_nul(), kForm), 400, "invalid_username"},
      {"a field that comes twice",
       post("/register", "username=mallory&username=bob&password=seven+green+lanterns", kForm), 400,
       "malformed_body"},
      {"10,000 fields", post("/register", many_fields, kForm), 400, "malformed_body"},
      {"no fields", post("/register", "", kForm), 400, "missing_field"},
      {"a body above 64 KiB", post("/register", std::string(65 * 1024, 'x'), kForm), 413,
       "body_too_large"},
      {"a body of 10 MB", post("/register", std::string(10'000'000, 'x'), kForm), 413,
       "body_too_large"},
      {"a name with a line break",
       post("/register", "username=mallory%0d%0aSet-Cookie:x&password=seven+green+lanterns", kForm),
       400, "invalid_username"},
  };
}

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
