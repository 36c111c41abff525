#pragma once

#include <cstdint>

namespace userbin::store {

/// Tells whether the store has changed since it was last looked at. Any thread may call.
class ChangeWatch {
 public:
  virtual ~ChangeWatch() = default;

  /// A number that differs from an earlier one if anything was changed in between, by this program
  /// or another. What was read after the earlier call is as it was then if it doesn't. Throws
  /// base::StoreUnavailable.
  virtual std::uint64_t version() = 0;
};

}  // namespace userbin::store
