// How many sessions a user may have.
#pragma once

#include <cstddef>

namespace userbin::store {

/// Where one more begins, the one that was last seen the longest ago ends, in the same transaction.
/// A program that logs in each time would else gather them without end. More than nginx lets one
/// client begin (10 a second, 50 at once) in the 30 s for which a use may be unwritten: so one that
/// is in use does not end.
inline constexpr std::size_t kMaxSessionsPerUser = 1000;

}  // namespace userbin::store
