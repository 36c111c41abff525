#include "fastcgi/peek.h"

#include <cerrno>
#include <memory>
#include <sys/socket.h>

namespace userbin::fastcgi {

Inspection peek(int fd) {
  thread_local const std::unique_ptr<char[]> buffer(new char[kMaxRequestBytes]);
  const ssize_t count = ::recv(fd, buffer.get(), kMaxRequestBytes, MSG_PEEK | MSG_DONTWAIT);
  if (count < 0) {
    return {errno == EAGAIN || errno == EINTR ? Arrival::kNothing : Arrival::kBroken, 0};
  }
  if (count == 0) return {Arrival::kBroken, 0};
  return inspect({buffer.get(), static_cast<std::size_t>(count)});
}

}  // namespace userbin::fastcgi
