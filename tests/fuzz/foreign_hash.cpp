// Hashes of passwords, of any scheme. The functions that compute them are replaced by ones that see
// to it that nobody asks for more than is bearable, and compute only what is quick.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <string>
#include <string_view>

#include <crypt.h>
#include <openssl/evp.h>
#include <sodium.h>

#include "auth/password_hash.h"
#include "base/failure.h"

using namespace userbin;

namespace {

/// Of the hashes in the seeds.
const std::string kPassword = "correct horse battery";

/// A password's hash needs so many bits to tell it from others.
constexpr std::size_t kMinKeyBits = 128;

/// How often something was really computed.
int computed = 0;

void must(bool holds) {
  if (!holds) std::abort();
}

template <typename Function>
Function the_real(Function, const char* name) {
  ++computed;
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

std::size_t digit(char c) {
  return std::string_view("./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
      .find(c);
}

/// A number of 30 bits, the lowest digit first.
std::size_t number(const char* digits) {
  std::size_t value = 0;
  for (int i = 0; i < 5; ++i) value += digit(digits[i]) << (6 * i);
  return value;
}

/// The cost of scrypt, in KiB filled; must be 1 GiB or less.
std::size_t scrypt_kib(std::size_t n, std::size_t r, std::size_t p) {
  const long double bytes = 128.0L * static_cast<long double>(n) * static_cast<long double>(r) *
                            static_cast<long double>(p);
  must(bytes <= 1024.0L * 1024 * 1024);
  return n * r * p / 8;
}

/// Whether crypt(3) may be asked, and is quick.
bool is_quick_setting(const std::string& setting) {
  unsigned long number_asked = 0;
  if (setting.starts_with("$2")) {
    const bool is_read = std::sscanf(setting.c_str() + 3, "$%lu$", &number_asked) == 1;
    must(!is_read || number_asked <= 16);
    return number_asked <= 4;
  }
  if (setting.starts_with("$7$")) {
    must(setting.size() >= 14);
    return scrypt_kib(std::size_t{1} << digit(setting[3]), number(&setting[4]),
                      number(&setting[9])) <= 256;
  }
  if (setting.starts_with("$y$")) {  // only what crypt_gensalt(3) makes
    must(setting[3] == 'j' && setting[6] == '$');
    return scrypt_kib(std::size_t{2} << digit(setting[4]), digit(setting[5]) + 1, 1) <= 256;
  }
  must(setting.starts_with("$5$") || setting.starts_with("$6$"));
  const bool is_read = std::sscanf(setting.c_str() + 3, "rounds=%lu", &number_asked) == 1;
  must(!is_read || number_asked <= 5'000'000);
  return number_asked <= 5000;
}

/// How many bits the last part of a hash can hold.
std::size_t key_bits(const std::string& hash) {
  const std::size_t digits = hash.size() - 1 - hash.rfind('$');
  const bool is_hex = hash.starts_with("pbkdf2:") || hash.starts_with("scrypt:");
  return digits * (is_hex ? 4 : 6);
}

bool verifies(const std::string& hash, const std::string& password) {
  try {
    return auth::verify_password(hash, base::SecretString(password));
  } catch (const base::Overloaded&) {  // what is not quick seems to lack memory
    return false;
  }
}

}  // namespace

extern "C" char* crypt_r(const char* phrase, const char* setting, crypt_data* data) noexcept {
  if (!is_quick_setting(setting)) return nullptr;
  return the_real(&crypt_r, "crypt_r")(phrase, setting, data);
}

extern "C" int PKCS5_PBKDF2_HMAC(const char* pass, int passlen, const unsigned char* salt,
                                 int saltlen, int iter, const EVP_MD* digest, int keylen,
                                 unsigned char* out) {
  must(iter >= 1 && iter <= 10'000'000 && keylen <= 64);
  if (iter > 1000) return 0;
  return the_real(&PKCS5_PBKDF2_HMAC, "PKCS5_PBKDF2_HMAC")(pass, passlen, salt, saltlen, iter,
                                                           digest, keylen, out);
}

extern "C" int EVP_PBE_scrypt(const char* pass, std::size_t passlen, const unsigned char* salt,
                              std::size_t saltlen, std::uint64_t n, std::uint64_t r,
                              std::uint64_t p, std::uint64_t maxmem, unsigned char* key,
                              std::size_t keylen) {
  must(keylen <= 64);
  if (scrypt_kib(n, r, p) > 1024) return 0;
  return the_real(&EVP_PBE_scrypt, "EVP_PBE_scrypt")(pass, passlen, salt, saltlen, n, r, p, maxmem,
                                                     key, keylen);
}

extern "C" int crypto_pwhash_str_verify(const char* str, const char* passwd,
                                        unsigned long long passwdlen) {
  unsigned long memory_kib = 0, passes = 0;
  const char* parameters = std::string_view(str).starts_with("$argon2id") ? str + 9 : str + 8;
  const int count = std::sscanf(parameters, "$v=%*u$m=%lu,t=%lu", &memory_kib, &passes);
  if (count == 2) {
    must(memory_kib <= 1u << 20 && passes <= 100 && memory_kib * passes <= 4u << 20);
    if (memory_kib * passes > 1024) return -1;
  }
  return the_real(&crypto_pwhash_str_verify, "crypto_pwhash_str_verify")(str, passwd, passwdlen);
}

extern "C" int crypto_pwhash(unsigned char* out, unsigned long long outlen, const char* passwd,
                             unsigned long long passwdlen, const unsigned char* salt,
                             unsigned long long opslimit, std::size_t memlimit, int alg) {
  const std::size_t memory_kib = memlimit / 1024;
  must(memory_kib <= 1u << 20 && opslimit <= 100 && memory_kib * opslimit <= 4u << 20);
  if (memory_kib * opslimit > 1024) return -1;
  return the_real(&crypto_pwhash, "crypto_pwhash")(out, outlen, passwd, passwdlen, salt, opslimit,
                                                   memlimit, alg);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string hash(reinterpret_cast<const char*>(data), size);
  computed = 0;
  const bool is_right = verifies(hash, kPassword);
  auth::needs_rehash(hash, {8, 1});
  if (!is_right) return 0;
  // It was computed, from this very password, and tells it from others.
  must(auth::is_known_hash(hash));
  must(computed == 1);
  must(key_bits(hash) >= kMinKeyBits);
  must(!verifies(hash, kPassword + "x"));
  must(!verifies(hash, ""));
  return 0;
}
