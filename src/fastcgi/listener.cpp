#include "fastcgi/listener.h"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <grp.h>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/failure.h"
#include "base/log.h"

namespace userbin::fastcgi {

namespace {

constexpr int kBacklog = 4096;  // the kernel cuts it to net.core.somaxconn
constexpr int kFirstSystemdFd = 3;

[[noreturn]] void fail(const ListenOptions& options, const std::string& what) {
  throw base::BadSetting(options.setting + ": " + what);
}

std::string error_text() {
  return std::strerror(errno);
}

bool is_listening_socket(int fd) {
  int listening = 0;
  socklen_t length = sizeof listening;
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening == 1;
}

long environment_number(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? 0 : std::strtol(text, nullptr, 10);
}

std::optional<int> inherited_socket(const ListenOptions& options) {
  if (environment_number("LISTEN_PID") == getpid()) {
    const long count = environment_number("LISTEN_FDS");
    if (count > 1) fail(options, "systemd passed " + std::to_string(count) + " sockets; pass one");
    if (count == 1) {
      if (!is_listening_socket(kFirstSystemdFd))
        fail(options, "systemd passed a socket that does not listen");
      return kFirstSystemdFd;
    }
  }
  return is_listening_socket(STDIN_FILENO) ? std::optional(STDIN_FILENO) : std::nullopt;
}

void prepare_inherited(int fd) {
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/// Makes way for a new socket file at `address`.
void remove_stale_file(const ListenOptions& options, const sockaddr_un& address) {
  struct stat status {};
  if (lstat(address.sun_path, &status) != 0) return;
  if (!S_ISSOCK(status.st_mode)) {
    fail(options, std::string(address.sun_path) +
                      " is there and is no socket; remove it or choose another path");
  }
  const base::UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int connected =
      ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (connected == 0 || errno != ECONNREFUSED) {
    fail(options, std::string(address.sun_path) +
                      " is in use by a running program; stop it or choose another path");
  }
  ::unlink(address.sun_path);
}

gid_t group_id(const std::string& name) {
  const struct group* entry = getgrnam(name.c_str());
  if (entry == nullptr) {
    throw base::BadSetting("--socket-group: there is no group '" + name +
                           "'; name the group that nginx runs as, on Debian www-data");
  }
  return entry->gr_gid;
}

bool is_loopback(const addrinfo& address) {
  if (address.ai_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address.ai_addr);
    return (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
  }
  return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(address.ai_addr)->sin6_addr);
}

}  // namespace

Listener::Listener(const ListenOptions& options) {
  const std::string& address = options.address;
  if (address.empty() || address == "inherit") {
    if (const auto inherited = inherited_socket(options)) {
      socket_.reset(*inherited);
      prepare_inherited(*inherited);
      description_ = "inherited socket " + std::to_string(*inherited);
      return;
    }
    if (!address.empty()) {
      fail(options,
           "no socket was inherited; start userbin by systemd's socket unit or by spawn-fcgi, "
           "or give an address");
    }
    open_unix(options, kDefaultSocket);
  } else if (address.starts_with("unix:")) {
    open_unix(options, address.substr(5));
  } else if (address.starts_with("/")) {
    open_unix(options, address);
  } else {
    open_tcp(options);
  }
}

bool Listener::withdraw() {
  if (own_file_.empty()) return false;
  ::unlink(std::exchange(own_file_, {}).c_str());
  return true;
}

void Listener::open_unix(const ListenOptions& options, const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    fail(options,
         "'" + path + "' must have 1 to " + std::to_string(sizeof address.sun_path - 1) + " bytes");
  }
  path.copy(address.sun_path, path.size());
  remove_stale_file(options, address);
  base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const mode_t old_mask = ::umask(0177);
  const int bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::umask(old_mask);
  if (bound != 0) {
    fail(options,
         path + ": " + error_text() + "; the folder must be there and writable for this user");
  }
  own_file_ = path;
  try {
    if (!options.socket_group.empty() &&
        ::chown(path.c_str(), static_cast<uid_t>(-1), group_id(options.socket_group)) != 0) {
      throw base::BadSetting("--socket-group: " + path + " cannot be given to '" +
                             options.socket_group + "': " + error_text() +
                             "; be a member of that group, or start as root");
    }
    if (::chmod(path.c_str(), options.socket_mode) != 0 || ::listen(fd.get(), kBacklog) != 0) {
      fail(options, path + ": " + error_text());
    }
  } catch (...) {
    withdraw();
    throw;
  }
  socket_ = std::move(fd);
  description_ = "unix:" + path;
}

void Listener::open_tcp(const ListenOptions& options) {
  const std::string& address = options.address;
  const auto colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == address.size()) {
    fail(options, "'" + address +
                      "' is no address; write unix:/path, 127.0.0.1:9000, [::1]:9000 or inherit");
  }
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int failed = getaddrinfo(host.c_str(), address.substr(colon + 1).c_str(), &hints, &list);
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, freeaddrinfo);
  if (failed != 0) fail(options, "'" + address + "': " + gai_strerror(failed));
  base::UniqueFd fd(
      ::socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, list->ai_protocol));
  const int on = 1;
  // Accepted sockets take these over.
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::bind(fd.get(), list->ai_addr, list->ai_addrlen) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    fail(options, "'" + address + "': " + error_text() +
                      "; choose an address of this machine and a free port");
  }
  if (!is_loopback(*list)) {
    spdlog::warn("{} {} is not a loopback address: whoever reaches it {}", options.setting, address,
                 options.danger);
  }
  socket_ = std::move(fd);
  description_ = "tcp:" + address;
}

}  // namespace userbin::fastcgi
