#pragma once

#include <cstddef>
#include <new>
#include <sys/mman.h>

namespace userbin::base {

/// Throws std::bad_alloc if so many bytes cannot be had just now. For what cannot say itself that
/// it got none, and takes its memory by mmap(2), past what malloc(3) has in reserve.
inline void require_mapping(std::size_t bytes) {
  if (bytes == 0) return;  // which mmap(2) refuses
  void* region = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (region == MAP_FAILED) throw std::bad_alloc();
  ::munmap(region, bytes);
}

}  // namespace userbin::base
