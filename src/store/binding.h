// How this folder binds values to its statements: by use(), SOCI's but for texts.
#pragma once

#include <string>
#include <utility>

#include <soci/soci.h>

#include "base/failure.h"

namespace userbin::store {

/// Refuses a text with a NUL in it: SOCI hands PostgreSQL a C string, which ends there, so that it
/// would stand for another text.
class BoundText final : public soci::details::standard_use_type {
 public:
  explicit BoundText(const std::string& text)
      : standard_use_type(const_cast<std::string*>(&text), soci::details::x_stdstring, true),
        text_(text) {}

 private:
  void convert_to_base() override {
    if (text_.find('\0') == std::string::npos) return;
    throw base::StoreUnavailable("a text with a NUL in it is not for the store");
  }

  const std::string& text_;
};

using soci::use;

inline soci::details::use_type_ptr use(const std::string& text) {
  return soci::details::use_type_ptr(new BoundText(text));
}
/// Else SOCI's own would fit better.
inline soci::details::use_type_ptr use(std::string& text) {
  return use(std::as_const(text));
}

/// What SOCI has for its own kinds of values only.
inline soci::details::prepare_temp_type operator,(soci::details::prepare_temp_type prepared,
                                                  const soci::details::use_type_ptr& bound) {
  prepared.get_prepare_info()->exchange(bound);
  return prepared;
}

}  // namespace userbin::store
