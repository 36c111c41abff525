#include "http/body.h"

#include <string>

#include "http/error.h"
#include "http/request.h"
#include "support/catch.h"

using namespace std::string_literals;
using namespace userbin::http;

namespace {

Request request_of(const std::string& content_type, const std::string& body) {
  Request request;
  request.content_type = content_type;
  request.body = body;
  return request;
}

/// The stable code of the refusal that `call` ends in, or "" if there is none.
template <typename Call>
std::string refusal_of(const Call& call) {
  try {
    call();
  } catch (const RequestRefused& refused) {
    return std::string(name_of(refused.code()));
  }
  return "";
}

Fields json(const std::string& body) {
  return decode_body(request_of("application/json", body));
}

Fields form(const std::string& body) {
  return decode_body(request_of("application/x-www-form-urlencoded", body));
}

}  // namespace

TEST_CASE("a field is read, whichever way it was encoded", "[body]") {
  const auto [encoded, text] = GENERATE(table<std::string, std::string>({
      {"name=eve", "eve"},
      {"a=1&name=eve&b=2", "eve"},
      {"&&name=eve&", "eve"},
      {"name=", ""},
      {"name", ""},
      {"name=a=b", "a=b"},
      {"name=a+b%20c%2Bd", "a b c+d"},
      {"n%61me=%C3%BC", "\xC3\xBC"},
      {"name=%252F", "%2F"},
      {"name=%00x", "\0x"s},
      {R"({"name":"eve"})", "eve"},
      {"\t\r\n { \"name\" : \"eve\" } \n", "eve"},
      {R"({"name":""})", ""},
      {"{\"name\":\"\xC3\xBC\"}", "\xC3\xBC"},
      {R"({"n\u0061me":"\u00fc\n\"\/\\"})", "\xC3\xBC\n\"/\\"},
      {R"({"name":"\ud83d\ude00"})", "\xF0\x9F\x98\x80"},
      {R"({"name":"\\udc00 // \\"})", "\\udc00 // \\"},
      {R"({"name":"a\u0000b"})", "a\0b"s},
      {R"({"name":"eve","more":[1,{"x":[true,null,-1.5e3]}]})", "eve"},
  }));
  CAPTURE(encoded);
  const bool is_object = encoded.find('{') != std::string::npos;
  CHECK((is_object ? json(encoded) : form(encoded)).text("name") == text);
}

TEST_CASE("a field that is not there, or null, has no text", "[body]") {
  CHECK(form("a=1").text("name") == std::nullopt);
  CHECK(json("{}").text("name") == std::nullopt);
  CHECK(json(R"({"name":null})").text("name") == std::nullopt);
}

TEST_CASE("a field that is no text is refused, and named", "[body]") {
  const auto value = GENERATE(values<std::string>({"1", "1.5", "true", "[]", "{}", R"(["eve"])"}));
  const Fields fields = json(R"({"name":)" + value + "}");
  CAPTURE(value);
  try {
    fields.text("name");
    FAIL("was not refused");
  } catch (const RequestRefused& refused) {
    CHECK(refused.code() == ErrorCode::kMalformedBody);
    CHECK(refused.details().fields.count("name") == 1);
  }
}

TEST_CASE("a text that is not UTF-8 is refused, wherever it comes from", "[body]") {
  Json::Value values(Json::objectValue);
  values["name"] = "\xED\xB0\x80";
  CHECK(refusal_of([&] { Fields(values).text("name"); }) == "malformed_body");
}

TEST_CASE("all fields that are missing or empty are named at once", "[body]") {
  try {
    form("a=&b=x").require({"a", "b", "c"});
    FAIL("was not refused");
  } catch (const RequestRefused& refused) {
    CHECK(refused.code() == ErrorCode::kMissingField);
    CHECK(refused.what() == "missing: a, c"s);
    CHECK(refused.details().fields.size() == 2);
    CHECK(refused.details().fields.count("a") == 1);
    CHECK(refused.details().fields.count("c") == 1);
  }
  CHECK_NOTHROW(form("a=1&b=2&c=3").require({"a", "b", "c"}));
}

