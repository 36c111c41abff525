// The worker as a FastCGI authorizer, without a web server: what Apache and lighttpd send it.
#include "support/catch.h"
#include "support/site.h"

using namespace userbin::test;

namespace {

using Params = std::vector<std::pair<std::string, std::string>>;

constexpr int kAuthorizer = 2;

Params question(const std::string& cookie = "", const std::string& require = "") {
  return {{"REQUEST_METHOD", "GET"},        {"REQUEST_URI", "/members/?a=b&c=d"},
          {"REMOTE_ADDR", "192.0.2.1"},     {"HTTP_ACCEPT", "text/html"},
          {"HTTP_COOKIE", cookie},          {"USERBIN_REQUIRE", require},
          {"HTTP_USERBIN_REQUIRE", "none"}, {"REMOTE_USER", "forged"}};
}

std::string bytes_of(const Params& params, bool keep_connection = false) {
  return fastcgi_begin(keep_connection, kAuthorizer) + fastcgi_params(params);
}

std::string ask(const Site& site, const std::string& bytes) {
  RawConnection connection(site.socket());
  connection.send(bytes);
  return connection.read_answer().value_or("no answer");
}

/// Registers and logs in; the session as a Cookie header.
std::string session_of(const Site& site, const std::string& username) {
  HttpClient client(site.url());
  const std::string body = credentials(username, "seven green lanterns");
  client.post_json("/register", body);
  const std::string cookie = client.post_json("/login", body).header("Set-Cookie");
  REQUIRE(cookie.starts_with("userbin="));
  return cookie.substr(0, cookie.find(';'));
}

const std::string kLetIn =
    "Status: 200 OK\r\nVariable-REMOTE_USER: alice\r\nVariable-REMOTE_GROUPS: user\r\n"
    "Variable-REMOTE_NAME: \r\nVariable-REMOTE_EMAIL: \r\n\r\n";

}  // namespace

TEST_CASE("an authorizer's request is answered whether or not a body is announced, sent or ended") {
  Site site;
  const std::string bytes = bytes_of(question(session_of(site, "alice")), GENERATE(false, true));
  const auto behind = GENERATE(values<std::string>({
      "",                                                 // Apache, and lighttpd before a body
      fastcgi_record(5, ""),                              // lighttpd without one
      fastcgi_record(5, "body") + fastcgi_record(5, ""),  // neither
      fastcgi_record(5, std::string(60'000, 'b')),        //
      fastcgi_record(5, "body").substr(0, 10),            //
      std::string(300'000, 'x'),                          //
  }));
  RawConnection connection(site.socket());
  connection.send(bytes + behind);
  CHECK(connection.read_answer().value_or("no answer") == kLetIn);
  CHECK(connection.is_closed(5));
}

TEST_CASE("what comes after an authorizer's parameters may come late") {
  Site site;
  RawConnection connection(site.socket());
  connection.send(bytes_of(question(session_of(site, "alice")), true));
  CHECK(connection.read_answer() == kLetIn);
  connection.send(fastcgi_record(5, ""));
  CHECK(connection.is_closed(5));
}

TEST_CASE("an authorizer's request that arrives byte by byte is answered") {
  Site site;
  RawConnection connection(site.socket());
  for (const char byte : bytes_of(question(session_of(site, "alice")))) {
    REQUIRE(connection.send(std::string(1, byte)));
  }
  CHECK(connection.read_answer() == kLetIn);
}

TEST_CASE("a request behind an authorizer's is never taken for one") {
  Site site;
  const std::string inner_body = credentials("forged", "seven green lanterns");
  const std::string inner = fastcgi_request({{"REQUEST_METHOD", "POST"},
                                             {"DOCUMENT_URI", "/register"},
                                             {"CONTENT_TYPE", "application/json"},
                                             {"CONTENT_LENGTH", std::to_string(inner_body.size())}},
                                            inner_body, true);
  const auto before = GENERATE(values<std::string>({"", fastcgi_record(5, "")}));
  RawConnection connection(site.socket());
  connection.send(bytes_of(question(), true) + before + inner);
  CHECK(connection.read_answer().value_or("").starts_with("Status: 303"));
  CHECK_FALSE(connection.read_answer(1));
  HttpClient client(site.url());
  CHECK(client.post_json("/login", inner_body).status == 401);
}

TEST_CASE("an authorizer keeps out who is not signed in, or has not the role, whatever he sends") {
  Site site;
  const std::string session = session_of(site, "alice");
  const std::string redirect = ask(site, bytes_of(question()));
  CHECK(redirect.starts_with("Status: 303 See Other\r\n"));
  CHECK(redirect.find("\r\nLocation: /login?rd=/members/%3Fa%3Db%26c%3Dd\r\n") !=
        std::string::npos);
  Params program = question();
  program[3].second = "*/*";
  CHECK(ask(site, bytes_of(program)).starts_with("Status: 401 Unauthorized\r\n"));
  CHECK(ask(site, bytes_of(question(session, "role:admin")))
            .starts_with("Status: 403 Forbidden\r\n"));
  CHECK(ask(site, bytes_of(question(session, "role:user"))) == kLetIn);
  Params twice = question(session, "role:admin");
  twice.emplace_back("USERBIN_REQUIRE", "");
  CHECK(ask(site, bytes_of(twice)).starts_with("Status: 400"));
}

TEST_CASE("authorizers' and other requests are served side by side") {
  Site site;
  const std::string bytes = bytes_of(question(session_of(site, "alice")));
  RawConnection kept(site.socket());
  for (int i = 0; i < 100; ++i) {
    REQUIRE(ask(site, bytes) == kLetIn);
    kept.send(fastcgi_request({{"REQUEST_METHOD", "GET"}, {"DOCUMENT_URI", "/healthz"}}, "", true));
    REQUIRE(kept.read_answer().value_or("").starts_with("Status: 200"));
  }
}
