// Put into a program by LD_PRELOAD, this takes the memory away: of the calls of malloc(), calloc()
// and realloc() one in N, drawn by lot, gets nothing. N is in the file that USERBIN_TEST_MALLOC
// names, as a 32-bit number of the machine's; while it is 0 nothing happens.
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

// The C library's own, under the names that it exports for this.
extern "C" void* __libc_malloc(std::size_t size);
extern "C" void* __libc_calloc(std::size_t count, std::size_t size);
extern "C" void* __libc_realloc(void* old, std::size_t size);

namespace {

const volatile std::uint32_t* one_in = nullptr;

[[gnu::constructor]] void find_file() {
  const char* path = std::getenv("USERBIN_TEST_MALLOC");
  const int fd = path == nullptr ? -1 : ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  void* const place = ::mmap(nullptr, sizeof(std::uint32_t), PROT_READ, MAP_SHARED, fd, 0);
  ::close(fd);
  if (place != MAP_FAILED) one_in = static_cast<const std::uint32_t*>(place);
}

/// zxcvbn-c does not look at what it gets; userbin has what it may need ready.
bool may_fail(void* caller) {
  Dl_info info{};
  return ::dladdr(caller, &info) == 0 || info.dli_fname == nullptr ||
         std::strstr(info.dli_fname, "zxcvbn") == nullptr;
}

bool fails(void* caller) {
  const std::uint32_t n = one_in == nullptr ? 0 : *one_in;
  if (n == 0) return false;
  // A linear congruential generator for each thread; its upper bits are the better ones.
  thread_local std::uint32_t state = static_cast<std::uint32_t>(::gettid());
  state = state * 1664525U + 1013904223U;
  if ((state >> 8U) % n != 0 || !may_fail(caller)) return false;
  errno = ENOMEM;
  return true;
}

}  // namespace

extern "C" void* malloc(std::size_t size) {
  return fails(__builtin_return_address(0)) ? nullptr : __libc_malloc(size);
}

extern "C" void* calloc(std::size_t count, std::size_t size) {
  return fails(__builtin_return_address(0)) ? nullptr : __libc_calloc(count, size);
}

extern "C" void* realloc(void* old, std::size_t size) {
  return fails(__builtin_return_address(0)) ? nullptr : __libc_realloc(old, size);
}
