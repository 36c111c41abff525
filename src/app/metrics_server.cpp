#include "app/metrics_server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <poll.h>
#include <string_view>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/log.h"

namespace userbin::app {

namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 5s;
constexpr std::size_t kMaxClients = 16;
constexpr std::size_t kMaxHeadBytes = 8192;
/// How long nobody is accepted when there are no more file descriptors.
constexpr auto kDeafFor = 1s;

std::string answer(std::string_view status, std::string_view type, std::string_view body,
                   bool is_head, std::string_view more_fields = "") {
  std::string text = "HTTP/1.1 ";
  text.append(status).append("\r\nContent-Type: ").append(type);
  text.append("\r\nContent-Length: ").append(std::to_string(body.size()));
  text.append("\r\nCache-Control: no-store\r\nConnection: close\r\n").append(more_fields);
  text.append("\r\n");
  if (!is_head) text.append(body);
  return text;
}

std::string refusal(std::string_view status, std::string_view sentence, bool is_head = false,
                    std::string_view more_fields = "") {
  return answer(status, "text/plain; charset=utf-8", std::string(sentence) + "\n", is_head,
                more_fields);
}

struct RequestLine {
  std::string_view method;
  std::string_view path;
};

/// RFC 9112, section 3. nullopt: it is none.
std::optional<RequestLine> parse_request_line(std::string_view head) {
  const std::string_view line = head.substr(0, head.find_first_of("\r\n"));
  const auto first = line.find(' ');
  const auto second = line.rfind(' ');
  if (first == std::string_view::npos || first == second) return std::nullopt;
  const std::string_view target = line.substr(first + 1, second - first - 1);
  if (!line.substr(second + 1).starts_with("HTTP/1.") || !target.starts_with('/')) {
    return std::nullopt;
  }
  return RequestLine{line.substr(0, first), target.substr(0, target.find('?'))};
}

bool is_whole(std::string_view head) {
  return head.find("\r\n\r\n") != std::string_view::npos ||
         head.find("\n\n") != std::string_view::npos;
}

int milliseconds_until(std::chrono::steady_clock::time_point time,
                       std::chrono::steady_clock::time_point now) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(time - now);
  return static_cast<int>(std::max(left, 0ms).count());
}

}  // namespace

std::string metrics_answer(const std::string& head, const std::function<std::string()>& body) {
  const auto line = parse_request_line(head);
  if (!line) return refusal("400 Bad Request", "This is no request of HTTP/1.1");
  const bool is_head = line->method == "HEAD";
  if (line->path != "/metrics") {
    return refusal("404 Not Found", "The metrics are at /metrics", is_head);
  }
  if (line->method != "GET" && !is_head) {
    return refusal("405 Method Not Allowed", "Ask by GET", false, "Allow: GET, HEAD\r\n");
  }
  return answer("200 OK", "text/plain; version=0.0.4; charset=utf-8", body(), is_head);
}

MetricsServer::MetricsServer(fastcgi::Listener& listener, Render render)
    : listener_(listener),
      render_(std::move(render)),
      stop_event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { run(); }) {}

MetricsServer::~MetricsServer() {
  eventfd_write(stop_event_.get(), 1);
  thread_.join();
}

void MetricsServer::run() {
  std::vector<pollfd> watched;
  watched.reserve(kMaxClients + 2);
  for (;;) {
    try {
      if (!run_once(watched)) return;
    } catch (const std::exception& error) {  // no memory
      clients_.clear();
      spdlog::error("who asked for metrics is turned away: {}", error.what());
    }
  }
}

bool MetricsServer::run_once(std::vector<pollfd>& watched) {
  auto now = std::chrono::steady_clock::now();
  std::erase_if(clients_, [&](const Client& client) { return now >= client.deadline; });
  const bool is_deaf = now < deaf_until_;
  int timeout = is_deaf ? milliseconds_until(deaf_until_, now) : -1;
  watched.assign({{.fd = stop_event_.get(), .events = POLLIN, .revents = 0},
                  {.fd = is_deaf ? -1 : listener_.fd(), .events = POLLIN, .revents = 0}});
  for (const Client& client : clients_) {
    const short events = client.answer.empty() ? POLLIN : POLLOUT;
    watched.push_back({.fd = client.fd.get(), .events = events, .revents = 0});
    const int left = milliseconds_until(client.deadline, now);
    timeout = timeout < 0 ? left : std::min(timeout, left);
  }
  if (::poll(watched.data(), watched.size(), timeout) < 0) return true;
  if (watched[0].revents != 0) return false;
  // From the last on, so that the indices before stay what they are.
  for (std::size_t i = clients_.size(); i-- > 0;) {
    if (watched[i + 2].revents == 0 || serve(clients_[i])) continue;
    clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  if (watched[1].revents != 0) accept_one(std::chrono::steady_clock::now());
  return true;
}

void MetricsServer::accept_one(TimePoint now) {
  base::UniqueFd fd(::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd) {
    if (errno == EMFILE || errno == ENFILE) deaf_until_ = now + kDeafFor;
    return;
  }
  if (clients_.size() == kMaxClients) clients_.erase(clients_.begin());
  clients_.push_back({.fd = std::move(fd), .deadline = now + kPatience});
}

bool MetricsServer::serve(Client& client) {
  if (client.answer.empty() && !read_request(client)) return false;
  while (client.sent < client.answer.size()) {
    const ssize_t sent = ::send(client.fd.get(), client.answer.data() + client.sent,
                                client.answer.size() - client.sent, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    client.sent += static_cast<std::size_t>(sent);
  }
  return client.answer.empty();
}

/// False if the peer is gone. There is an answer once the request is whole.
bool MetricsServer::read_request(Client& client) {
  std::array<char, 4096> buffer{};
  const ssize_t count = ::recv(client.fd.get(), buffer.data(), buffer.size(), 0);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  if (count == 0) return false;
  client.received.append(buffer.data(), static_cast<std::size_t>(count));
  if (is_whole(client.received)) {
    client.answer = answer_to(client.received);
  } else if (client.received.size() > kMaxHeadBytes) {
    client.answer = refusal("431 Request Header Fields Too Large", "The request is too long");
  }
  return true;
}

std::string MetricsServer::answer_to(const std::string& request) {
  try {
    return metrics_answer(request, render_);
  } catch (const std::exception& error) {
    spdlog::error("the metrics cannot be shown: {}", error.what());
    return refusal("500 Internal Server Error", "Something went wrong; the log says what");
  }
}

}  // namespace userbin::app
