#include "auth/password_hash.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <limits>
#include <optional>

#include <sodium.h>

#include "auth/foreign_hash.h"
#include "auth/hash_memory.h"
#include "base/failure.h"

namespace userbin::auth {

namespace {

constexpr std::size_t kMaxVerifiedMemoryKib = std::size_t{1} << 20;
constexpr unsigned kMaxVerifiedPasses = 100;
/// Together: what libsodium calls sensitive, a few seconds.
constexpr std::size_t kMaxVerifiedKibPasses = 4 * kMaxVerifiedMemoryKib;

bool is_argon2(std::string_view hash) {
  return hash.starts_with("$argon2id$") || hash.starts_with("$argon2i$");
}

bool is_base64(std::string_view text, std::size_t least) {
  constexpr std::string_view kBase64 =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return text.size() >= least && text.find_first_not_of(kBase64) == std::string_view::npos;
}

/// The number behind "name=" among a PHC string's parameters; 0 if there is none, the greatest if
/// it is greater.
unsigned long parameter(std::string_view hash, std::string_view name) {
  const auto at = hash.find(name);
  if (at == std::string_view::npos) return 0;
  unsigned long value = 0;
  const auto read =
      std::from_chars(hash.data() + at + name.size(), hash.data() + hash.size(), value);
  return read.ec == std::errc::result_out_of_range ? std::numeric_limits<unsigned long>::max()
                                                   : value;
}

bool has_bearable_cost(std::string_view hash) {
  const unsigned long passes = parameter(hash, "t=");
  return passes <= kMaxVerifiedPasses &&
         is_bearable({parameter(hash, "m="), static_cast<unsigned>(passes)});
}

/// What a salt of 8 bytes and a key of 16 need at least (RFC 9106, section 3.1) is there, the cost
/// is bearable, and there is no zero byte, beyond which libsodium would not read.
bool is_usable_argon2(std::string_view hash) {
  const auto key_at = hash.rfind('$');
  const auto salt_at = hash.rfind('$', key_at - 1);
  return is_base64(hash.substr(key_at + 1), 22) &&
         is_base64(hash.substr(salt_at + 1, key_at - salt_at - 1), 11) &&
         parameter(hash, "m=") >= 8 && parameter(hash, "t=") > 0 && parameter(hash, "p=") > 0 &&
         has_bearable_cost(hash) && hash.find('\0') == std::string_view::npos;
}

/// What libsodium makes: argon2id of version 1.3 in one lane, with a salt of its length.
struct OwnHash {
  HashCost cost;
  std::array<unsigned char, crypto_pwhash_SALTBYTES> salt{};
  std::array<unsigned char, 32> key{};
};

/// How it begins as a text, up to the salt.
std::string beginning_of(const HashCost& cost) {
  return "$argon2id$v=19$m=" + std::to_string(cost.memory_kib) +
         ",t=" + std::to_string(cost.passes) + ",p=1";
}

template <std::size_t kBytes>
std::string encode(const std::array<unsigned char, kBytes>& bytes) {
  constexpr int kVariant = sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
  std::array<char, sodium_base64_ENCODED_LEN(kBytes, kVariant)> text{};
  return sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), kVariant);
}

/// Whether `text` is base64 of just so many bytes.
template <std::size_t kBytes>
bool decode(std::string_view text, std::array<unsigned char, kBytes>& bytes) {
  std::size_t length = 0;
  return sodium_base642bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr, &length,
                           nullptr, sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 &&
         length == kBytes;
}

std::optional<OwnHash> parse_own(std::string_view hash) {
  const auto key_at = hash.rfind('$');
  const auto salt_at = hash.rfind('$', key_at - 1);
  const std::string_view parameters = hash.substr(0, salt_at);
  OwnHash own;
  own.cost = {parameter(parameters, "m="), static_cast<unsigned>(parameter(parameters, "t="))};
  // Written anew, they are the same only if they were nothing else.
  if (parameters != beginning_of(own.cost) || !decode(hash.substr(key_at + 1), own.key) ||
      !decode(hash.substr(salt_at + 1, key_at - salt_at - 1), own.salt)) {
    return std::nullopt;
  }
  return own;
}

