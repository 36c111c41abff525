// The worker's socket, without nginx: peers that stall, forge and flood.
#include <thread>

#include "support/bad_requests.h"
#include "support/catch.h"
#include "support/site.h"

using namespace userbin::test;

namespace {

using Params = std::vector<std::pair<std::string, std::string>>;

Params get(const std::string& path) {
  return {{"REQUEST_METHOD", "GET"}, {"DOCUMENT_URI", path}, {"REMOTE_ADDR", "192.0.2.1"}};
}

Params post(const std::string& path, const std::string& body) {
  return {{"REQUEST_METHOD", "POST"},
          {"DOCUMENT_URI", path},
          {"REMOTE_ADDR", "192.0.2.1"},
          {"CONTENT_TYPE", "application/json"},
          {"CONTENT_LENGTH", std::to_string(body.size())}};
}

std::vector<std::string> flags(const std::vector<std::string>& more) {
  std::vector<std::string> all = kCheapHashing;
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

bool is_ok(const std::optional<std::string>& answer) {
  return answer && answer->starts_with("Status: 200 OK\r\n");
}

}  // namespace

TEST_CASE("cgi-fcgi can talk to the worker") {
  Site site;
  const Finished finished =
      run_command({"cgi-fcgi", "-bind", "-connect", site.socket()}, "",
                  {"REQUEST_METHOD=GET", "DOCUMENT_URI=/healthz", "CONTENT_LENGTH=0"});
  CHECK(finished.output.starts_with("Status: 200 OK"));
  CHECK(finished.output.find(R"({"status":"ok"})") != std::string::npos);
}

TEST_CASE("a kept connection serves one request after the other") {
  Site site;
  RawConnection connection(site.socket());
  for (int i = 0; i < 100; ++i) {
    REQUIRE(connection.send(fastcgi_request(get("/healthz"), "", true)));
    REQUIRE(is_ok(connection.read_answer()));
  }
}

TEST_CASE("a connection that nginx does not ask to keep is closed") {
  Site site;
  RawConnection connection(site.socket());
  connection.send(fastcgi_request(get("/healthz"), "", false));
  CHECK(is_ok(connection.read_answer()));
  CHECK(connection.is_closed());
}

TEST_CASE("many more kept connections than threads are all served") {
  Site site({.worker_flags = flags({"--threads=2"})});
  std::vector<RawConnection> connections;
  for (int i = 0; i < 200; ++i) connections.emplace_back(site.socket());
  for (int round = 0; round < 3; ++round) {
    for (RawConnection& connection : connections) {
      REQUIRE(connection.send(fastcgi_request(get("/healthz"), "", true)));
      REQUIRE(is_ok(connection.read_answer()));
    }
  }
}

TEST_CASE("silent and half-sent connections delay nobody, and the half-sent ones are closed") {
  Site site({.worker_flags = flags({"--threads=2", "--request-timeout=2s"})});
  std::vector<RawConnection> silent, half_sent;
  const std::string request = fastcgi_request(get("/healthz"), "", true);
  for (int i = 0; i < 16; ++i) {
    silent.emplace_back(site.socket());
    half_sent.emplace_back(site.socket());
    // Cut within a record's header, within the parameters, and before the end of the body.
    const std::size_t cut = i % 3 == 0 ? 5 : i % 3 == 1 ? 40 : request.size() - 1;
    REQUIRE(half_sent.back().send(request.substr(0, cut)));
  }
  for (int i = 0; i < 50; ++i) {
    RawConnection connection(site.socket());
    connection.send(request);
    REQUIRE(is_ok(connection.read_answer(1)));
  }
  for (RawConnection& connection : half_sent) CHECK(connection.is_closed(10));
  for (RawConnection& connection : silent) {
    REQUIRE(connection.send(request));
    CHECK(is_ok(connection.read_answer()));
  }
}

TEST_CASE("a request that arrives byte by byte is answered") {
  Site site;
  const std::string body = credentials("alice", "seven green lanterns");
  const std::string request = fastcgi_request(post("/register", body), body, false);
  RawConnection connection(site.socket());
  for (const char byte : request) REQUIRE(connection.send(std::string(1, byte)));
  CHECK(is_ok(connection.read_answer()));
}

TEST_CASE("a request hidden in a body is never taken for one") {
  Site site;
  Params forged = post("/register", "");
  const std::string inner_body = credentials("forged", "seven green lanterns");
  forged.back().second = std::to_string(inner_body.size());
  const std::string inner = fastcgi_request(forged, inner_body, true);

  SECTION("in a body that is read and refused") {
    RawConnection connection(site.socket());
    connection.send(fastcgi_request(post("/login", inner), inner, true));
    const auto answer = connection.read_answer();
    REQUIRE(answer);
    CHECK(answer->starts_with("Status: 400"));
    // Only one answer comes, and the connection is in step for the next request.
    connection.send(fastcgi_request(get("/healthz"), "", true));
    CHECK(is_ok(connection.read_answer()));
  }
  SECTION("in a body for a path or method that reads none") {
    const auto [method, path] = GENERATE(table<const char*, const char*>(
        {{"POST", "/nowhere"}, {"PUT", "/login"}, {"GET", "/healthz"}}));
    RawConnection connection(site.socket());
    Params params = post(path, inner);
    params[0].second = method;
    connection.send(fastcgi_request(params, inner, true));
    REQUIRE(connection.read_answer());
    connection.send(fastcgi_request(get("/healthz"), "", true));
    CHECK(is_ok(connection.read_answer()));
  }
  SECTION("in a body that is too large to be read") {
    const std::string padded = std::string(70'000, ' ') + inner;
    RawConnection connection(site.socket());
    connection.send(fastcgi_request(post("/login", padded), padded, true));
    const auto answer = connection.read_answer();
    REQUIRE(answer);
    CHECK(answer->starts_with("Status: 413"));
    CHECK_FALSE(connection.read_answer(1));
  }
  SECTION("behind the end of a request") {
    RawConnection connection(site.socket());
    connection.send(fastcgi_request(get("/healthz"), "", true) + inner);
    CHECK_FALSE(connection.read_answer(1));
  }
  SECTION("through nginx") {
    HttpClient client(site.url());
    const auto* type = GENERATE("Content-Type: application/json", "Content-Type: text/plain");
    for (const char* path : {"/login", "/me", "/logout", "/healthz"}) {
      client.send({.method = "POST", .path = path, .body = inner, .headers = {type}});
    }
    CHECK(client.get("/healthz").status == 200);
  }
  HttpClient client(site.url());
  CHECK(client.post_json("/login", inner_body).status == 401);
}

TEST_CASE("a body that is not as long as announced is refused") {
  Site site;
  const std::string body = credentials("alice", "seven green lanterns");
  const auto* announced = GENERATE("1000", "10", "0", "", "x", "-1");
  Params params = post("/register", body);
  params.back().second = announced;
  RawConnection connection(site.socket());
  connection.send(fastcgi_request(params, body, true));
  const auto answer = connection.read_answer();
  REQUIRE(answer);
  CHECK(answer->starts_with("Status: 400"));
}

TEST_CASE("a body that is cut short by the peer's end changes nothing") {
  Site site;
  const std::string body = credentials("alice", "seven green lanterns");
  const std::string request = fastcgi_request(post("/register", body), body, false);
  {
    RawConnection connection(site.socket());
    connection.send(request.substr(0, request.size() - 20));
  }
  HttpClient client(site.url());
  CHECK(client.post_json("/login", body).status == 401);
}

TEST_CASE("a parameter that comes twice is refused, and never verified") {
  Site site;
  Params params = get("/me");
  params.emplace_back("REMOTE_ADDR", "127.0.0.1");
  RawConnection connection(site.socket());
  connection.send(fastcgi_request(params, "", true));
  auto answer = connection.read_answer();
  REQUIRE(answer);
  CHECK(answer->starts_with("Status: 400"));
  params[1].second = "/verify";
  connection.send(fastcgi_request(params, "", true));
  answer = connection.read_answer();
  REQUIRE(answer);
  CHECK(answer->starts_with("Status: 401"));
}

TEST_CASE("what is no FastCGI closes the connection and harms nobody") {
  Site site;
  for (const std::string& rubbish : broken_records()) {
    CAPTURE(rubbish.size(), rubbish.substr(0, 64));
    RawConnection connection(site.socket());
    connection.send(rubbish);
    CHECK(connection.is_closed());
  }
  HttpClient client(site.url());
  CHECK(client.get("/healthz").status == 200);
}

TEST_CASE("while hashes run, other requests are answered by the same thread") {
  Site site({.worker_flags = {"--threads=1", "--hash-slots=1", "--hash-memory=262144",
                              "--hash-passes=4"}});
  RawConnection login(site.socket());
  const std::string body = credentials("nobody", "seven green lanterns");
  login.send(fastcgi_request(post("/login", body), body, false));
  RawConnection connection(site.socket());
  for (int i = 0; i < 20; ++i) {
    connection.send(fastcgi_request(get("/healthz"), "", true));
    REQUIRE(is_ok(connection.read_answer()));
  }
  // The hash takes many times as long as the 20 answers; had it held the thread, it would be done.
  CHECK_FALSE(login.read_answer(0));
  const auto answer = login.read_answer();
  REQUIRE(answer);
  CHECK(answer->starts_with("Status: 401"));
}

TEST_CASE("more logins than can wait are turned away with a time to come back") {
  Site site({.worker_flags = {"--hash-slots=1", "--hash-queue=1", "--hash-memory=131072"}});
  std::vector<RawConnection> connections;
  const std::string body = credentials("nobody", "seven green lanterns");
  for (int i = 0; i < 8; ++i) {
    connections.emplace_back(site.socket());
    connections.back().send(fastcgi_request(post("/login", body), body, false));
  }
  int refused = 0, unauthorised = 0;
  for (RawConnection& connection : connections) {
    const auto answer = connection.read_answer();
    REQUIRE(answer);
    if (answer->starts_with("Status: 503") && answer->find("Retry-After: 2") != std::string::npos)
      ++refused;
    if (answer->starts_with("Status: 401")) ++unauthorised;
  }
  CHECK(refused >= 1);
  CHECK(unauthorised >= 1);
  CHECK(refused + unauthorised == 8);
}
