// How many sessions a user may have.
#pragma once

#include <cstddef>

namespace userbin::store {

/// Where one more begins, the one that was last seen the longest ago ends, in the same transaction.
/// A program that logs in each time would else gather them without end.
inline constexpr std::size_t kMaxSessionsPerUser = 100;

}  // namespace userbin::store
