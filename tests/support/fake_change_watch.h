#pragma once

#include <atomic>

#include "store/change_watch.h"

namespace userbin::test {

/// Says that everything may have changed each time, unless it is told that nothing does.
class FakeChangeWatch final : public store::ChangeWatch {
 public:
  std::uint64_t version() override {
    ++calls;
    return is_quiet ? version_.load() : ++version_;
  }

  /// What a change of the store does, for one that is quiet.
  void note_change() { ++version_; }

  std::atomic<bool> is_quiet = false;
  std::atomic<int> calls = 0;

 private:
  std::atomic<std::uint64_t> version_ = 0;
};

}  // namespace userbin::test
