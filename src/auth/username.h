#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace userbin::auth {

/// A name that a new user may have: 1 to 64 of A-Z a-z 0-9 . _ @ + -, starting with a letter or
/// digit. (Names that came in with a bin may be anything; they are not of this type.)
class Username {
 public:
  static std::optional<Username> parse(std::string_view text);

  const std::string& text() const { return text_; }

 private:
  explicit Username(std::string_view text) : text_(text) {}

  std::string text_;
};

}  // namespace userbin::auth
