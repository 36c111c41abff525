// Password hashes as texts: argon2id for our own, and what people bring along. Pure functions that
// take milliseconds on purpose; run them in the HashPool.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace userbin::auth {

/// What an argon2id hash costs, with one lane (RFC 9106).
struct HashCost {
  std::size_t memory_kib = 19456;
  unsigned passes = 2;
};

/// Whether `cost` is at least one of the settings that OWASP's Password Storage Cheat Sheet names
/// as the minimum for argon2id.
bool meets_owasp_minimum(const HashCost& cost);

/// Whether verify_password() would check a hash of this cost: it refuses those that hold a thread
/// for longer than a few seconds.
bool is_bearable(const HashCost& cost);

/// A new hash with a random salt, as a PHC string. Throws base::Overloaded if there is no memory.
std::string hash_password(const base::SecretString& password, const HashCost& cost);

/// A hash of this cost that no password verifies: checking one against it takes as long as against
/// any other, making it takes no time.
std::string hash_of_no_password(const HashCost& cost);

/// Whether verify_password() can check passwords against this hash: argon2id, argon2i, bcrypt,
/// yescrypt, sha256-crypt, sha512-crypt, Apache's MD5 ("$apr1$"), scrypt (PHC, "$7$", Werkzeug) and
/// PBKDF2 (PHC, passlib, Werkzeug, Django).
bool is_known_hash(std::string_view hash);

/// Whether it is known, whole by its look, and of a bearable cost: one that was cut off somewhere
/// is known, but nobody can log in with it.
bool is_usable_hash(const std::string& hash);

/// Whether `password` is the one that was hashed. False for hashes of unknown schemes, broken ones
/// and those that would cost more than any sane setting. Throws base::Overloaded if there is no
/// memory.
bool verify_password(const std::string& hash, const base::SecretString& password);

/// Whether `hash` is anything but argon2id of this cost.
bool needs_rehash(const std::string& hash, const HashCost& cost);

}  // namespace userbin::auth
