#include "base/json.h"

#include "support/catch.h"

using namespace std::string_literals;
using userbin::base::from_json;
using userbin::base::to_json;

TEST_CASE("a value is written as one text, its members sorted", "[json]") {
  const auto [text, written] = GENERATE(table<std::string, std::string>({
      {"null", "null"},
      {"[ ]", "[]"},
      {"{ }", "{}"},
      {R"({"b": 1, "a": [true, null, "x"]})", R"({"a":[true,null,"x"],"b":1})"},
      {R"(["\u00fc\n\"\\/"])", "[\"\u00FC\\n\\\"\\\\/\"]"},
      {"[-1, 9223372036854775807, 18446744073709551615]",
       "[-1,9223372036854775807,18446744073709551615]"},
      {"[1.5, 1e3]", "[1.5,1000.0]"},
  }));
  CAPTURE(text);
  const auto value = from_json(text);
  REQUIRE(value);
  CHECK(to_json(*value) == written);
}

TEST_CASE("what was written is read back", "[json]") {
  Json::Value value;
  value["text"] = "\u00FC\n\t\"\\ \x7F"s + "\0end"s;
  value["numbers"].append(0.1);
  value["numbers"].append(Json::Int64{-1});
  value["numbers"].append(Json::UInt64{18446744073709551615U});
  value["nothing"] = Json::nullValue;
  value["deep"]["deeper"]["list"].append(Json::Value(Json::objectValue));
  const auto again = from_json(to_json(value));
  REQUIRE(again);
  CHECK(to_json(*again) == to_json(value));
  CHECK((*again)["text"] == value["text"]);
}

TEST_CASE("what is no JSON is not read", "[json]") {
  const auto text = GENERATE(
      values<std::string>({"", " ", "nope", "{", "[1", "\"a", "{]", "{\"a\":}", "<html>"}));
  CAPTURE(text);
  CHECK_FALSE(from_json(text));
}

TEST_CASE("a text nested too deep is not read, and does no harm", "[json]") {
  const auto [depth, is_read] = GENERATE(table<std::size_t, bool>({
      {100, true},
      {10'000, false},
      {1'000'000, false},
  }));
  CAPTURE(depth);
  CHECK(from_json(std::string(depth, '[') + std::string(depth, ']')).has_value() == is_read);
  if (!is_read) CHECK_FALSE(from_json(std::string(depth, '[')));
}
