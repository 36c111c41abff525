#include <csignal>

#include <sodium.h>
#include <spdlog/spdlog.h>

#define CATCH_CONFIG_RUNNER
#include "support/catch.h"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  spdlog::set_level(spdlog::level::off);
  if (sodium_init() < 0) return 1;
  return Catch::Session().run(argc, argv);
}
