#include "auth/foreign_hash.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <new>
#include <optional>
#include <vector>

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <sodium.h>

#include "auth/apr1_hash.h"
#include "base/memory.h"
#include "base/text.h"

namespace userbin::auth {

namespace {

constexpr unsigned long kMaxPbkdf2Iterations = 10'000'000;
constexpr unsigned long kMaxShaCryptRounds = 5'000'000;
constexpr unsigned long kMaxBcryptCost = 16;
constexpr std::uint64_t kMaxScryptBytes = std::uint64_t{1} << 30;

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<unsigned long> number(std::string_view text) {
  unsigned long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The number in "name=number".
std::optional<unsigned long> named_number(std::string_view text, std::string_view name) {
  if (!text.starts_with(name)) return std::nullopt;
  return number(text.substr(name.size()));
}

/// Base64 with or without padding; passlib writes '.' for '+'.
std::optional<std::string> from_base64(std::string_view text) {
  std::string plain(text);
  std::replace(plain.begin(), plain.end(), '.', '+');
  while (plain.ends_with('=')) plain.pop_back();
  std::string bytes(plain.size(), '\0');
  std::size_t length = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), plain.data(),
                        plain.size(), nullptr, &length, nullptr,
                        sodium_base64_VARIANT_ORIGINAL_NO_PADDING) != 0) {
    return std::nullopt;
  }
  bytes.resize(length);
  return bytes;
}

const unsigned char* as_bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

bool equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

struct Pbkdf2Hash {
  std::string digest;  // "sha256"
  unsigned long iterations = 0;
  std::string salt;
  std::string key;
};

struct ScryptHash {
  std::uint64_t n = 0, r = 0, p = 0;
  std::string salt;
  std::string key;
};

/// "$pbkdf2-sha256$i=29000,l=32$salt$key" (PHC) and "$pbkdf2-sha256$29000$salt$key" (passlib).
std::optional<Pbkdf2Hash> parse_phc_pbkdf2(std::string_view hash) {
  const auto parts = split(hash, '$');
  if (parts.size() != 5 || !parts[0].empty()) return std::nullopt;
  const std::string_view cost = parts[2].substr(0, parts[2].find(','));
  const auto iterations = cost.starts_with("i=") ? named_number(cost, "i=") : number(cost);
  const auto salt = from_base64(parts[3]);
  const auto key = from_base64(parts[4]);
  if (!iterations || !salt || !key) return std::nullopt;
  const std::string_view name = parts[1];
  const std::string digest =
      name == "pbkdf2" ? "sha1" : std::string(name.substr(name.find('-') + 1));
  return Pbkdf2Hash{digest, *iterations, *salt, *key};
}

/// "pbkdf2:sha256:600000$salt$hex" (Werkzeug; the salt is text).
std::optional<Pbkdf2Hash> parse_werkzeug_pbkdf2(std::string_view hash) {
  const auto parts = split(hash, '$');
  const auto method = split(parts[0], ':');
  if (parts.size() != 3 || method.size() != 3) return std::nullopt;
  const auto iterations = number(method[2]);
  const auto key = base::from_hex(parts[2]);
  if (!iterations || !key) return std::nullopt;
  return Pbkdf2Hash{std::string(method[1]), *iterations, std::string(parts[1]), *key};
}

/// "pbkdf2_sha256$600000$salt$base64" (Django; the salt is text).
std::optional<Pbkdf2Hash> parse_django_pbkdf2(std::string_view hash) {
  const auto parts = split(hash, '$');
  if (parts.size() != 4) return std::nullopt;
  const auto iterations = number(parts[1]);
  const auto key = from_base64(parts[3]);
  if (!iterations || !key) return std::nullopt;
  return Pbkdf2Hash{std::string(parts[0].substr(parts[0].find('_') + 1)), *iterations,
                    std::string(parts[2]), *key};
}

/// "$scrypt$ln=16,r=8,p=1$salt$key" (PHC, passlib).
std::optional<ScryptHash> parse_phc_scrypt(std::string_view hash) {
  const auto parts = split(hash, '$');
  if (parts.size() != 5) return std::nullopt;
  const auto cost = split(parts[2], ',');
  if (cost.size() != 3) return std::nullopt;
  const auto log_n = named_number(cost[0], "ln=");
  const auto r = named_number(cost[1], "r=");
  const auto p = named_number(cost[2], "p=");
  const auto salt = from_base64(parts[3]);
  const auto key = from_base64(parts[4]);
  if (!log_n || *log_n > 40 || !r || !p || !salt || !key) return std::nullopt;
  return ScryptHash{std::uint64_t{1} << *log_n, *r, *p, *salt, *key};
}

/// "scrypt:32768:8:1$salt$hex" (Werkzeug; the salt is text).
std::optional<ScryptHash> parse_werkzeug_scrypt(std::string_view hash) {
  const auto parts = split(hash, '$');
  const auto method = split(parts[0], ':');
  if (parts.size() != 3 || method.size() != 4) return std::nullopt;
  const auto n = number(method[1]);
  const auto r = number(method[2]);
  const auto p = number(method[3]);
  const auto key = base::from_hex(parts[2]);
  if (!n || !r || !p || !key) return std::nullopt;
  return ScryptHash{*n, *r, *p, std::string(parts[1]), *key};
}