TEST_CASE("a flag is JSON true, or what a ticked check box sends", "[body]") {
  const auto [encoded, is_set] = GENERATE(table<std::string, bool>({
      {R"({"f":true})", true},
      {R"({"f":false})", false},
      {R"({"f":null})", false},
      {R"({"f":"on"})", true},
      {R"({"f":"off"})", false},
      {"{}", false},
      {R"({"f":"TRUE"})", true},
      {R"({"f":"yes"})", true},
      {R"({"f":"1"})", true},
      {R"({"f":"0"})", false},
      {R"({"f":""})", false},
      {R"({"f":"11"})", false},
  }));
  CAPTURE(encoded);
  CHECK(json(encoded).flag("f") == is_set);
}

TEST_CASE("a flag that is a number or a list is refused", "[body]") {
  const auto value = GENERATE(values<std::string>({"1", "0", "[true]", "{}"}));
  const Fields fields = json(R"({"f":)" + value + "}");
  CHECK(refusal_of([&] { fields.flag("f"); }) == "malformed_body");
}

TEST_CASE("yes or no is JSON true or false, or a word for it, or nothing", "[body]") {
  const auto [encoded, answer] = GENERATE(table<std::string, std::optional<bool>>({
      {R"({"f":true})", true},
      {R"({"f":false})", false},
      {R"({"f":"Yes"})", true},
      {R"({"f":"0"})", false},
      {R"({"f":"off"})", false},
      {R"({"f":null})", std::nullopt},
      {R"({})", std::nullopt},
  }));
  CAPTURE(encoded);
  CHECK(json(encoded).yes_or_no("f") == answer);
}

TEST_CASE("what is neither yes nor no is refused", "[body]") {
  const auto encoded =
      GENERATE(as<std::string>{}, R"({"f":""})", R"({"f":"perhaps"})", R"({"f":1})", R"({"f":[]})");
  CAPTURE(encoded);
  const Fields fields = json(encoded);
  CHECK(refusal_of([&] { fields.yes_or_no("f"); }) == "malformed_body");
}

TEST_CASE("a query is read as a form is", "[body]") {
  Request request;
  CHECK_FALSE(decode_query(request).text("q"));
  request.query = "q=a+b%26&role=";
  CHECK(decode_query(request).text("q") == "a b&");
  CHECK(decode_query(request).text("role") == "");
  request.query = "q=1&q=2";
  CHECK(refusal_of([&] { decode_query(request); }) == "malformed_body");
}

TEST_CASE("a body's media type decides how it is read", "[body]") {
  const auto [content_type, body, code] = GENERATE(table<std::string, std::string, std::string>({
      {"application/json", "{}", ""},
      {"APPLICATION/Json", "{}", ""},
      {" application/json ;charset=UTF-8", "{}", ""},
      {"application/json; charset=\"utf-8\"", "{}", ""},
      {"application/json;x=y ; charset=utf-8", "{}", ""},
      {"application/json;", "{}", ""},
      {"application/x-www-form-urlencoded", "a=b", ""},
      {"Application/X-WWW-Form-Urlencoded; Charset=UTF-8", "a=b", ""},
      {"application/x-www-form-urlencoded", "", ""},
      {"", "", ""},
      {"application/json", "", "malformed_body"},
      {"application/json", "a=b", "malformed_body"},
      {"", "{}", "unsupported_media_type"},
      {"application/json; charset=latin1", "{}", "unsupported_media_type"},
      {"application/json; charset=utf-16", "{}", "unsupported_media_type"},
      {"application/json;charset=", "{}", "unsupported_media_type"},
      {"application/x-www-form-urlencoded; charset=iso-8859-1", "", "unsupported_media_type"},
      {"multipart/form-data; boundary=x", "a=b", "unsupported_media_type"},
      {"text/plain", "{}", "unsupported_media_type"},
      {"text/plain; application/json", "{}", "unsupported_media_type"},
      {"text/json", "{}", "unsupported_media_type"},
      {"application/json, text/plain", "{}", "unsupported_media_type"},
      {"application/jsonx", "{}", "unsupported_media_type"},
      {"application/problem+json", "{}", "unsupported_media_type"},
      {"application/json\0"s, "{}", "unsupported_media_type"},
  }));
  CAPTURE(content_type, body);
  const Request request = request_of(content_type, body);
  CHECK(refusal_of([&] { decode_body(request); }) == code);
}

