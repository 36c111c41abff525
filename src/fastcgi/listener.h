// The socket that nginx connects to.
#pragma once

#include <string>
#include <sys/types.h>

#include "base/unique_fd.h"

namespace userbin::fastcgi {

struct ListenOptions {
  /// "unix:/path" or "/path", "HOST:PORT" or "[IPv6]:PORT", or "inherit". Empty: what was
  /// inherited, if anything, else kDefaultSocket.
  std::string address;
  /// Of a Unix socket's file.
  mode_t socket_mode = 0660;
  /// Name of the group of a Unix socket's file; empty: this process's.
  std::string socket_group;
  /// What errors name.
  std::string setting = "--listen";
  /// What whoever reaches a TCP address can do, and what to do against it.
  std::string danger = "can claim to be nginx; let a firewall admit nginx alone";
};

inline constexpr const char* kDefaultSocket = "/run/userbin/userbin.sock";

/// A listening socket. Not synchronised.
class Listener {
 public:
  /// Binds, restricts the file's mode and group, then listens: nobody can connect before. Takes an
  /// inherited socket from systemd (LISTEN_FDS, sd_listen_fds(3)) or from spawn-fcgi (descriptor
  /// 0). A socket file that nobody listens on is replaced. Throws base::BadSetting naming the
  /// setting.
  explicit Listener(const ListenOptions& options);
  ~Listener() { withdraw(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  int fd() const { return socket_.get(); }

  /// For people: "unix:/run/userbin/userbin.sock".
  const std::string& description() const { return description_; }

  /// Removes the socket file that was made here. True if nobody can connect any more; false for
  /// other kinds of socket. Those who are queued can still be accepted.
  bool withdraw();

 private:
  void open_unix(const ListenOptions& options, const std::string& path);
  void open_tcp(const ListenOptions& options);

  base::UniqueFd socket_;
  std::string description_;
  /// To be removed on close; empty for other kinds of socket.
  std::string own_file_;
};

}  // namespace userbin::fastcgi
