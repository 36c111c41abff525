#pragma once

#include <cstddef>
#include <new>

namespace userbin::base {

/// Throws std::bad_alloc if so many bytes cannot be had just now. For what cannot say itself that
/// it got none.
inline void require_memory(std::size_t bytes) {
  // Functions called by their names: compilers leave out a new-expression that nobody uses.
  ::operator delete(::operator new(bytes));
}

}  // namespace userbin::base
