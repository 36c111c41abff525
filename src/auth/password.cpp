#include "auth/password.h"

#include <cmath>
#include <memory>
#include <new>
#include <string_view>

#include <zxcvbn.h>

#include "base/blocking.h"
#include "base/text.h"

namespace userbin::auth {

namespace {

/// The estimate takes time that grows with the cube of the length; the start of a long password
/// says enough, as more characters never make it easier to guess.
constexpr std::size_t kMaxEstimatedBytes = 64;

/// zxcvbn-c goes on with whatever malloc() gave it, also nothing. What it takes for a text of that
/// length (103 kB at most, of all that was tried) is therefore had first: then it lies ready among
/// what malloc() keeps for this thread, or this throws std::bad_alloc. Less than malloc() would ask
/// the kernel for anew each time.
constexpr std::size_t kEstimateTakes = std::size_t{112} << 10;

struct Weakness {
  const char* reason;
  const char* sentence;
};

struct FreeInfo {
  void operator()(ZxcMatch_t* info) const { ZxcvbnFreeInfo(info); }
};

Weakness weakness_of(int match_type) {
  switch (match_type & ~MULTIPLE_MATCH) {
    case USER_MATCH:
    case USER_LEET_MATCH:
      return {"contains_username", "It is made from the username; choose something unrelated"};
    case DICTIONARY_MATCH:
    case DICT_LEET_MATCH:
      return {"common",
              "It is among the first that an attacker tries; join several unrelated words"};
    case REPEATS_MATCH:
      return {"repeats", "Repeated characters are easy to guess; join several unrelated words"};
    case SEQUENCE_MATCH: return {"sequence", "Sequences like abcd or 4321 are easy to guess"};
    case SPATIAL_MATCH: return {"keyboard", "Neighbouring keys are easy to guess"};
    case DATE_MATCH:
    case YEAR_MATCH: return {"date", "Dates and years are easy to guess"};
    default: return {"guessable", "Add more characters, or join several unrelated words"};
  }
}

/// The longest part of the password that follows a pattern says best why it is weak.
Weakness weakest_part(const ZxcMatch_t* info) {
  const ZxcMatch_t* worst = nullptr;
  for (; info != nullptr; info = info->Next) {
    if (info->Type == BRUTE_MATCH || info->Type == NON_MATCH) continue;
    if (worst == nullptr || info->Length > worst->Length) worst = info;
  }
  return weakness_of(worst == nullptr ? BRUTE_MATCH : worst->Type);
}

}  // namespace

std::variant<Password, PasswordFlaw> check_password(base::SecretString typed,
                                                    std::string_view username,
                                                    const PasswordRules& rules) {
  const std::string_view text = typed.reveal();
  if (!base::is_utf8(text) || text.find('\0') != std::string_view::npos) {
    return PasswordFlaw{"not_text", "It must be text, without NUL characters"};
  }
  const std::size_t length = base::count_code_points(text);
  if (length < rules.min_length) {
    return PasswordFlaw{
        "too_short", "It must have at least " + std::to_string(rules.min_length) + " characters"};
  }
  if (length > rules.max_length) {
    return PasswordFlaw{"too_long",
                        "It must have at most " + std::to_string(rules.max_length) + " characters"};
  }
  if (rules.min_guesses > 0) {
    const base::SecretString start(std::string(text.substr(0, kMaxEstimatedBytes)));
    const std::string name(username);
    const char* known_words[] = {name.c_str(), nullptr};
    ZxcMatch_t* parts = nullptr;
    base::before_blocking();
    ::operator delete(::operator new(kEstimateTakes));
    const double bits = ZxcvbnMatch(start.reveal_c_str(), known_words, &parts);
    const std::unique_ptr<ZxcMatch_t, FreeInfo> owner(parts);
    if (bits < std::log2(rules.min_guesses)) {
      const Weakness weakness = weakest_part(parts);
      return PasswordFlaw{weakness.reason, weakness.sentence};
    }
  }
  return Password(std::move(typed));
}

}  // namespace userbin::auth
