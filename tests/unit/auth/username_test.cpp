#include "auth/username.h"

#include "support/catch.h"

namespace userbin::auth {

TEST_CASE("a username of the allowed characters is kept as typed") {
  const auto text = GENERATE(as<std::string>{}, "a", "Z", "0", "Ada", "ada.lovelace", "a_b-c+d",
                             "ada@example.org", "7up", "a.", "a..b", "a--", std::string(64, 'x'));
  CAPTURE(text);
  const auto username = Username::parse(text);
  REQUIRE(username);
  CHECK(username->text() == text);
}

TEST_CASE("a text that is no username is refused") {
  const auto text =
      GENERATE(as<std::string>{}, "", std::string(65, 'x'),                         // length
               ".a", "_a", "@a", "+a", "-a", "--help",                              // start
               " ada", "ada ", "a b", "a\tb", "ada\n", "ada\r\n",                   // white space
               "a/b", "../a", "a\\b", "a:b", "a;b", "a,b", "a'b", "a\"b", "a<b>",   // others
               "a%41", "a&b", "a=b", "a?b", "a#b", "a*b", "a$b", "a!b", "a|b",      //
               "\u00C4da", "ad\u00E0", "\u0430da", "a\u200Bb", "a\xFF", "a\x7F",    // beyond ASCII
               std::string("a\0b", 3), std::string("a\0", 2), std::string(1, '\0')  // NUL
      );
  CAPTURE(text);
  CHECK_FALSE(Username::parse(text));
}

TEST_CASE("of all single bytes only letters and digits are a username, five more may follow") {
  int alone = 0;
  int behind_a_letter = 0;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text(1, static_cast<char>(byte));
    if (Username::parse(text)) ++alone;
    if (Username::parse("a" + text)) ++behind_a_letter;
  }
  CHECK(alone == 26 + 26 + 10);
  CHECK(behind_a_letter == alone + 5);
}

}  // namespace userbin::auth
