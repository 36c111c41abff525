#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace userbin::auth {

/// A role that a user may be given: 1 to 32 of A-Z a-z 0-9 . _ -, but not "deleted", which a record
/// says of who is no user any more. "admin" rules over the others.
class Role {
 public:
  /// "user"
  Role() : text_("user") {}
  static std::optional<Role> parse(std::string_view text);

  const std::string& text() const { return text_; }

 private:
  explicit Role(std::string_view text) : text_(text) {}

  std::string text_;
};

}  // namespace userbin::auth
