// Hashes that people bring along from other programs.
#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"

namespace userbin::auth {

/// Whether the text has the look of a scheme that verify_foreign_hash() knows.
bool is_known_foreign_hash(std::string_view hash);

/// Whether it is also whole, by its look, and of a cost that verify_foreign_hash() bears: whether
/// there can be a password that it verifies.
bool is_usable_foreign_hash(const std::string& hash);

/// Whether `password` is the one that was hashed. False also for a broken hash, and for one whose
/// cost is beyond any sane setting (it would hold a hash slot for minutes). Takes as long as the
/// scheme does.
bool verify_foreign_hash(const std::string& hash, const base::SecretString& password);

}  // namespace userbin::auth