TEST_CASE("a body that did not come as it should is refused before it is read", "[body]") {
  Request request = request_of("application/json", "{}");
  SECTION("more than is allowed") {
    request.body_too_large = true;
    CHECK(refusal_of([&] { decode_body(request); }) == "body_too_large");
  }
  SECTION("not as long as announced") {
    request.body_cut_short = true;
    CHECK(refusal_of([&] { decode_body(request); }) == "malformed_body");
  }
}

TEST_CASE("a browser form is a form whose sender wants a page", "[body]") {
  const auto [content_type, accept, is_form] = GENERATE(table<std::string, std::string, bool>({
      {"application/x-www-form-urlencoded", "text/html,application/xml;q=0.9,*/*;q=0.8", true},
      {"Application/X-WWW-Form-URLencoded; charset=utf-8", "Text/HTML", true},
      {"application/x-www-form-urlencoded", "*/*", false},
      {"application/x-www-form-urlencoded", "", false},
      {"application/json", "text/html", false},
      {"", "text/html", false},
  }));
  CAPTURE(content_type, accept);
  Request request = request_of(content_type, "");
  request.accept = accept;
  CHECK(is_browser_form(request) == is_form);
}

TEST_CASE("JSON that is no object is refused", "[body]") {
  const auto text = GENERATE(
      values<std::string>({"", " ", "null", "true", "1", "\"a\"", "[]", R"([{"a":"b"}])"}));
  CAPTURE(text);
  CHECK(refusal_of([&] { decode_json_object(text); }) == "malformed_body");
}

