// The memory that argon2 fills, kept from one hash to the next.
#pragma once

#include <cstddef>

namespace userbin::auth {

/// What a thread that makes one argon2 hash after the other has for them. libsodium takes its
/// memory from mmap(2) for each hash and gives it back: for the kernel that is thousands of pages
/// to clear, to enter and to remove again, and it costs as much as the hash, on some virtual
/// machines three times as much. This keeps it, in huge pages where there are some.
///
/// As libsodium cannot be told where to take memory from, the program has an mmap() and a munmap()
/// of its own (hash_memory.cpp), which are libc's for all but a thread within HashMemory::Use. What
/// is kept is not zero: argon2 writes each block before it reads it.
///
/// Of the thread that made it, and the only one there.
class HashMemory {
 public:
  /// For hashes of up to `bytes` each; keeps nothing if that is less than a huge page.
  explicit HashMemory(std::size_t bytes);
  ~HashMemory();
  HashMemory(const HashMemory&) = delete;
  HashMemory& operator=(const HashMemory&) = delete;

  /// Back to the system, until the next hash. Not within Use.
  void release();

  /// While it lives, what is mapped on this thread comes out of the thread's HashMemory, if there
  /// is one and it is large enough.
  class Use {
   public:
    Use();
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
  };

  /// For mmap(): null if it is lent already, too small, or cannot be had.
  void* lend(std::size_t bytes);
  /// For munmap(): whether it was lent from here.
  bool take_back(const void* memory);

 private:
  const std::size_t capacity_;
  void* region_ = nullptr;
  bool lent_ = false;
};

}  // namespace userbin::auth
