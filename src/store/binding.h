// How this folder binds values to its statements, by use(), which is SOCI's but for texts; and how
// it runs a statement once.
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

/// Runs `statement` once with its into() and use(). Not `sql << statement, into(x)`: that is run
/// when the expression ends, also when an exception ends it, a lack of memory for into() say; if it
/// fails then, the program ends.
template <typename... Bindings>
void execute_once(soci::session& sql, const std::string& statement, Bindings&&... bindings) {
  soci::statement once(sql);
  (once.exchange(std::forward<Bindings>(bindings)), ...);
  once.alloc();
  once.prepare(statement, soci::details::st_one_time_query);
  once.define_and_bind();
  once.execute(true);
}

}  // namespace userbin::store
