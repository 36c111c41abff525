#include "auth/apr1_hash.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include <openssl/evp.h>

namespace userbin::auth {

namespace {

constexpr std::size_t kMaxSalt = 8;
constexpr std::size_t kMaxPassword = 512;
constexpr int kRounds = 1000;
constexpr std::string_view kMagic = "$apr1$";
constexpr std::string_view kDigits =
    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

using Digest = std::array<unsigned char, 16>;

/// False if OpenSSL has no MD5 (FIPS).
bool digest_into(Digest& digest, const base::SecretString& text) {
  const std::string_view bytes = text.reveal();
  return EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_md5(), nullptr) == 1;
}

std::string_view text_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

base::SecretString first_input(std::string_view password, std::string_view salt,
                               const Digest& alternate) {
  std::string text;
  text.append(password).append(kMagic).append(salt);
  for (std::size_t left = password.size(); left > 0;) {
    const std::size_t count = std::min(left, alternate.size());
    text.append(text_of(alternate).substr(0, count));
    left -= count;
  }
  for (std::size_t bits = password.size(); bits != 0; bits >>= 1) {
    text += (bits & 1) != 0 ? '\0' : password.front();
  }
  return base::SecretString(std::move(text));
}

base::SecretString round_input(int round, std::string_view password, std::string_view salt,
                               const Digest& last) {
  const bool is_odd = round % 2 != 0;
  std::string text(is_odd ? password : text_of(last));
  if (round % 3 != 0) text.append(salt);
  if (round % 7 != 0) text.append(password);
  text.append(is_odd ? text_of(last) : password);
  return base::SecretString(std::move(text));
}

void append_digits(std::string& out, std::uint32_t value, int count) {
  for (; count > 0; --count, value >>= 6) out += kDigits[value & 63];
}

std::string encoded(const Digest& digest) {
  std::string digits;
  for (std::size_t i = 0; i < 5; ++i) {
    const std::size_t third = i == 4 ? 5 : i + 12;
    append_digits(digits,
                  static_cast<std::uint32_t>(digest[i] << 16 | digest[i + 6] << 8 | digest[third]),
                  4);
  }
  append_digits(digits, digest[11], 2);
  return digits;
}

}  // namespace

std::optional<std::string> apr1_hash(const base::SecretString& password, std::string_view salt) {
  const std::string_view text = password.reveal();
  if (salt.empty() || salt.size() > kMaxSalt || text.size() > kMaxPassword) return std::nullopt;
  std::string alternate;
  alternate.append(text).append(salt).append(text);
  Digest digest{};
  bool is_good = digest_into(digest, base::SecretString(std::move(alternate))) &&
                 digest_into(digest, first_input(text, salt, digest));
  for (int round = 0; is_good && round < kRounds; ++round) {
    is_good = digest_into(digest, round_input(round, text, salt, digest));
  }
  if (!is_good) return std::nullopt;
  std::string hash(kMagic);
  return hash.append(salt).append("$").append(encoded(digest));
}

}  // namespace userbin::auth
