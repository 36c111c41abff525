#include "auth/role.h"

#include "base/text.h"

namespace userbin::auth {

namespace {

constexpr std::size_t kMaxLength = 32;
constexpr std::string_view kAllowed =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

}  // namespace

std::optional<Role> Role::parse(std::string_view text) {
  const bool has_length = !text.empty() && text.size() <= kMaxLength;
  const bool is_plain = text.find_first_not_of(kAllowed) == std::string_view::npos;
  if (!has_length || !is_plain || base::to_lower_ascii(text) == "deleted") return std::nullopt;
  return Role(text);
}

}  // namespace userbin::auth
