#pragma once

#include <cstddef>

namespace userbin::bench {

/// How many argon2id hashes a second libsodium makes with `threads` threads and nothing else, over
/// `seconds`; with the memory kept from one to the next, as the worker does it, or as it comes.
double measure_hash_rate(int threads, double seconds, std::size_t memory_kib, unsigned passes,
                         bool keeps_memory);

}  // namespace userbin::bench
