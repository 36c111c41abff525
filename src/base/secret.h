// Text that must not leak: passwords as typed, session tokens, keys.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace userbin::base {

/// Owns a secret text and wipes it on destruction. It has no stream operator, no formatter and no
/// comparison on purpose: a secret is read with reveal(), where a reviewer can see it.
/// Not synchronised; moved, or copied where a copy is meant.
class SecretString {
 public:
  SecretString() = default;
  explicit SecretString(std::string text) : text_(std::move(text)) {}
  SecretString(const SecretString&) = default;
  SecretString(SecretString&& other) noexcept : text_(std::move(other.text_)) { other.wipe(); }
  SecretString& operator=(SecretString other) noexcept {
    text_.swap(other.text_);
    return *this;
  }
  ~SecretString() { wipe(); }

  bool operator==(const SecretString&) const = delete;

  std::string_view reveal() const { return text_; }
  /// The same, for libraries that want a NUL at the end.
  const char* reveal_c_str() const { return text_.c_str(); }

 private:
  void wipe() {
    text_.resize(text_.capacity());  // a moved-from short string still holds its bytes
    explicit_bzero(text_.data(), text_.size());
    text_.clear();
  }

  std::string text_;
};

}  // namespace userbin::base
