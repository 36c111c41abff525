#include "http/response.h"

#include <string>
#include <utility>
#include <vector>

#include <json/reader.h>
#include <json/value.h>

#include "support/catch.h"

using namespace std::string_literals;
using namespace userbin::http;

namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

}  // namespace

TEST_CASE("JSON is written compactly, on one line", "[response]") {
  Json::Value value;
  value["b"] = 1;
  value["a"][0] = true;
  value["a"][1] = Json::nullValue;
  value["c"]["d"] = "e f";
  CHECK(to_json(value) == R"({"a":[true,null],"b":1,"c":{"d":"e f"}})");
}

TEST_CASE("an empty list and an empty object stay what they are", "[response]") {
  CHECK(to_json(Json::Value(Json::arrayValue)) == "[]");
  CHECK(to_json(Json::Value(Json::objectValue)) == "{}");
}

TEST_CASE("a text is escaped where JSON wants it, and UTF-8 stays as it is", "[response]") {
  const auto [text, json] = GENERATE(table<std::string, std::string>({
      {"", R"("")"},
      {"\"\\", R"("\"\\")"},
      {"\b\f\n\r\t", R"("\b\f\n\r\t")"},
      {"\0\x01\x1F"s, R"("\u0000\u0001\u001f")"},
      {"\xC3\xBC", "\"\xC3\xBC\""},
      {"\xF0\x9F\x98\x80", "\"\xF0\x9F\x98\x80\""},
      {"\xE2\x80\xA8", "\"\xE2\x80\xA8\""},
  }));
  CHECK(to_json(Json::Value(text)) == json);
}

TEST_CASE("a JSON answer says its type and ends in a newline", "[response]") {
  const auto status = GENERATE(200, 202, 503);
  Json::Value value;
  value["a"] = 1;
  const Response response = json_response(status, value);
  CHECK(response.status == status);
  CHECK(response.headers == Headers{{"Content-Type", "application/json; charset=utf-8"}});
  CHECK(response.body == "{\"a\":1}\n");
  CHECK(response.error_code.empty());
  CHECK(response.see_other.empty());
}

TEST_CASE("a message is a 200 with that one sentence", "[response]") {
  const Response response = message_response("User registered successfully");
  CHECK(response.status == 200);
  CHECK(response.body == "{\"message\":\"User registered successfully\"}\n");
}

TEST_CASE("a message cannot break out of its quotes", "[response]") {
  CHECK(message_response("a\",\"b\":\"c\n").body == "{\"message\":\"a\\\",\\\"b\\\":\\\"c\\n\"}\n");
}

TEST_CASE("See Other is a 303 with a place and no body", "[response]") {
  const Response response = see_other_response("/auth/login?error=cross_site");
  CHECK(response.status == 303);
  CHECK(response.headers == Headers{{"Location", "/auth/login?error=cross_site"}});
  CHECK(response.body.empty());
}

TEST_CASE("an answer is 200 with nothing in it before it is made", "[response]") {
  const Response response;
  CHECK(response.status == 200);
  CHECK(response.headers.empty());
  CHECK(response.body.empty());
}
