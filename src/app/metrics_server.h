// Answers "GET /metrics".
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <poll.h>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "fastcgi/listener.h"

namespace userbin::app {

/// One thread that answers GET and HEAD of /metrics over HTTP/1.1 on a socket of its own, one
/// request a connection. Whoever stalls holds up nobody: he has 5 s, and the 17th connection takes
/// the place of the oldest.
class MetricsServer {
 public:
  /// What is shown, in Prometheus's text format; called on the server's thread. What it throws is
  /// answered 500 and logged.
  using Render = std::function<std::string()>;

  /// `listener` outlives this.
  MetricsServer(fastcgi::Listener& listener, Render render);
  /// Ends after the answer that is being made.
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Client {
    base::UniqueFd fd;
    TimePoint deadline;
    std::string received = {};
    std::string answer = {};
    std::size_t sent = 0;
  };

  void run();
  /// False if it is the end.
  bool run_once(std::vector<pollfd>& watched);
  void accept_one(TimePoint now);
  /// False if nothing more is to be done for this client.
  bool serve(Client& client);
  bool read_request(Client& client);
  std::string answer_to(const std::string& request);

  fastcgi::Listener& listener_;
  const Render render_;
  base::UniqueFd stop_event_;
  // The thread's own:
  std::vector<Client> clients_;  // the oldest first
  TimePoint deaf_until_{};

  std::thread thread_;
};

/// The answer to a request's head: `body` is called for what is at /metrics.
std::string metrics_answer(const std::string& head, const std::function<std::string()>& body);

}  // namespace userbin::app
