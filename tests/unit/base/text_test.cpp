#include "base/text.h"

#include <optional>
#include <string>

#include "support/catch.h"

using namespace std::string_literals;
using namespace userbin::base;

TEST_CASE("well-formed UTF-8 is UTF-8", "[text]") {
  const auto [text, code_points] = GENERATE(table<std::string, std::size_t>({
      {"", 0},
      {"plain", 5},
      {"a\0b"s, 3},
      {"\x7F", 1},
      {"\xC2\x80", 1},          // U+0080, the first of two bytes
      {"\xDF\xBF", 1},          // U+07FF, the last
      {"\xE0\xA0\x80", 1},      // U+0800, the first of three
      {"\xED\x9F\xBF", 1},      // U+D7FF, before the surrogates
      {"\xEE\x80\x80", 1},      // U+E000, after them
      {"\xEF\xBF\xBF", 1},      // U+FFFF
      {"\xF0\x90\x80\x80", 1},  // U+10000, the first of four
      {"\xF4\x8F\xBF\xBF", 1},  // U+10FFFF, the last of all
      {"\xEF\xBB\xBFx", 2},     // a BOM
      {"e\xCC\x81\xF0\x9F\x98\x80", 3},
  }));
  CAPTURE(to_hex(text));
  CHECK(is_utf8(text));
  CHECK(count_code_points(text) == code_points);
}

TEST_CASE("bytes that are not UTF-8 are told, wherever they stand", "[text]") {
  const auto bytes = GENERATE(values<std::string>({
      "\x80",
      "\xBF",
      "\xC3",
      "\xC3(",
      "\xFE",
      "\xFF",  // alone
      "\xC0\x80",
      "\xC0\xAF",
      "\xC1\xBF",
      "\xE0\x80\xAF",
      "\xE0\x9F\xBF",  // overlong
      "\xF0\x80\x80\xAF",
      "\xF0\x8F\xBF\xBF",
      "\xF8\x88\x80\x80\x80",  // overlong
      "\xED\xA0\x80",
      "\xED\xAF\xBF",
      "\xED\xB0\x80",
      "\xED\xBF\xBF",              // surrogates
      "\xED\xA0\xBD\xED\xB8\x80",  // a pair (CESU-8)
      "\xF4\x90\x80\x80",
      "\xF5\x80\x80\x80",
      "\xF7\xBF\xBF\xBF",  // above U+10FFFF
      "\xE2\x82",
      "\xE2(\xAC",
      "\xF0\x9F\x98",
      "\xF0\x9F(\x80",
      "\xF0\x28\x8C\xBC",  // cut short
      "\xC3\xBC\xBC",
      "\xE2\x82\xAC\x80",  // too long
  }));
  CAPTURE(to_hex(bytes));
  CHECK_FALSE(is_utf8(bytes));
  CHECK_FALSE(is_utf8("before " + bytes));
  CHECK_FALSE(is_utf8(bytes + " after"));
}

TEST_CASE("only ASCII letters are made lower case", "[text]") {
  CHECK(to_lower_ascii("AbZ@[`{09\xC3\x9C\x80"s) == "abz@[`{09\xC3\x9C\x80"s);
}

TEST_CASE("bytes become lower-case hexadecimal and come back", "[text]") {
  const auto [bytes, hex] = GENERATE(table<std::string, std::string>({
      {"", ""},
      {"\0"s, "00"},
      {"\x01\xAB\xFF"s, "01abff"},
  }));
  CHECK(to_hex(bytes) == hex);
  CHECK(from_hex(hex) == bytes);
}

TEST_CASE("upper-case hexadecimal is read too", "[text]") {
  CHECK(from_hex("ABcd") == "\xAB\xCD"s);
}

TEST_CASE("what is not pairs of hexadecimal digits is not read", "[text]") {
  const auto text = GENERATE(
      values<std::string>({"a", "abc", "0g", "g0", "0x", " 0", "0 ", "-1", "ab cd", "\xC3\xBC"}));
  CAPTURE(text);
  CHECK(from_hex(text) == std::nullopt);
}

TEST_CASE("every byte that is not unreserved is percent-encoded", "[text]") {
  const auto [text, keep, encoded] = GENERATE(table<std::string, std::string, std::string>({
      {"AZaz09-._~", "", "AZaz09-._~"},
      {"/a b?c=d&e", "", "%2Fa%20b%3Fc%3Dd%26e"},
      {"/a b?c=d&e", "/=", "/a%20b%3Fc=d%26e"},
      {"%", "", "%25"},
      {"\0\r\n\x7F\"<>"s, "", "%00%0D%0A%7F%22%3C%3E"},
      {"\xC3\xBC\xFF", "", "%C3%BC%FF"},
  }));
  CHECK(percent_encode(text, keep) == encoded);
  CHECK(percent_decode(encoded) == text);
}

