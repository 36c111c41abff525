// One history: some userbins, perhaps a careless person, one bin or a collection; what happens, and
// when, follows from the seed.
#pragma once

#include <cstdint>

namespace userbin::simulation {

/// Throws Violation if a promise was broken. Prints what happens if `is_traced`.
void run_history(std::uint64_t seed, bool is_traced);

}  // namespace userbin::simulation
