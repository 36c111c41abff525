// Secrets that stand for something in the store, which holds their hashes alone.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace userbin::auth {

/// How long a token is: base64url without padding.
inline constexpr std::size_t kTokenLength = 43;

/// 256 random bits in base64url.
base::SecretString draw_token();

/// SHA-256 in hexadecimal.
std::string hash_of_token(std::string_view token);

/// What the owner of a token calls it by: 16 hexadecimal digits, from which neither the token nor
/// its hash can be found.
std::string id_of_token_hash(std::string_view token_hash);

}  // namespace userbin::auth