TEST_CASE("percent-encoding is undone once, and a plus is left alone", "[text]") {
  const auto [text, decoded] = GENERATE(table<std::string, std::string>({
      {"%252F", "%2F"},
      {"%2f%2F", "//"},
      {"a+b", "a+b"},
      {"%00", "\0"s},
      {"%c3%28", "\xC3("},
  }));
  CHECK(percent_decode(text) == decoded);
}

TEST_CASE("a percent sign without two hexadecimal digits is refused", "[text]") {
  const auto text = GENERATE(values<std::string>(
      {"%", "%2", "a%", "a%2", "%%", "%2%", "%%41", "%g0", "%0g", "% 1", "%+1", "%u0041", "%41%"}));
  CAPTURE(text);
  CHECK(percent_decode(text) == std::nullopt);
}

TEST_CASE("a text for the log can neither end its line nor command a terminal", "[text]") {
  const auto [text, escaped] = GENERATE(table<std::string, std::string>({
      {"", ""},
      {"plain \"text\" \xC3\xBC \xF0\x9F\x98\x80", "plain \"text\" \xC3\xBC \xF0\x9F\x98\x80"},
      {"a\nb\r\tc", "a\\x0ab\\x0d\\x09c"},
      {"\0\x1F\x7F"s, "\\x00\\x1f\\x7f"},
      {"\x1B[31m", "\\x1b[31m"},
      {"\\x41", "\\x5cx41"},
      {"\xC2\x80\xC2\x9B\xC2\x9F", "\\xc2\\x80\\xc2\\x9b\\xc2\\x9f"},  // U+009B is "ESC ["
      {"\xC2\xA0", "\xC2\xA0"},
      {"\xFFz\xC3", "\\xffz\\xc3"},
      {"\xED\xA0\x80", "\\xed\\xa0\\x80"},
  }));
  CHECK(escape_for_log(text) == escaped);
}

TEST_CASE("a text for the log that is too long ends in three dots", "[text]") {
  const auto [text, max_bytes, escaped] = GENERATE(table<std::string, std::size_t, std::string>({
      {"12345678", 8, "12345678"},
      {"123456789", 8, "12345678..."},
      {"x", 0, "..."},
      {"", 0, ""},
      {"\xC3\xBC\xC3\xBC", 2, "\xC3\xBC..."},  // never inside of a character
  }));
  CHECK(escape_for_log(text, max_bytes) == escaped);
}

TEST_CASE("a text for a person has nothing that commands, breaks or is too long", "[text]") {
  const auto [text, max_code_points, shown] =
      GENERATE(table<std::string, std::size_t, std::string>({
          {"", 80, ""},
          {"plain <b> \\ \u00FC \U0001F600", 80, "plain <b> \\ \u00FC \U0001F600"},
          {"a\0b\n\x1B[31m\x7F"s, 80, "a\uFFFDb\uFFFD\uFFFD[31m\uFFFD"},
          {"\xC2\x9B\xC2\xA0", 80, "\uFFFD\u00A0"},
          {"\xFFz\xC3", 80, "\uFFFDz\uFFFD"},
          {"\xED\xA0\x80", 80, "\uFFFD\uFFFD\uFFFD"},
          {"1234", 4, "1234"},
          {"12345", 4, "123\u2026"},
          {"\u00FC\u00FC\u00FC", 2, "\u00FC\u2026"},
          {"\xFF\xFF\xFF", 2, "\uFFFD\u2026"},
          {"x", 0, "\u2026"},
      }));
  CHECK(printable(text, max_code_points) == shown);
}

TEST_CASE("a text in HTML can neither open a tag nor leave an attribute", "[text]") {
  const auto [text, escaped] = GENERATE(table<std::string, std::string>({
      {"", ""},
      {"plain \u00FC", "plain \u00FC"},
      {"<b>&amp;\"'", "&lt;b&gt;&amp;amp;&quot;&#39;"},
      {"<!--# echo -->", "&lt;!--# echo --&gt;"},
      {"\xFF<", "\xFF&lt;"},
  }));
  CHECK(escape_html(text) == escaped);
}

TEST_CASE("a text for the log is cut at 256 bytes unless told otherwise", "[text]") {
  CHECK(escape_for_log(std::string(256, 'a')) == std::string(256, 'a'));
  CHECK(escape_for_log(std::string(100'000, 'a')) == std::string(256, 'a') + "...");
}
