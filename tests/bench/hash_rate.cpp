#include "bench/hash_rate.h"

#include <atomic>
#include <chrono>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include <sodium.h>

#include "auth/hash_memory.h"

namespace userbin::bench {

double measure_hash_rate(int threads, double seconds, std::size_t memory_kib, unsigned passes,
                         bool keeps_memory) {
  using Clock = std::chrono::steady_clock;
  constexpr std::string_view kPassword = "seven green lanterns";
  std::atomic<long> hashes = 0;
  const auto start = Clock::now();
  const auto end =
      start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < threads; ++i) {
      workers.emplace_back([&] {
        std::optional<auth::HashMemory> memory;
        if (keeps_memory) memory.emplace(memory_kib * 1024);
        const auth::HashMemory::Use use;
        char hash[crypto_pwhash_STRBYTES];
        while (Clock::now() < end) {
          if (crypto_pwhash_str(hash, kPassword.data(), kPassword.size(), passes,
                                memory_kib * 1024) == 0) {
            ++hashes;
          }
        }
      });
    }
  }
  return static_cast<double>(hashes) / std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace userbin::bench
