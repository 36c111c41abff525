#include "auth/password.h"

#include "support/catch.h"

namespace userbin::auth {

namespace {

/// The reason for which a password is refused; empty if it is taken.
std::string flaw_of(const std::string& password, const std::string& username = "zoe",
                    const PasswordRules& rules = {}) {
  const auto checked = check_password(base::SecretString(password), username, rules);
  const auto* flaw = std::get_if<PasswordFlaw>(&checked);
  if (flaw == nullptr) return "";
  CHECK_FALSE(flaw->reason.empty());
  CHECK_FALSE(flaw->sentence.empty());
  return flaw->reason;
}

std::string repeated(const std::string& text, int count) {
  std::string all;
  for (; count > 0; --count) all += text;
  return all;
}

}  // namespace

TEST_CASE("a weak password is refused with the reason") {
  const auto [password, reason] = GENERATE(Catch::Generators::table<std::string, std::string>({
      {"password", "common"},
      {"Password123", "common"},
      {"P@ssw0rd", "common"},
      {"drowssap", "common"},
      {"iloveyou", "common"},
      {"trustno1", "common"},
      {"qwertyuiop", "common"},
      {"passwordpassword", "common"},
      {"zxcvbnm,", "keyboard"},
      {"abcdefgh", "sequence"},
      {"19840526", "date"},
      {"26.05.1984", "date"},
      {"1984-05-26", "date"},
  }));
  CAPTURE(password);
  CHECK(flaw_of(password) == reason);
}

TEST_CASE("a strong password is taken as it is, whatever it is made of") {
  const auto text =
      GENERATE(as<std::string>{}, "correct horse battery staple", "x9Kq2LmZ", "tuesday grows heavy",
               "  two spaces on each side  ", "kwdp7mxq",
               "\u043F\u0430\u0440\u043E\u043B\u044C \u0440\u0435\u043A\u0430",
               "\u5BC6\u7801\u6B63\u786E\u9A6C\u7535\u6C60\u9489",
               "\U0001F40E\U0001F50B\U0001F4CE\U0001F427\U0001F335\U0001F9ED\U0001F3BB\U0001FA90");
  CAPTURE(text);
  auto checked = check_password(base::SecretString(text), "zoe", {});
  const auto* password = std::get_if<Password>(&checked);
  REQUIRE(password != nullptr);
  CHECK(password->secret().reveal() == text);
}

TEST_CASE("a password that is made from the username is refused, whatever its case") {
  const auto [username, password] = GENERATE(Catch::Generators::table<std::string, std::string>({
      {"xqzvkwjq", "xqzvkwjq"},
      {"xqzvkwjq", "XQZVKWJQ"},
      {"Xqzvkwjq", "xqzvkwjq1"},
      {"XQZVKWJQ", "xqzvkwjq-2026"},
      {"xqzvkwjq", "qjwkvzqx"},
      {"gwendolyn42x", "gw3nd0lyn42x"},
      {"ada.lovelace", "ada.lovelace!"},
  }));
  CAPTURE(username, password);
  CHECK(flaw_of(password, username) == "contains_username");
}

TEST_CASE("what is a good password for others is a bad one for who bears that name") {
  CHECK(flaw_of("xqzvkwjq", "zoe").empty());
  CHECK(flaw_of("xqzvkwjq", "xqzvkwjq") == "contains_username");
}

TEST_CASE("length counts in code points, not in bytes") {
  const PasswordRules only_length{.min_length = 8, .max_length = 10, .min_guesses = 0};
  const auto [password, reason] = GENERATE(Catch::Generators::table<std::string, std::string>({
      {"", "too_short"},
      {"1234567", "too_short"},
      {"12345678", ""},
      {"1234567890", ""},
      {"12345678901", "too_long"},
      {repeated("\u00FC", 7), "too_short"},
      {repeated("\u00FC", 8), ""},
      {repeated("\u00FC", 10), ""},
      {repeated("\u00FC", 11), "too_long"},
      {repeated("\U0001F40E", 2), "too_short"},
      {repeated("\U0001F40E", 10), ""},
      {repeated("\U0001F40E", 11), "too_long"},
  }));
  CAPTURE(password);
  CHECK(flaw_of(password, "zoe", only_length) == reason);
}

TEST_CASE("a password may have 256 characters by default, and they are all kept") {
  const std::string longest = "tuesday grows heavy " + std::string(236, 'x');
  auto checked = check_password(base::SecretString(longest), "zoe", {});
  REQUIRE(std::holds_alternative<Password>(checked));
  CHECK(std::get<Password>(checked).secret().reveal() == longest);
  CHECK(flaw_of(longest + "x") == "too_long");
}

TEST_CASE("what is not text is no password, however long it is") {
  const auto password =
      GENERATE(as<std::string>{}, "tuesday grows \xFF heavy", "tuesday grows \xC3",  // cut short
               "tuesday \xC0\xAF grows", "tuesday \xED\xA0\x80 grows",  // overlong, surrogate
               "tuesday \xF4\x90\x80\x80 grows", "\x80",                // beyond Unicode
               std::string("tuesday\0grows heavy", 19), std::string("\0", 1),
               std::string("tuesday grows heavy\0", 20));
  CAPTURE(password);
  CHECK(flaw_of(password) == "not_text");
  CHECK(flaw_of(password, "zoe", {.min_guesses = 0}) == "not_text");
}

TEST_CASE("the estimate of guesses is as strict as it is told to be") {
  const auto [guesses, password, reason] =
      GENERATE(Catch::Generators::table<double, std::string, std::string>({
          {0, "password", ""},
          {0, "aaaaaaaa", ""},
          {0, "zoe", "too_short"},
          {2, "password", "common"},
          {1e6, "kwdp7mxq", ""},
          {1e15, "kwdp7mxq", "guessable"},
          {1e15, "tuesday grows heavy 4 x9Kq2LmZ", ""},
      }));
  CAPTURE(guesses, password);
  CHECK(flaw_of(password, "zoe", {.min_guesses = guesses}) == reason);
}

TEST_CASE("a very long password is estimated too") {
  CHECK(flaw_of(std::string(256, 'a')) != "");
  CHECK(flaw_of(repeated("\u00FC", 256), "zoe", {.min_guesses = 1e6}) != "too_long");
}

}  // namespace userbin::auth
