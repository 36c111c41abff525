#include "auth/hash_memory.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

#include "auth/hash_pool.h"
#include "auth/password_hash.h"
#include "support/catch.h"
#include "support/inline_executor.h"
#include "support/machine.h"
#include "support/process.h"

namespace userbin::auth {

namespace {

constexpr std::size_t kMib = std::size_t{1} << 20;
const base::SecretString kPassword("correct horse battery");

/// Memory as libsodium asks for it, given back in the end.
class Mapping {
 public:
  explicit Mapping(std::size_t bytes)
      : bytes_(bytes),
        begin_(static_cast<char*>(
            ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    REQUIRE(begin_ != MAP_FAILED);
  }
  ~Mapping() { ::munmap(begin_, bytes_); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  char* begin() const { return begin_; }
  bool is_zero() const {
    return std::all_of(begin_, begin_ + bytes_, [](char c) { return c == 0; });
  }
  void fill() const { std::fill_n(begin_, bytes_, '\x5a'); }

 private:
  const std::size_t bytes_;
  char* const begin_;
};

/// Whether this thread keeps so many bytes of which some were written to.
bool is_kept(std::size_t bytes) {
  const HashMemory::Use use;
  return !Mapping(bytes).is_zero();
}

std::size_t resident_bytes() {
  return static_cast<std::size_t>(test::memory_kib(::getpid(), "VmRSS")) * 1024;
}

}  // namespace

TEST_CASE("memory that was mapped and unmapped within Use is kept for the next time") {
  const HashMemory memory(4 * kMib);
  const HashMemory::Use use;
  Mapping(4 * kMib).fill();
  CHECK_FALSE(Mapping(4 * kMib).is_zero());
  CHECK_FALSE(Mapping(3 * kMib).is_zero());

  const Mapping first(4 * kMib);
  CHECK(Mapping(4 * kMib).begin() != first.begin());
  CHECK(Mapping(4 * kMib).is_zero());
}

TEST_CASE("it is gone when it was released, and when the HashMemory is gone") {
  std::optional<HashMemory> memory(4 * kMib);
  for (int i = 0; i < 2; ++i) {
    {
      const HashMemory::Use use;
      const Mapping mapping(4 * kMib);
      CHECK(mapping.is_zero());
      mapping.fill();
    }
    memory->release();
    memory->release();
  }
  memory.reset();
  const HashMemory::Use use;
  CHECK(Mapping(4 * kMib).is_zero());
}

TEST_CASE("nothing else comes out of it") {
  const HashMemory memory(4 * kMib);
  {
    const HashMemory::Use use;
    Mapping(4 * kMib).fill();
  }
  CHECK(is_kept(4 * kMib));

  SECTION("what is mapped outside of Use") {
    CHECK(Mapping(4 * kMib).is_zero());
  }
  SECTION("what another thread maps") {
    std::thread([] {
      const HashMemory::Use use;
      CHECK(Mapping(4 * kMib).is_zero());
    }).join();
  }
  SECTION("what is larger, or smaller than a huge page") {
    const HashMemory::Use use;
    CHECK(Mapping(4 * kMib + 1).is_zero());
    CHECK(Mapping(2 * kMib - 1).is_zero());
  }
  SECTION("what is not plain memory") {
    const HashMemory::Use use;
    const Mapping place(8 * kMib);
    void* const there = ::mmap(place.begin(), 4 * kMib, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(there == place.begin());
    void* const unreadable =
        ::mmap(nullptr, 4 * kMib, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(is_kept(4 * kMib));
    CHECK(::munmap(unreadable, 4 * kMib) == 0);
  }
  SECTION("errors are as ever") {
    const HashMemory::Use use;
    errno = 0;
    CHECK(::mmap(nullptr, std::size_t{1} << 60, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                 -1, 0) == MAP_FAILED);
    CHECK(errno == ENOMEM);
    errno = 0;
    CHECK(::munmap(nullptr, 0) == -1);
    CHECK(errno == EINVAL);
  }
}

TEST_CASE("argon2 fills it, and makes the same hashes whatever was in it") {
  const HashCost cost = GENERATE(HashCost{2048, 1}, HashCost{4096, 2}, HashCost{8192, 1});
  const std::string hash = hash_password(kPassword, cost);
  // One of the reference implementation's (phc-winner-argon2, src/test.c).
  const std::string foreign =
      "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$"
      "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
  const HashMemory memory(cost.memory_kib * 1024);
  CHECK_FALSE(is_kept(cost.memory_kib * 1024));
  CHECK(verify_password(hash, kPassword));
  CHECK(is_kept(cost.memory_kib * 1024));
  CHECK_FALSE(verify_password(hash, base::SecretString("another")));
  CHECK(verify_password(hash_password(kPassword, cost), kPassword));
  CHECK(verify_password(hash_password(kPassword, {3072, 3}), kPassword));
  CHECK(verify_password(foreign, base::SecretString("password")));
  CHECK(verify_password(hash, kPassword));
}

TEST_CASE("a pool keeps its memory as long as it has something to do, and then gives it back") {
  constexpr HashCost kDear{64 * 1024, 1};
  test::TestExecutor executor;
  HashPool pool({.cost = kDear, .slots = 1}, executor);
  const std::size_t before = resident_bytes();
  test::wait_until("memory is kept", [&] {
    wait_for(pool.hash(kPassword), executor);
    return resident_bytes() > before + 48 * kMib;
  });
  test::wait_until("memory is given back", [&] { return resident_bytes() < before + 16 * kMib; });
}

}  // namespace userbin::auth
