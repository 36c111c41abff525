#pragma once

#include <cstddef>

namespace userbin::bench {

/// How many argon2id hashes a second libsodium makes with `threads` threads and nothing else, over
/// `seconds`.
double measure_hash_rate(int threads, double seconds, std::size_t memory_kib, unsigned passes);

}  // namespace userbin::bench
