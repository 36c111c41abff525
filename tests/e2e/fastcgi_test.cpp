// The worker's socket, without nginx: peers that stall, forge and flood.
#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <thread>

#include "support/bad_requests.h"
#include "support/catch.h"
#include "support/machine.h"
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

/// A request whose answer is far more than a socket's buffer takes: 60 users of 20 KB each.
std::string request_for_much(const Site& site) {
  const std::string name = "user";
  HttpClient client(site.url());
  for (int i = 0; i < 60; ++i) {
    const std::string body = credentials(name + std::to_string(i), "seven green lanterns");
    REQUIRE(client.post_json("/register", body).status == 200);
  }
  const std::string note = '"' + std::string(20'000, 'x') + '"';
  site.sql("UPDATE users SET record = " + Site::record_with("note", note));
  site.sql("UPDATE users SET record = " + Site::record_with("role", "\"admin\"") +
           " WHERE name = 'user0'");
  const Answer login = client.post_json(
      "/login", R"({"username": "user0", "password": "seven green lanterns", "token": true})");
  REQUIRE(login.status == 200);
  Params params = get("/users");
  params.emplace_back("QUERY_STRING", "limit=60");
  params.emplace_back("HTTP_AUTHORIZATION", "Bearer " + login.json()["token"].asString());
  return fastcgi_request(params, "", true);
}

void check_healthz(const Site& site, int times) {
  const std::string request = fastcgi_request(get("/healthz"), "", false);
  for (int i = 0; i < times; ++i) {
    RawConnection connection(site.socket());
    connection.send(request);
    REQUIRE(is_ok(connection.read_answer()));
  }
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

TEST_CASE("many more kept connections than threads are all served, in turn and all at once") {
  const auto* threads = GENERATE("--threads=1", "--threads=2");
  Site site({.worker_flags = flags({threads})});
  const std::string request = fastcgi_request(get("/healthz"), "", true);
  std::vector<RawConnection> connections;
  for (int i = 0; i < 300; ++i) connections.emplace_back(site.socket());
  for (int round = 0; round < 2; ++round) {
    for (RawConnection& connection : connections) {
      REQUIRE(connection.send(request));
      REQUIRE(is_ok(connection.read_answer()));
    }
    for (RawConnection& connection : connections) REQUIRE(connection.send(request));
    for (RawConnection& connection : connections) REQUIRE(is_ok(connection.read_answer()));
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

TEST_CASE("2,000 half-open connections delay nobody, and are closed") {
  const std::size_t wanted = 2000;
  const std::size_t count = std::min(wanted, descriptors_left());
  if (count < wanted) WARN("this machine allows only " << count << " connections; raise ulimit -n");
  Site site({.worker_flags = flags({"--threads=2", "--request-timeout=3s"})});
  const std::string body = credentials("alice", "seven green lanterns");
  const std::string request = fastcgi_request(post("/login", body), body, true);
  const std::size_t begin = fastcgi_begin(true).size();
  // Begun and no more; half of the parameters; all but the end of the body.
  const std::array<std::size_t, 3> cuts = {begin, begin + 50, request.size() - 8};
  std::vector<RawConnection> half_open;
  for (std::size_t i = 0; i < count; ++i) {
    half_open.emplace_back(site.socket());
    half_open.back().send(request.substr(0, cuts[i % cuts.size()]));
    if (i % 100 == 0) check_healthz(site, 1);
  }
  check_healthz(site, 20);
  RawConnection login(site.socket());
  login.send(request);
  CHECK(login.read_answer().value_or("").starts_with("Status: 401"));
  for (RawConnection& connection : half_open) REQUIRE(connection.is_closed());
  check_healthz(site, 1);
}

TEST_CASE("peers that do not take their answers hold no thread, and get them whole later") {
  Site site({.worker_flags = flags({"--threads=2", "--request-timeout=60s"})});
  const std::string request = request_for_much(site);
  std::vector<RawConnection> peers;
  for (int i = 0; i < 16; ++i) {
    peers.emplace_back(site.socket());
    REQUIRE(peers.back().send(request));
  }
  for (const RawConnection& peer : peers) REQUIRE(peer.has_something());
  check_healthz(site, 20);
  for (RawConnection& peer : peers) {
    const std::string answer = peer.read_answer().value_or("");
    REQUIRE(is_ok(answer));
    const auto body = answer.substr(answer.find("\r\n\r\n") + 4);
    CHECK(body.size() > 60 * 20'000);
    CHECK(answer.find("\r\nContent-Length: " + std::to_string(body.size()) + "\r\n") != body.npos);
    // And the connection is in step for the next request.
    REQUIRE(peer.send(fastcgi_request(get("/healthz"), "", true)));
    REQUIRE(is_ok(peer.read_answer()));
  }
}

TEST_CASE("an answer that is never taken is given up after --request-timeout") {
  Site site({.worker_flags = flags({"--threads=1", "--request-timeout=1s"})});
  const std::string request = request_for_much(site);
  RawConnection peer(site.socket());
  REQUIRE(peer.send(request));
  REQUIRE(peer.has_something());
  wait_until("the worker has closed it", [&] { return !peer.send("x"); });
  CHECK_FALSE(peer.read_answer());
  check_healthz(site, 1);
}

TEST_CASE("peers that send more than is read delay nobody who is slow") {
  Site site({.worker_flags = flags({"--threads=1"})});
  const std::string endless(64 * 1024, '\5');
  std::atomic<bool> is_over = false;
  std::vector<std::thread> floods;
  for (int i = 0; i < 3; ++i) {
    floods.emplace_back([&] {
      while (!is_over) {
        RawConnection peer(site.socket());
        const std::string too_much(70'000, ' ');
        bool is_open = peer.send(fastcgi_request(post("/login", too_much), too_much, true));
        while (is_open && !is_over) is_open = peer.send(endless);
      }
    });
  }
  const std::string request = fastcgi_request(get("/healthz"), "", true);
  for (int i = 0; i < 20; ++i) {
    RawConnection slow(site.socket());
    slow.send(request.substr(0, 40));
    check_healthz(site, 1);  // so the one thread has seen the beginning
    slow.send(request.substr(40));
    CHECK(is_ok(slow.read_answer()));
  }
  is_over = true;
  for (std::thread& flood : floods) flood.join();
}

TEST_CASE("a request that arrives byte by byte is answered") {
  Site site;
  const std::string body = credentials("alice", "seven green lanterns");
  const std::string request = fastcgi_request(post("/register", body), body, false);
  RawConnection connection(site.socket());
  for (const char byte : request) REQUIRE(connection.send(std::string(1, byte)));
  CHECK(is_ok(connection.read_answer()));
}

TEST_CASE("requests in two parts are all answered, however the parts fall to the threads") {
  Site site({.worker_flags = flags({"--threads=4"})});
  const std::string request = fastcgi_request(get("/healthz"), "", true);
  std::vector<std::jthread> peers;
  std::atomic<int> unanswered = 0;
  for (int peer = 0; peer < 4; ++peer) {
    peers.emplace_back([&, peer] {
      for (int i = 0; i < 500; ++i) {
        RawConnection connection(site.socket());
        for (int times = 0; times < 2; ++times) {
          const auto cut = static_cast<std::size_t>(1 + 7 * i + peer) % request.size();
          connection.send(request.substr(0, cut));
          if (i % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(100));
          connection.send(request.substr(cut));
          if (!is_ok(connection.read_answer(5))) ++unanswered;
        }
      }
    });
  }
  peers.clear();
  CHECK(unanswered == 0);
}

TEST_CASE("a peer that ends together with its last bytes is let go") {
  Site site({.worker_flags = flags({"--threads=2", "--request-timeout=1h"})});
  const std::string request = fastcgi_request(get("/healthz"), "", true);
  const bool is_whole = GENERATE(true, false);
  CAPTURE(is_whole);
  check_healthz(site, 1);
  const auto before = open_descriptors(site.worker().pid());
  std::vector<RawConnection> peers;
  for (int i = 0; i < 32; ++i) {
    peers.emplace_back(site.socket());
    peers.back().send(request);
    REQUIRE(is_ok(peers.back().read_answer()));
  }
  site.worker().signal(SIGSTOP);  // so that both have come when it looks
  for (RawConnection& peer : peers) peer.send(request.substr(0, is_whole ? request.size() : 20));
  peers.clear();
  site.worker().signal(SIGCONT);
  wait_until("all are let go", [&] { return open_descriptors(site.worker().pid()) <= before; });
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

TEST_CASE(
    "as many logins as --hash-queue says wait, more are turned away with a time to come back") {
  Site site({.worker_flags = {"--threads=1", "--hash-slots=1", "--hash-queue=2",
                              "--hash-memory=262144", "--hash-passes=4"}});
  const std::string body = credentials("nobody", "seven green lanterns");
  const std::string request = fastcgi_request(post("/login", body), body, false);
  std::vector<RawConnection> logins;
  const auto log_in = [&] {
    logins.emplace_back(site.socket());
    logins.back().send(request);
  };
  log_in();
  wait_until("the first hash has its memory",
             [&] { return memory_kib(site.worker().pid(), "VmRSS") > 200 * 1024; });
  for (int i = 0; i < 5; ++i) log_in();
  // While the first is being hashed, two wait and three are refused.
  for (std::size_t i = 3; i < 6; ++i) {
    const std::string answer = logins[i].read_answer().value_or("");
    CHECK(answer.starts_with("Status: 503"));
    CHECK(answer.find("\r\nRetry-After: 2\r\n") != answer.npos);
    CHECK(answer.find("\"overloaded\"") != answer.npos);
  }
  CHECK_FALSE(logins[0].read_answer(0));
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(logins[i].read_answer().value_or("").starts_with("Status: 401"));
  }
  log_in();
  CHECK(logins.back().read_answer().value_or("").starts_with("Status: 401"));
}

TEST_CASE("logins whose peers have gone away make way for others, and harm nobody") {
  Site site({.worker_flags = {"--hash-slots=1", "--hash-queue=16", "--hash-memory=65536"}});
  const std::string body = credentials("nobody", "seven green lanterns");
  const std::string request = fastcgi_request(post("/login", body), body, false);
  for (int i = 0; i < 40; ++i) RawConnection(site.socket()).send(request);
  std::string answer;
  wait_until("there is room again", [&] {
    check_healthz(site, 1);
    RawConnection login(site.socket());
    login.send(request);
    answer = login.read_answer().value_or("");
    return !answer.starts_with("Status: 503");
  });
  CHECK(answer.starts_with("Status: 401"));
}
