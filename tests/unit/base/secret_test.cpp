#include "base/secret.h"

#include <cstring>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "support/catch.h"

using userbin::base::SecretString;

namespace {

template <typename A, typename B>
constexpr bool kComparable = requires(const A& a, const B& b) {
  a == b;
}
|| requires(const A& a, const B& b) {
  a != b;
};
template <typename T>
constexpr bool kOrdered = requires(const T& a, const T& b) {
  a < b;
}
|| requires(const T& a, const T& b) {
  a <=> b;
};
template <typename T>
constexpr bool kStreamable = requires(std::ostream& out, const T& value) {
  out << value;
};

// That the questions can be answered with yes.
static_assert(kComparable<std::string, std::string>);
static_assert(kComparable<std::string, const char*>);
static_assert(kOrdered<std::string>);
static_assert(kStreamable<std::string>);
static_assert(fmt::is_formattable<std::string>::value);

static_assert(!kComparable<SecretString, SecretString>, "== takes a time that tells");
static_assert(!kComparable<SecretString, std::string>);
static_assert(!kComparable<SecretString, std::string_view>);
static_assert(!kComparable<SecretString, const char*>);
static_assert(!kOrdered<SecretString>);
static_assert(!kStreamable<SecretString>, "a secret cannot get into a log by mistake");
static_assert(!fmt::is_formattable<SecretString>::value);
static_assert(!std::is_convertible_v<SecretString, std::string>);
static_assert(!std::is_convertible_v<SecretString, std::string_view>);
static_assert(!std::is_convertible_v<std::string, SecretString>, "a secret is made on purpose");
static_assert(std::is_nothrow_move_constructible_v<SecretString>);
static_assert(std::is_nothrow_move_assignable_v<SecretString>);

/// Short texts live inside a std::string, long ones on the heap: both must be wiped.
const std::string kShort = "hunter2";
const std::string kLong(200, 'x');

std::string object_bytes(const SecretString& secret) {
  std::string bytes(sizeof secret, '\0');
  std::memcpy(bytes.data(), static_cast<const void*>(&secret), sizeof secret);
  return bytes;
}

}  // namespace

TEST_CASE("a secret reveals the text it was made of", "[secret]") {
  const auto text =
      GENERATE(values<std::string>({"", kShort, kLong, std::string("a\0b", 3), "\xC3\xBC"}));
  CHECK(SecretString(text).reveal() == text);
}

TEST_CASE("a secret reveals nothing before it is given a text", "[secret]") {
  CHECK(SecretString().reveal().empty());
}

TEST_CASE("a secret's text has a NUL at its end for libraries in C", "[secret]") {
  const auto text = GENERATE(values<std::string>({"", kShort, kLong}));
  const SecretString secret(text);
  CHECK(std::strlen(secret.reveal_c_str()) == text.size());
}

TEST_CASE("a secret that is moved from is empty", "[secret]") {
  const auto text = GENERATE(values<std::string>({kShort, kLong}));
  SecretString from(text);
  SECTION("into a new one") {
    const SecretString to(std::move(from));
    CHECK(to.reveal() == text);
    CHECK(from.reveal().empty());
  }
  SECTION("into one that was there") {
    SecretString to("another");
    to = std::move(from);
    CHECK(to.reveal() == text);
    CHECK(from.reveal().empty());
  }
}

TEST_CASE("a secret that is moved from keeps no byte of its text", "[secret]") {
  SecretString from(kShort);
  REQUIRE(object_bytes(from).find(kShort) != std::string::npos);
  const SecretString to(std::move(from));
  // Moving a std::string writes a NUL over the first byte only.
  CHECK(object_bytes(from).find(kShort.substr(1)) == std::string::npos);
}

TEST_CASE("a copy of a secret leaves the original as it is", "[secret]") {
  const auto text = GENERATE(values<std::string>({kShort, kLong}));
  const SecretString original(text);
  SecretString copy(original);
  CHECK(copy.reveal() == text);
  copy = SecretString("another");
  CHECK(original.reveal() == text);
}

TEST_CASE("a secret can be used again after it was moved from", "[secret]") {
  SecretString secret(kShort);
  const SecretString taken(std::move(secret));
  secret = SecretString(kLong);
  CHECK(secret.reveal() == kLong);
}
