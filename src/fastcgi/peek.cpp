#include "fastcgi/peek.h"

#include <cerrno>
#include <memory>
#include <string_view>
#include <sys/socket.h>

namespace userbin::fastcgi {

Inspection peek(int fd) {
  thread_local const std::unique_ptr<char[]> buffer(new char[kMaxRequestBytes]);
  const ssize_t count = ::recv(fd, buffer.get(), kMaxRequestBytes, MSG_PEEK | MSG_DONTWAIT);
  if (count < 0) {
    return {errno == EAGAIN || errno == EINTR ? Arrival::kNothing : Arrival::kBroken, 0};
  }
  if (count == 0) return {Arrival::kBroken, 0};
  const std::string_view bytes(buffer.get(), static_cast<std::size_t>(count));
  const Inspection found = inspect(bytes);
  const bool is_readable = found.arrival == Arrival::kComplete ||
                           found.arrival == Arrival::kBodyTooLarge ||
                           found.arrival == Arrival::kAuthorizer;
  return is_readable && !has_sound_parameters(bytes) ? Inspection{Arrival::kBroken, 0} : found;
}

}  // namespace userbin::fastcgi
