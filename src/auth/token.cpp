#include "auth/token.h"

#include <array>

#include <sodium.h>

#include "base/text.h"

namespace userbin::auth {

namespace {

constexpr std::size_t kTokenBytes = 32;
constexpr std::size_t kIdLength = 16;

}  // namespace

base::SecretString draw_token() {
  std::array<unsigned char, kTokenBytes> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  std::string token(kTokenLength + 1, '\0');
  sodium_bin2base64(token.data(), token.size(), bytes.data(), bytes.size(),
                    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  sodium_memzero(bytes.data(), bytes.size());
  token.pop_back();
  return base::SecretString(std::move(token));
}

std::string hash_of_token(std::string_view token) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char*>(token.data()),
                     token.size());
  return base::to_hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

std::string id_of_token_hash(std::string_view token_hash) {
  return hash_of_token(token_hash).substr(0, kIdLength);
}

}  // namespace userbin::auth
