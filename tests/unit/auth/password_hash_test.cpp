#include "auth/password_hash.h"

#include <sodium.h>

#include "support/catch.h"

namespace userbin::auth {

namespace {

const base::SecretString kPassword("correct horse battery");
constexpr HashCost kCheap{8, 1};

bool verifies(const std::string& hash, const std::string& password) {
  return verify_password(hash, base::SecretString(password));
}

}  // namespace

TEST_CASE("a new hash is argon2id in PHC format, at its cost, with a salt of its own") {
  const auto [cost, prefix] = GENERATE(Catch::Generators::table<HashCost, std::string>({
      {{8, 1}, "$argon2id$v=19$m=8,t=1,p=1$"},
      {{64, 3}, "$argon2id$v=19$m=64,t=3,p=1$"},
      {{19456, 2}, "$argon2id$v=19$m=19456,t=2,p=1$"},
  }));
  const std::string hash = hash_password(kPassword, cost);
  CAPTURE(hash);
  CHECK(hash.starts_with(prefix));
  CHECK(hash.find('\0') == std::string::npos);
  CHECK(hash != hash_password(kPassword, cost));
  CHECK(is_known_hash(hash));
}

TEST_CASE("the password that was hashed verifies, and no other") {
  const auto password =
      GENERATE(as<std::string>{}, "correct horse battery", "", " ", "\u5BC6\u7801 \U0001F40E",
               std::string("a\0b", 3), std::string(1000, 'x'));
  const std::string hash = hash_password(base::SecretString(password), kCheap);
  CHECK(verifies(hash, password));
  CHECK_FALSE(verifies(hash, password + "x"));
  CHECK_FALSE(verifies(hash, password + std::string(1, '\0')));
  CHECK_FALSE(verifies(hash, "x" + password));
  if (!password.empty()) CHECK_FALSE(verifies(hash, password.substr(0, password.size() - 1)));
}

TEST_CASE("the hash of no password is like any other, and no password verifies") {
  const auto cost = GENERATE(HashCost{8, 1}, HashCost{64, 3}, HashCost{19456, 2});
  const std::string hash = hash_of_no_password(cost);
  CAPTURE(hash);
  const std::string usual = hash_password(kPassword, cost);
  CHECK(hash.size() == usual.size());
  CHECK(hash.substr(0, hash.find("p=1$")) == usual.substr(0, usual.find("p=1$")));
  CHECK(hash != hash_of_no_password(cost));
  CHECK(is_usable_hash(hash));
  CHECK_FALSE(needs_rehash(hash, cost));
  CHECK_FALSE(verifies(hash, ""));
  CHECK_FALSE(verifies(hash, kPassword.reveal_c_str()));
}

// From the test suite of the reference implementation (phc-winner-argon2, src/test.c).
TEST_CASE("argon2 hashes of the reference implementation verify") {
  const auto hash = GENERATE(
      as<std::string>{},
      "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
      "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
      "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8");
  CAPTURE(hash);
  CHECK(is_known_hash(hash));
  CHECK(verifies(hash, "password"));
  CHECK_FALSE(verifies(hash, "Password"));
}

TEST_CASE("a broken or hostile argon2 hash verifies nothing, and quickly") {
  const std::string rest = "$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
  const auto start = GENERATE(
      as<std::string>{}, "$argon2id$v=19$m=1048577,t=1,p=1", "$argon2id$v=19$m=4294967295,t=1,p=1",
      "$argon2id$v=19$m=99999999999999999999999,t=1,p=1", "$argon2id$v=19$m=8,t=101,p=1",
      "$argon2id$v=19$m=8,t=99999999999999999999999,p=1", "$argon2id$v=19$m=1048576,t=5,p=1",
      "$argon2id$v=19$m=65536,t=100,p=1", "$argon2id$v=19$m=256,t=2,p=0",
      "$argon2id$v=19$m=256,t=2,p=16777216", "$argon2id$v=19$m=256,t=2,p=99999999999999999999999",
      "$argon2id$v=19$m=0,t=2,p=1", "$argon2id$v=19$m=256,t=0,p=1", "$argon2id$v=19$m=-8,t=-1,p=-1",
      "$argon2id$v=18$m=256,t=2,p=1", "$argon2id$m=256,t=2,p=1", "$argon2id$v=19$t=2,m=256,p=1",
      "$argon2id$v=19$m=256,t=3,p=1", "$argon2i$v=19$m=256,t=2,p=1", "$argon2d$v=19$m=256,t=2,p=1",
      "$argon2$v=19$m=256,t=2,p=1", "$ARGON2ID$v=19$m=256,t=2,p=1", "$argon2id$", "$argon2i$");
  CAPTURE(start);
  CHECK_FALSE(is_usable_hash(start));
  CHECK_FALSE(verifies(start + rest, "password"));
  CHECK_FALSE(verifies(start, "password"));
}

TEST_CASE("an argon2 hash that is cut anywhere, or has more at its end, verifies nothing") {
  const std::string hash = hash_password(kPassword, kCheap);
  CHECK(is_usable_hash(hash));
  for (std::size_t length = 0; length < hash.size(); ++length) {
    CAPTURE(length);
    CHECK_FALSE(verify_password(hash.substr(0, length), kPassword));
    const bool has_key = length >= hash.rfind('$') + 23;
    CHECK(is_usable_hash(hash.substr(0, length)) == has_key);
  }
  for (const char* more : {"$", "=", "A", " ", "\n"}) {
    CHECK_FALSE(verify_password(hash + more, kPassword));
  }
  CHECK_FALSE(verify_password(hash + '\0', kPassword));
  CHECK_FALSE(verify_password(hash + std::string("\0$x", 3), kPassword));
}

TEST_CASE("a text that is no hash verifies nothing, not even itself") {
  const auto text =
      GENERATE(as<std::string>{}, "", "!", "*", "*0", "x", "$", "$$", "$$$$", "$1$",
               "correct horse battery", "plain:correct horse battery",
               "5f4dcc3b5aa765d61d8327deb882cf99", "$apr2$salt$hash", "ab1CdefGhIjkL");
  CAPTURE(text);
  CHECK_FALSE(is_known_hash(text));
  CHECK_FALSE(is_usable_hash(text));
  CHECK_FALSE(verifies(text, text));
  CHECK_FALSE(verifies(text, ""));
}

TEST_CASE("a hash needs to be made anew unless it is argon2id of today's cost") {
  constexpr HashCost kToday{256, 2};
  const auto [hash, needs] = GENERATE(Catch::Generators::table<std::string, bool>({
      {"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
       false},
      {"$argon2id$v=19$m=257,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
       true},
      {"$argon2id$v=19$m=256,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
       true},
      {"$argon2id$v=19$m=256,t=3,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
       true},
      {"$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8", true},
      {"$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS", true},
      {"$argon2id$", true},
      {"!", true},
      {"", true},
  }));
  CAPTURE(hash);
  CHECK(needs_rehash(hash, kToday) == needs);
}

TEST_CASE("a hash just made needs not be made anew") {
  CHECK_FALSE(needs_rehash(hash_password(kPassword, kCheap), kCheap));
  CHECK(needs_rehash(hash_password(kPassword, kCheap), {16, 1}));
}

TEST_CASE("OWASP's minimum is met by each of its settings and by more, not by less") {
  const auto [cost, meets] = GENERATE(Catch::Generators::table<HashCost, bool>({
      {{47104, 1}, true},
      {{47103, 1}, false},
      {{19456, 2}, true},
      {{19455, 2}, false},
      {{12288, 3}, true},
      {{12287, 3}, false},
      {{9216, 4}, true},
      {{9215, 4}, false},
      {{7168, 5}, true},
      {{7167, 5}, false},
      {{7167, 1000}, false},
      {{7168, 4}, false},
      {{1048576, 1}, true},
      {{8192, 6}, true},
      {{65536, 3}, true},
      {{8, 1}, false},
      {{47104, 0}, false},
  }));
  CAPTURE(cost.memory_kib, cost.passes);
  CHECK(meets_owasp_minimum(cost) == meets);
}

TEST_CASE("the default cost meets OWASP's minimum") {
  CHECK(meets_owasp_minimum(HashCost()));
}

}  // namespace userbin::auth
