// The yardsticks of 'make bench': the ceiling, the usual loop, and the raw hash rate.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <sodium.h>

#include "bench/answers.h"
#include "bench/epoll_responder.h"
#include "bench/hash_rate.h"
#include "bench/plain_loop.h"

int main(int argc, char** argv) {
  using namespace userbin::bench;
  const std::string_view what = argc > 1 ? argv[1] : "";
  const std::string_view answer = argc > 4 ? argv[4] : "";
  if (what == "ceiling" && argc == 5 && (answer == "healthy" || answer == "verified")) {
    respond_always(argv[2], std::atoi(argv[3]), answer == "healthy" ? kHealthy : kVerified);
    return 0;
  }
  if (what == "loop" && argc == 5) {
    serve_plain_loop(argv[2], std::atoi(argv[3]), argv[4]);
    return 0;
  }
  if (what == "hashes" && argc == 7 && sodium_init() >= 0) {
    const double rate = measure_hash_rate(
        std::atoi(argv[2]), std::atof(argv[3]), static_cast<std::size_t>(std::atoll(argv[4])),
        static_cast<unsigned>(std::atoi(argv[5])), std::string_view(argv[6]) == "kept");
    std::printf("%.1f\n", rate);
    return 0;
  }
  std::fputs(
      "usage: bench ceiling SOCKET THREADS healthy|verified | bench loop SOCKET THREADS TOKEN |\n"
      "       bench hashes THREADS SECONDS KIB PASSES fresh|kept\n",
      stderr);
  return 2;
}
