#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace userbin::auth {

/// Apache's variant of MD5-crypt (APR, crypto/apr_md5.c, apr_md5_encode()): "$apr1$SALT$" and 22
/// digits. Its 1000 rounds of MD5 take less than a millisecond, so such a hash is soon guessed by
/// whoever has it; it is there to be replaced at the next login. nullopt for a salt that is empty
/// or has more than 8 characters, for a password of more than 512 bytes (as crypt(3) has it; the
/// time grows with the length), and where OpenSSL has no MD5.
std::optional<std::string> apr1_hash(const base::SecretString& password, std::string_view salt);

}  // namespace userbin::auth
