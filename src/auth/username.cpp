#include "auth/username.h"

#include <algorithm>

namespace userbin::auth {

namespace {

constexpr std::size_t kMaxLength = 64;

bool is_letter_or_digit(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

}  // namespace

std::optional<Username> Username::parse(std::string_view text) {
  if (text.empty() || text.size() > kMaxLength || !is_letter_or_digit(text.front())) {
    return std::nullopt;
  }
  const bool valid = std::all_of(text.begin(), text.end(), [](char c) {
    return is_letter_or_digit(c) || std::string_view("._@+-").find(c) != std::string_view::npos;
  });
  return valid ? std::optional(Username(text)) : std::nullopt;
}

}  // namespace userbin::auth
