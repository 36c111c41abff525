#include "app/metrics_server.h"

#include <stdexcept>

#include "support/catch.h"

namespace userbin::app {

namespace {

std::string answer_to(const std::string& line) {
  return metrics_answer(line + "\r\nHost: localhost\r\n\r\n", [] { return "a 1\n"; });
}

}  // namespace

TEST_CASE("only GET and HEAD of /metrics show metrics") {
  const auto [line, start] = GENERATE(table<std::string, std::string>({
      {"GET /metrics HTTP/1.1", "HTTP/1.1 200 "},
      {"GET /metrics?collect[]=x HTTP/1.0", "HTTP/1.1 200 "},
      {"HEAD /metrics HTTP/1.1", "HTTP/1.1 200 "},
      {"POST /metrics HTTP/1.1", "HTTP/1.1 405 "},
      {"GET / HTTP/1.1", "HTTP/1.1 404 "},
      {"GET /metrics/ HTTP/1.1", "HTTP/1.1 404 "},
      {"GET http://other/metrics HTTP/1.1", "HTTP/1.1 400 "},
      {"GET /metrics", "HTTP/1.1 400 "},
      {"GET /metrics HTTP/2.0", "HTTP/1.1 400 "},
      {"\x16\x03\x01", "HTTP/1.1 400 "},
      {"", "HTTP/1.1 400 "},
  }));
  CAPTURE(line);
  CHECK(answer_to(line).starts_with(start));
  const bool shows = answer_to(line).find("a 1\n") != std::string::npos;
  CHECK(shows == (start == "HTTP/1.1 200 " && !line.starts_with("HEAD")));
}

TEST_CASE("an answer says what it is and how long") {
  const std::string answer = answer_to("GET /metrics HTTP/1.1");
  for (const char* field : {"\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n",
                            "\r\nContent-Length: 4\r\n", "\r\nConnection: close\r\n"}) {
    CHECK(answer.find(field) != std::string::npos);
  }
  CHECK(answer.ends_with("\r\n\r\na 1\n"));
  CHECK(answer_to("HEAD /metrics HTTP/1.1").ends_with("Connection: close\r\n\r\n"));
}

}  // namespace userbin::app
