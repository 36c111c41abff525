#include "bench/plain_loop.h"

#include <cstring>
#include <mutex>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include <fcgiapp.h>

#include "bench/answers.h"

namespace userbin::bench {

namespace {

constexpr std::string_view kRefused = "Status: 401 Unauthorized\r\n\r\n";

class Users {
 public:
  explicit Users(const std::string& token) { names_[token] = "bench"; }

  bool knows(const char* cookie) {
    constexpr std::string_view kName = "userbin=";
    const char* found = cookie == nullptr ? nullptr : std::strstr(cookie, kName.data());
    if (found == nullptr) return false;
    const std::string_view rest(found + kName.size());
    const std::lock_guard lock(mutex_);
    return names_.contains(std::string(rest.substr(0, rest.find(';'))));
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::string> names_;
};

std::string_view answer(const FCGX_Request& request, Users& users) {
  const char* path = FCGX_GetParam("DOCUMENT_URI", request.envp);
  if (path != nullptr && std::string_view(path) == "/healthz") return kHealthy;
  return users.knows(FCGX_GetParam("HTTP_COOKIE", request.envp)) ? kVerified : kRefused;
}

}  // namespace

void serve_plain_loop(const char* socket_path, int threads, const std::string& token) {
  Users users(token);
  FCGX_Init();
  const int listener = FCGX_OpenSocket(socket_path, 4096);
  const auto loop = [&] {
    FCGX_Request request;
    FCGX_InitRequest(&request, listener, 0);
    while (FCGX_Accept_r(&request) == 0) {
      const std::string_view text = answer(request, users);
      FCGX_PutStr(text.data(), static_cast<int>(text.size()), request.out);
      FCGX_Finish_r(&request);
    }
  };
  std::vector<std::jthread> workers;
  for (int i = 0; i < threads; ++i) workers.emplace_back(loop);
}

}  // namespace userbin::bench
