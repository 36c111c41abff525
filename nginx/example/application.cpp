// An application behind the guard of the example site: it answers with what it was told of the
// user. usage: application SOCKET
#include <array>
#include <cstring>
#include <unistd.h>

#include <fcgiapp.h>

namespace {

/// REMOTE_USER and the like, and whatever a header of the client or of nginx has become.
bool is_about_user(const char* parameter) {
  for (const char* prefix : {"REMOTE_", "HTTP_REMOTE"}) {
    if (std::strncmp(parameter, prefix, std::strlen(prefix)) == 0) return true;
  }
  return false;
}

void answer(FCGX_Request& request) {
  const auto parameter = [&](const char* name) {
    const char* value = FCGX_GetParam(name, request.envp);
    return value != nullptr ? value : "";
  };
  FCGX_FPrintF(request.out, "Content-Type: text/plain; charset=utf-8\r\n\r\n%s %s\n",
               parameter("REQUEST_METHOD"), parameter("REQUEST_URI"));
  for (char** entry = request.envp; *entry != nullptr; ++entry) {
    if (is_about_user(*entry)) FCGX_FPrintF(request.out, "%s\n", *entry);
  }
  std::array<char, 4096> chunk;
  long body_bytes = 0;
  while (const int length = FCGX_GetStr(chunk.data(), chunk.size(), request.in))
    body_bytes += length;
  FCGX_FPrintF(request.out, "%ld bytes of body\n", body_bytes);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || FCGX_Init() != 0) return 2;
  ::unlink(argv[1]);
  const int listener = FCGX_OpenSocket(argv[1], 128);
  FCGX_Request request;
  if (listener < 0 || FCGX_InitRequest(&request, listener, 0) != 0) return 1;
  while (FCGX_Accept_r(&request) == 0) {
    answer(request);
    FCGX_Finish_r(&request);
  }
}
