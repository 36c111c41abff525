#include "auth/role.h"

#include "support/catch.h"

namespace userbin::auth {

TEST_CASE("a role is a short plain word, and not deleted") {
  const auto [text, is_one] = GENERATE(Catch::Generators::table<std::string, bool>({
      {"admin", true},
      {"user", true},
      {"Staff_2.night-shift", true},
      {std::string(32, 'a'), true},
      {std::string(33, 'a'), false},
      {"", false},
      {"deleted", false},
      {"Deleted", false},
      {"a b", false},
      {"a,b", false},
      {"a\r\nRemote-User: eve", false},
      {std::string("a\0", 2), false},
      {"\u00E4", false},
  }));
  CAPTURE(text);
  const auto role = Role::parse(text);
  REQUIRE(role.has_value() == is_one);
  if (role) CHECK(role->text() == text);
  CHECK(Role().text() == "user");
}

}  // namespace userbin::auth