TEST_CASE("JSON that is cut off is refused", "[body]") {
  const auto text = GENERATE(values<std::string>(
      {"{", R"({"a")", R"({"a":)", R"({"a":"b")", R"({"a":"b)", R"({"a":"b\)", R"({"a":["b")"}));
  CAPTURE(text);
  CHECK(refusal_of([&] { decode_json_object(text); }) == "malformed_body");
}

TEST_CASE("JSON with anything behind its end is refused", "[body]") {
  const auto text = GENERATE(
      values<std::string>({R"({"a":"b"}})", R"({"a":"b"}{})", R"({"a":"b"} x)", R"({"a":"b"},)",
                           "{\"a\":\"b\"}\0"s, "{\"a\":\"b\"}\0x"s, "{}\0{}"s}));
  CAPTURE(text);
  CHECK(refusal_of([&] { decode_json_object(text); }) == "malformed_body");
}

TEST_CASE("JSON with a comment is refused, wherever it stands", "[body]") {
  const auto text = GENERATE(values<std::string>(
      {R"(/**/{})", R"({}/**/)", "{} // x", "{} # x", R"({/**/"a":"b"})", R"({"a"/**/:"b"})",
       R"({"a":/**/"b"})", R"({"a":"b"/**/})", R"({"a":["b"/**/]})", "{//x\n\"a\":\"b\"}",
       R"({/*"*/"a":"b"/*"*/})", R"({"a":"b"/**/,"c":"d"})"}));
  CAPTURE(text);
  CHECK(refusal_of([&] { decode_json_object(text); }) == "malformed_body");
}

TEST_CASE("JSON with a byte order mark, or in UTF-16, is refused", "[body]") {
  const auto text =
      GENERATE(values<std::string>({"\xEF\xBB\xBF{}", "\xEF\xBB\xBF{\"a\":\"b\"}", "{\0}\0"s,
                                    "\0{\0}"s, "\xFF\xFE{\0}\0"s, "\xFE\xFF\0{\0}"s}));
  CAPTURE(text);
  CHECK(refusal_of([&] { decode_json_object(text); }) == "malformed_body");
}

TEST_CASE("JSON with a name that comes twice is refused", "[body]") {
  const auto text =
      GENERATE(values<std::string>({R"({"a":"b","a":"c"})", R"({"a":"b","a":"b"})",
                                    R"({"a":1,"\u0061":2})", R"({"x":[{"a":1,"a":1}]})"}));
  CAPTURE(text);
  CHECK(refusal_of([&] { decode_json_object(text); }) == "malformed_body");
}

TEST_CASE("JSON with a control character that is not escaped is refused", "[body]") {
  const auto text = GENERATE(
      values<std::string>({"{\"a\":\"\n\"}", "{\"a\":\"\t\"}", "{\"a\":\"\0\"}"s,
                           "{\"a\":\"\x1F\"}", "{\"\n\":\"a\"}", "{\"a\":\"\\\n\"}", "{\v}", "{}\f",
                           "{\"a\":\"b\"\x1F}", "\0{}"s, "{\0\"a\":\"b\"}"s, "{\"a\":\0\"b\"}"s}));
  CAPTURE(text);
  CHECK(refusal_of([&] { decode_json_object(text); }) == "malformed_body");
}

TEST_CASE("JSON that is not UTF-8 is refused", "[body]") {
  const auto text = GENERATE(values<std::string>(
      {"{\"a\":\"\xC0\x80\"}", "{\"a\":\"\xE0\x80\xAF\"}", "{\"a\":\"\xED\xA0\x80\"}",
       "{\"a\":\"\xF4\x90\x80\x80\"}", "{\"a\":\"\xFF\"}", "{\"\xE2\x82\":1}", "{\"a\":\"\xC3"}));
  CAPTURE(text);
  CHECK(refusal_of([&] { decode_json_object(text); }) == "malformed_body");
}

TEST_CASE("JSON with an unknown or broken escape is refused", "[body]") {
  const auto text =
      GENERATE(values<std::string>({R"({"a":"\x41"})", R"({"a":"\'"})", R"({"a":"\u00g0"})",
                                    R"({"a":"\u00"})", R"({"a":"\U0041"})", R"({"a":"\0"})"}));
  CAPTURE(text);
  CHECK(refusal_of([&] { decode_json_object(text); }) == "malformed_body");
}

TEST_CASE("JSON that is almost right is refused", "[body]") {
  const auto text = GENERATE(values<std::string>({
      R"({"a":'b'})",
      R"({'a':"b"})",
      R"({a:"b"})",
      R"({1:"b"})",
      R"({"a":b})",
      R"({"a":"b";})",
      R"({"a":"b",})",
      R"({,"a":"b"})",
      R"({"a":"b",,"c":"d"})",
      R"({"a":[1,]})",
      R"({"a":[,1]})",
      R"({"a" "b"})",
      R"({"a":"b" "c":"d"})",
      R"({"a"="b"})",
      R"({"a":"b"]})",
      R"({:"b"})",
      R"({"a":NaN})",
      R"({"a":Infinity})",
      R"({"a":True})",
      R"({"a":tru})",
      R"({"a":undefined})",
      R"({"a":0x1})",
      R"({"a":.5})",
      R"({"a":1e})",
      "{\xC2\xA0}",
      "{}\xE2\x80\xA8",
  }));
  CAPTURE(text);
  CHECK(refusal_of([&] { decode_json_object(text); }) == "malformed_body");
}

TEST_CASE("JSON with an escaped half of a surrogate pair is refused", "[body]") {
  const auto text = GENERATE(values<std::string>(
      {R"({"a":"\udc00"})", R"({"a":"\uDFFF"})", R"({"a":"\ud800"})", R"({"a":"\uDBFF"})",
       R"({"a":"\ud83d\ud83d"})", R"({"a":"\ude00\ud83d"})", R"({"a":"\ud83d\ude00\ude00"})",
       R"({"a":"\ud83d\ud83d\ude00"})", R"({"a":"\ud800\u0041"})", R"({"a":"\ud83d\ue000"})",
       R"({"a":"\ud83d\u0000"})", R"({"a":"\ud83dA"})", R"({"a":"\ud83d \ude00"})",
       R"({"a":"\ud83d\n\ude00"})", R"({"a":"\ud83d\\ude00"})", R"({"a":"\ud83d\uDE0"})",
       R"({"a":"\ud83d\u"})", R"({"\udc00":"b"})"}));
  CAPTURE(text);
  CHECK(refusal_of([&] { decode_json_object(text); }) == "malformed_body");
}

TEST_CASE("JSON may be nested, but not deeply", "[body]") {
  const auto [levels, opening, closing, code] =
      GENERATE(table<std::size_t, std::string, std::string, std::string>({
          {kMaxJsonDepth, "{\"a\":", "}", ""},
          {kMaxJsonDepth + 1, "{\"a\":", "}", "malformed_body"},
          {10'000, "{\"a\":", "}", "malformed_body"},
          {10'000, "{\"a\":[", "]}", "malformed_body"},
          {10'000, "{\"a\":", "", "malformed_body"},
          {10'000, "[", "]", "malformed_body"},
          {60'000, "[", "", "malformed_body"},
      }));
  CAPTURE(levels, opening);
  std::string text;
  for (std::size_t level = 1; level < levels; ++level) text += opening;
  text += "{}";
  for (std::size_t level = 1; level < levels; ++level) text += closing;
  CHECK(refusal_of([&] { decode_json_object(text); }) == code);
}

TEST_CASE("a form field that comes twice is refused", "[body]") {
  const auto text = GENERATE(values<std::string>(
      {"a=1&a=2", "a=1&a=1", "a&a", "a=1&b=2&a=3", "a=1&%61=2", "a+b=1&a%20b=2", "=1&=2"}));
  CAPTURE(text);
  CHECK(refusal_of([&] { form(text); }) == "malformed_body");
}

TEST_CASE("form fields whose names differ in case are two", "[body]") {
  CHECK(decode_form("a=1&A=2").size() == 2);
}

TEST_CASE("a form with more fields than an honest one has is refused", "[body]") {
  const auto [count, code] = GENERATE(table<std::size_t, std::string>({
      {kMaxFormFields, ""},
      {kMaxFormFields + 1, "malformed_body"},
      {10'000, "malformed_body"},
  }));
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += 'f' + std::to_string(i) + "=&";
  CHECK(refusal_of([&] { form(text); }) == code);
}

TEST_CASE("a form with broken percent-encoding is refused", "[body]") {
  const auto text = GENERATE(values<std::string>(
      {"a=%", "a=%2", "a=%zz", "a=%u0041", "a=%%41", "%=a", "%4=a", "a=1&b=%", "a=%2&41"}));
  CAPTURE(text);
  CHECK(refusal_of([&] { form(text); }) == "malformed_body");
}

TEST_CASE("a form that is not UTF-8 is refused", "[body]") {
  const auto text = GENERATE(values<std::string>(
      {"a=%ff", "a=%C0%80", "a=%ED%A0%80", "a=%F4%90%80%80", "a=%E2%82", "a=%80", "%ff=a", "a=\xFF",
       "a=\xC3", "\xC0\xAF=a", "a=%C3\xBC%FF", "a=%C3&b=%BC"}));
  CAPTURE(text);
  CHECK(refusal_of([&] { form(text); }) == "malformed_body");
}
