#include "bench/plain_loop.h"

#include <string_view>
#include <thread>
#include <vector>

#include <fcgiapp.h>

namespace userbin::bench {

void serve_plain_loop(const char* socket_path, int threads) {
  // Byte for byte what the worker answers to /healthz.
  constexpr std::string_view kAnswer =
      "Status: 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nCache-Control: "
      "no-store\r\n"
      "X-Content-Type-Options: nosniff\r\nX-Request-Id: 0123456789abcdef0123456789abcdef\r\n"
      "Content-Length: 16\r\n\r\n{\"status\":\"ok\"}\n";
  FCGX_Init();
  const int listener = FCGX_OpenSocket(socket_path, 4096);
  const auto loop = [&] {
    FCGX_Request request;
    FCGX_InitRequest(&request, listener, 0);
    while (FCGX_Accept_r(&request) == 0) {
      FCGX_PutStr(kAnswer.data(), static_cast<int>(kAnswer.size()), request.out);
      FCGX_Finish_r(&request);
    }
  };
  std::vector<std::jthread> workers;
  for (int i = 0; i < threads; ++i) workers.emplace_back(loop);
}

}  // namespace userbin::bench