[[noreturn]] void lack_memory(std::size_t memory_kib) {
  throw base::Overloaded("no memory for a password hash (" + std::to_string(memory_kib) +
                             " KiB); lower --hash-slots or --hash-memory",
                         std::chrono::seconds{5});
}

bool verify_own(const OwnHash& own, std::string_view password) {
  std::array<unsigned char, 32> key{};
  const HashMemory::Use memory;
  if (crypto_pwhash(key.data(), key.size(), password.data(), password.size(), own.salt.data(),
                    own.cost.passes, own.cost.memory_kib * 1024,
                    crypto_pwhash_ALG_ARGON2ID13) != 0) {
    lack_memory(own.cost.memory_kib);
  }
  const bool matches = sodium_memcmp(key.data(), own.key.data(), key.size()) == 0;
  sodium_memzero(key.data(), key.size());
  return matches;
}

}  // namespace

bool meets_owasp_minimum(const HashCost& cost) {
  constexpr std::array<HashCost, 5> kMinimum{
      {{47104, 1}, {19456, 2}, {12288, 3}, {9216, 4}, {7168, 5}}};
  return std::any_of(kMinimum.begin(), kMinimum.end(), [&](const HashCost& minimum) {
    return cost.memory_kib >= minimum.memory_kib && cost.passes >= minimum.passes;
  });
}

bool is_bearable(const HashCost& cost) {
  return cost.memory_kib <= kMaxVerifiedMemoryKib && cost.passes <= kMaxVerifiedPasses &&
         cost.memory_kib * cost.passes <= kMaxVerifiedKibPasses;
}

std::string hash_password(const base::SecretString& password, const HashCost& cost) {
  std::array<char, crypto_pwhash_STRBYTES> hash{};
  const std::string_view text = password.reveal();
  const HashMemory::Use memory;
  if (crypto_pwhash_str_alg(hash.data(), text.data(), text.size(), cost.passes,
                            cost.memory_kib * 1024, crypto_pwhash_ALG_ARGON2ID13) != 0) {
    lack_memory(cost.memory_kib);
  }
  return hash.data();
}

std::string hash_of_no_password(const HashCost& cost) {
  OwnHash own;
  randombytes_buf(own.salt.data(), own.salt.size());
  randombytes_buf(own.key.data(), own.key.size());
  return beginning_of(cost) + '$' + encode(own.salt) + '$' + encode(own.key);
}

bool is_known_hash(std::string_view hash) {
  return is_argon2(hash) || is_known_foreign_hash(hash);
}

bool is_usable_hash(const std::string& hash) {
  return is_argon2(hash) ? is_usable_argon2(hash) : is_usable_foreign_hash(hash);
}

bool verify_password(const std::string& hash, const base::SecretString& password) {
  if (!is_argon2(hash)) return verify_foreign_hash(hash, password);
  if (!is_usable_argon2(hash)) return false;
  const std::string_view text = password.reveal();
  if (const auto own = parse_own(hash)) return verify_own(*own, text);
  const HashMemory::Use memory;
  errno = 0;
  if (crypto_pwhash_str_verify(hash.c_str(), text.data(), text.size()) == 0) return true;
  // What a lack of memory sets; a wrong password is EINVAL (libsodium, pwhash_argon2id.c).
  if (errno == ENOMEM) lack_memory(parameter(hash, "m="));
  return false;
}

bool needs_rehash(const std::string& hash, const HashCost& cost) {
  return !hash.starts_with("$argon2id$") ||
         crypto_pwhash_str_needs_rehash(hash.c_str(), cost.passes, cost.memory_kib * 1024) != 0;
}

}  // namespace userbin::auth