bool has_sane_key(const std::string& key) {
  return key.size() >= 16 && key.size() <= 64;
}

bool is_usable(const std::optional<Pbkdf2Hash>& hash) {
  return hash && hash->iterations > 0 && hash->iterations <= kMaxPbkdf2Iterations &&
         has_sane_key(hash->key) && EVP_get_digestbyname(hash->digest.c_str()) != nullptr;
}

bool verify_pbkdf2(const std::optional<Pbkdf2Hash>& hash, std::string_view password) {
  if (!is_usable(hash)) return false;
  const EVP_MD* digest = EVP_get_digestbyname(hash->digest.c_str());
  std::string key(hash->key.size(), '\0');
  const int made = PKCS5_PBKDF2_HMAC(
      password.data(), static_cast<int>(password.size()), as_bytes(hash->salt),
      static_cast<int>(hash->salt.size()), static_cast<int>(hash->iterations), digest,
      static_cast<int>(key.size()), reinterpret_cast<unsigned char*>(key.data()));
  return made == 1 && equal(key, hash->key);
}

/// Whether scrypt fills no more memory than any sane setting does, once or bit by bit.
bool is_sane_scrypt_cost(std::uint64_t n, std::uint64_t r, std::uint64_t p) {
  constexpr std::uint64_t kMaxBlocks = kMaxScryptBytes / 128;
  return n > 0 && r > 0 && p > 0 && n <= kMaxBlocks && r <= kMaxBlocks / n &&
         p <= kMaxBlocks / (n * r);
}

bool is_usable(const std::optional<ScryptHash>& hash) {
  return hash && has_sane_key(hash->key) && is_sane_scrypt_cost(hash->n, hash->r, hash->p);
}

bool verify_scrypt(const std::optional<ScryptHash>& hash, std::string_view password) {
  if (!is_usable(hash)) return false;
  std::string key(hash->key.size(), '\0');
  ERR_clear_error();
  const int made = EVP_PBE_scrypt(password.data(), password.size(), as_bytes(hash->salt),
                                  hash->salt.size(), hash->n, hash->r, hash->p, 2 * kMaxScryptBytes,
                                  reinterpret_cast<unsigned char*>(key.data()), key.size());
  if (made != 1 && ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE)
    throw std::bad_alloc();
  return made == 1 && equal(key, hash->key);
}

constexpr std::string_view kDigits =
    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A number in crypt(3)'s base64, the least significant digit first.
std::optional<std::uint64_t> crypt_number(std::string_view digits) {
  std::uint64_t value = 0;
  for (std::size_t i = digits.size(); i-- > 0;) {
    const auto at = kDigits.find(digits[i]);
    if (at == std::string_view::npos) return std::nullopt;
    value = value << 6 | at;
  }
  return value;
}

/// The memory that "$7$" fills, 0 if its cost is not sane: it is followed by log2(N) in one digit,
/// r in five and p in five.
std::uint64_t crypt_scrypt_bytes(std::string_view hash) {
  if (hash.size() < 14) return 0;
  const auto log_n = crypt_number(hash.substr(3, 1));
  const auto r = crypt_number(hash.substr(4, 5));
  const auto p = crypt_number(hash.substr(9, 5));
  if (!log_n || *log_n > 40 || !r || !p) return 0;
  const std::uint64_t n = std::uint64_t{1} << *log_n;
  return is_sane_scrypt_cost(n, *r, *p) ? 128 * n * *r : 0;
}

/// The same for only what crypt_gensalt(3) makes: "$y$j", then log2(N) and r, each less one, in a
/// digit each.
std::uint64_t yescrypt_bytes(std::string_view hash) {
  if (hash.size() < 7 || hash[3] != 'j' || hash[6] != '$') return 0;
  const auto log_n = crypt_number(hash.substr(4, 1));
  const auto r = crypt_number(hash.substr(5, 1));
  if (!log_n || *log_n >= 40 || !r) return 0;
  const std::uint64_t n = std::uint64_t{2} << *log_n;
  return is_sane_scrypt_cost(n, *r + 1, 1) ? 128 * n * (*r + 1) : 0;
}

/// What crypt(3) is not asked to do because it would take minutes.
bool is_sane_crypt_cost(std::string_view hash) {
  if (hash.starts_with("$7$")) return crypt_scrypt_bytes(hash) > 0;
  if (hash.starts_with("$y$")) return yescrypt_bytes(hash) > 0;
  if (hash.starts_with("$2")) {
    const auto parts = split(hash, '$');
    const auto cost = parts.size() == 4 ? number(parts[2]) : std::nullopt;
    return cost && *cost <= kMaxBcryptCost;
  }
  const auto rounds_at = hash.find("$rounds=");
  if (rounds_at == std::string_view::npos) return true;
  const std::string_view rest = hash.substr(rounds_at + 8);
  const auto rounds = number(rest.substr(0, rest.find('$')));
  return rounds && *rounds <= kMaxShaCryptRounds;
}

