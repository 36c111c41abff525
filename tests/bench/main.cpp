// The yardsticks of 'make bench': the loop, and the raw hash rate.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <sodium.h>

#include "bench/hash_rate.h"
#include "bench/plain_loop.h"

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "loop" && argc == 4) {
    userbin::bench::serve_plain_loop(argv[2], std::atoi(argv[3]));
    return 0;
  }
  if (what == "hashes" && argc == 6 && sodium_init() >= 0) {
    const double rate = userbin::bench::measure_hash_rate(
        std::atoi(argv[2]), std::atof(argv[3]), static_cast<std::size_t>(std::atoll(argv[4])),
        static_cast<unsigned>(std::atoi(argv[5])));
    std::printf("%.1f\n", rate);
    return 0;
  }
  std::fputs("usage: bench loop SOCKET THREADS | bench hashes THREADS SECONDS KIB PASSES\n",
             stderr);
  return 2;
}
