// It would make mmap() below an mmap64(), which calls itself.
#undef _FILE_OFFSET_BITS
#undef _TIME_BITS

#include "auth/hash_memory.h"

#include <cstdint>
#include <initializer_list>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace userbin::auth {

namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

/// Of this thread.
thread_local HashMemory* memory_here = nullptr;
thread_local bool in_use_here = false;

std::size_t whole_huge_pages(std::size_t bytes) {
  return (bytes + kHugePage - 1) / kHugePage * kHugePage;
}

/// At an address that huge pages can begin at; null if there is no memory. By mmap64(), which is
/// libc's mmap() under a name that does not lead here again.
void* map_huge(std::size_t bytes) {
  void* const mapped = ::mmap64(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  char* const begin = static_cast<char*>(mapped);
  const std::size_t before = -reinterpret_cast<std::uintptr_t>(begin) % kHugePage;
  if (before > 0) ::munmap(begin, before);
  ::munmap(begin + before + bytes, kHugePage - before);
  // None is needed for the memory to be good.
  for (const int advice : {MADV_HUGEPAGE, MADV_DONTDUMP, MADV_POPULATE_WRITE}) {
    ::madvise(begin + before, bytes, advice);
  }
  return begin + before;
}

}  // namespace

HashMemory::HashMemory(std::size_t bytes)
    : capacity_(bytes < kHugePage ? 0 : whole_huge_pages(bytes)) {
  memory_here = this;
}

HashMemory::~HashMemory() {
  release();
  memory_here = nullptr;
}

void HashMemory::release() {
  if (region_ != nullptr) ::munmap(region_, capacity_);
  region_ = nullptr;
}

void* HashMemory::lend(std::size_t bytes) {
  if (lent_ || bytes < kHugePage || bytes > capacity_) return nullptr;
  if (region_ == nullptr) region_ = map_huge(capacity_);
  lent_ = region_ != nullptr;
  return region_;
}

bool HashMemory::take_back(const void* memory) {
  if (!lent_ || memory != region_) return false;
  lent_ = false;
  return true;
}

HashMemory::Use::Use() {
  in_use_here = true;
}

HashMemory::Use::~Use() {
  in_use_here = false;
}

}  // namespace userbin::auth

// In place of libc's, for the libraries, too: the dynamic linker looks into the program first. They
// are called before a sanitizer is ready.
extern "C" {

[[gnu::no_sanitize_address, gnu::no_sanitize_thread]] void* mmap(void* address, size_t length,
                                                                 int protection, int flags,
                                                                 int file, off_t offset) noexcept {
  using namespace userbin::auth;
  const bool can_be_kept = in_use_here && memory_here != nullptr && address == nullptr &&
                           protection == (PROT_READ | PROT_WRITE) && (flags & MAP_ANONYMOUS) != 0;
  if (can_be_kept) {
    if (void* const kept = memory_here->lend(length)) return kept;
  }
  return ::mmap64(address, length, protection, flags, file, offset);
}

[[gnu::no_sanitize_address, gnu::no_sanitize_thread]] int munmap(void* address,
                                                                 size_t length) noexcept {
  using namespace userbin::auth;
  if (memory_here != nullptr && memory_here->take_back(address)) return 0;
  return static_cast<int>(::syscall(SYS_munmap, address, length));
}
}