bool has_failed(const char* made) {
  return made == nullptr || made[0] == '*';
}

/// crypt(3) does not tell a lack of memory from a hash that makes no sense. Throws std::bad_alloc.
void require_crypt_memory(const std::string& hash) {
  if (hash.starts_with("$7$")) base::require_mapping(crypt_scrypt_bytes(hash));
  if (hash.starts_with("$y$")) base::require_mapping(yescrypt_bytes(hash));
}

bool verify_crypt(const std::string& hash, const base::SecretString& password) {
  if (!is_sane_crypt_cost(hash)) return false;
  const auto data = std::make_unique<crypt_data>();
  const char* made = crypt_r(password.reveal_c_str(), hash.c_str(), data.get());
  if (has_failed(made)) {
    require_crypt_memory(hash);
    made = crypt_r(password.reveal_c_str(), hash.c_str(), data.get());  // it may just be back
  }
  const bool matches = !has_failed(made) && equal(made, hash);
  explicit_bzero(data.get(), sizeof(crypt_data));
  return matches;
}

/// Whether behind the last '$' there are so many of crypt(3)'s digits.
template <std::size_t kCount>
bool is_whole_crypt(const std::string& hash) {
  const std::string_view end = std::string_view(hash).substr(hash.rfind('$') + 1);
  return end.size() == kCount && end.find_first_not_of(kDigits) == std::string_view::npos &&
         is_sane_crypt_cost(hash);
}

template <auto parse>
bool is_usable_kdf(const std::string& hash) {
  return is_usable(parse(hash));
}

template <auto parse>
bool verify_by_pbkdf2(const std::string& hash, const base::SecretString& password) {
  return verify_pbkdf2(parse(hash), password.reveal());
}

template <auto parse>
bool verify_by_scrypt(const std::string& hash, const base::SecretString& password) {
  return verify_scrypt(parse(hash), password.reveal());
}

bool verify_apr1(const std::string& hash, const base::SecretString& password) {
  const auto parts = split(hash, '$');
  if (parts.size() != 4) return false;
  const auto made = apr1_hash(password, parts[2]);
  return made && equal(*made, hash);
}

struct Scheme {
  std::string_view prefix;
  bool (*verify)(const std::string& hash, const base::SecretString& password);
  bool (*is_usable)(const std::string& hash);
};

constexpr std::array kSchemes{
    Scheme{"$2a$", verify_crypt, is_whole_crypt<53>},
    Scheme{"$2b$", verify_crypt, is_whole_crypt<53>},
    Scheme{"$2y$", verify_crypt, is_whole_crypt<53>},
    Scheme{"$5$", verify_crypt, is_whole_crypt<43>},
    Scheme{"$6$", verify_crypt, is_whole_crypt<86>},
    Scheme{"$7$", verify_crypt, is_whole_crypt<43>},
    Scheme{"$y$", verify_crypt, is_whole_crypt<43>},
    Scheme{"$apr1$", verify_apr1, is_whole_crypt<22>},
    Scheme{"$scrypt$", verify_by_scrypt<parse_phc_scrypt>, is_usable_kdf<parse_phc_scrypt>},
    Scheme{"scrypt:", verify_by_scrypt<parse_werkzeug_scrypt>,
           is_usable_kdf<parse_werkzeug_scrypt>},
    Scheme{"$pbkdf2", verify_by_pbkdf2<parse_phc_pbkdf2>, is_usable_kdf<parse_phc_pbkdf2>},
    Scheme{"pbkdf2:", verify_by_pbkdf2<parse_werkzeug_pbkdf2>,
           is_usable_kdf<parse_werkzeug_pbkdf2>},
    Scheme{"pbkdf2_sha", verify_by_pbkdf2<parse_django_pbkdf2>, is_usable_kdf<parse_django_pbkdf2>},
};

const Scheme* scheme_of(std::string_view hash) {
  const auto* found = std::find_if(kSchemes.begin(), kSchemes.end(), [&](const Scheme& scheme) {
    return hash.starts_with(scheme.prefix);
  });
  return found == kSchemes.end() ? nullptr : found;
}

}  // namespace

bool is_known_foreign_hash(std::string_view hash) {
  return scheme_of(hash) != nullptr;
}

bool is_usable_foreign_hash(const std::string& hash) {
  const Scheme* scheme = scheme_of(hash);
  return scheme != nullptr && scheme->is_usable(hash);
}

bool verify_foreign_hash(const std::string& hash, const base::SecretString& password) {
  const Scheme* scheme = scheme_of(hash);
  const bool has_nul = password.reveal().find('\0') != std::string_view::npos;
  return scheme != nullptr && !has_nul && scheme->verify(hash, password);
}

}  // namespace userbin::auth
