// Thousands of HTTP clients in one thread.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "support/http_client.h"

namespace userbin::test {

/// Connections to one port of 127.0.0.1, each with one request at a time, kept open from one to the
/// next. They come from several addresses, as each has ports for some 28,000. One thread.
class Crowd {
 public:
  /// A client, by its number from 0.
  using Client = std::size_t;
  /// The client may send() his next request in it.
  using OnAnswer = std::function<void(Client client, const Answer& answer)>;

  explicit Crowd(int port);

  /// Connects another client.
  Client add();

  /// Sends a whole request, whose answer run() waits for.
  void send(Client client, const std::string& request);
  /// Sends a part of one, whose rest never comes.
  void send_part(Client client, const std::string& part);

  /// Waits for answers until none is outstanding. Throws if none comes for a minute.
  void run(const OnAnswer& on_answer);

  /// What went wrong, the first of it: a request whose connection was closed in place of an answer,
  /// an answer to no request, a part of a request that was answered or hung up on.
  const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  struct Connection {
    base::UniqueFd fd;
    std::string unread;
    bool is_waiting = false;
  };

  void read(Client client, const OnAnswer& on_answer);
  void lose(Client client, const std::string& why);

  const int port_;
  base::UniqueFd epoll_;
  std::vector<Connection> connections_;
  std::size_t outstanding_ = 0;
  std::vector<std::string> complaints_;
};

/// A request in HTTP/1.1 that keeps its connection.
std::string http_get(const std::string& path, const std::vector<std::string>& headers = {});
std::string http_post_json(const std::string& path, const std::string& body);

}  // namespace userbin::test
