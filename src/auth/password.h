// What a new password must be.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

#include "base/secret.h"

namespace userbin::auth {

struct PasswordRules {
  /// In characters (code points).
  std::size_t min_length = 8;
  std::size_t max_length = 256;
  /// How many guesses zxcvbn must expect an attacker to need (10^6 is its score 2). 0: any.
  double min_guesses = 1e6;
};

/// A password that may be given to a user: it met the rules when it was made.
class Password {
 public:
  const base::SecretString& secret() const { return secret_; }

 private:
  friend std::variant<Password, struct PasswordFlaw> check_password(base::SecretString,
                                                                    std::string_view,
                                                                    const PasswordRules&);
  explicit Password(base::SecretString secret) : secret_(std::move(secret)) {}

  base::SecretString secret_;
};

/// Why a password was refused.
struct PasswordFlaw {
  /// A stable word: too_short, too_long, not_text, common, contains_username, repeats, sequence,
  /// keyboard, date, guessable.
  std::string reason;
  /// The same for a person.
  std::string sentence;
};

/// No composition rules, nothing cut, any Unicode (NIST SP 800-63B, section 5.1.1.2): only length,
/// valid UTF-8 without NUL, and an estimate of the guesses that knows `username` and the passwords
/// that people choose.
std::variant<Password, PasswordFlaw> check_password(base::SecretString typed,
                                                    std::string_view username,
                                                    const PasswordRules& rules);

}  // namespace userbin::auth
