#include "support/crowd.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <optional>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <utility>

namespace userbin::test {

namespace {

constexpr std::size_t kClientsOfAnAddress = 5000;
constexpr std::size_t kMostComplaints = 20;
constexpr int kPatienceMs = 60'000;

sockaddr_in loopback(std::uint32_t last_byte, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + last_byte);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

/// Takes the first answer off `text`; nullopt if it is not all there. Its body has a
/// Content-Length.
std::optional<Answer> take_answer(std::string& text) {
  const auto head_end = text.find("\r\n\r\n");
  if (head_end == std::string::npos) return std::nullopt;
  Answer answer;
  answer.headers = parse_headers(text.substr(0, head_end + 2));
  const std::size_t body_at = head_end + 4;
  const std::string length = answer.header("Content-Length");
  const std::size_t body_bytes = length.empty() ? 0 : std::stoul(length);
  if (text.size() < body_at + body_bytes) return std::nullopt;
  answer.status = std::stoi(text.substr(std::strlen("HTTP/1.1 "), 3));
  answer.body = text.substr(body_at, body_bytes);
  text.erase(0, body_at + body_bytes);
  return answer;
}

}  // namespace

Crowd::Crowd(int port) : port_(port), epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

Crowd::Client Crowd::add() {
  const Client client = connections_.size();
  base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) fail("socket");
  const int yes = 1;
  ::setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
  const auto last_byte = static_cast<std::uint32_t>(2 + client / kClientsOfAnAddress);
  const sockaddr_in from = loopback(last_byte, 0);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0) fail("bind");
  const sockaddr_in to = loopback(1, port_);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) fail("connect");
  epoll_event event{.events = EPOLLIN, .data = {.u64 = client}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event) != 0) fail("epoll");
  connections_.push_back({.fd = std::move(fd), .unread = "", .is_waiting = false});
  return client;
}

void Crowd::send(Client client, const std::string& request) {
  connections_[client].is_waiting = true;
  ++outstanding_;
  send_part(client, request);
}

void Crowd::send_part(Client client, const std::string& part) {
  const ssize_t count =
      ::send(connections_[client].fd.get(), part.data(), part.size(), MSG_NOSIGNAL);
  // Whether it is lost is seen when it is read.
  if (count >= 0 && static_cast<std::size_t>(count) != part.size()) fail("send");
}

void Crowd::run(const OnAnswer& on_answer) {
  std::array<epoll_event, 256> events;
  while (outstanding_ > 0) {
    const int count = epoll_wait(epoll_.get(), events.data(), events.size(), kPatienceMs);
    if (count == 0) {
      throw std::runtime_error(std::to_string(outstanding_) + " requests are not answered");
    }
    for (int i = 0; i < count; ++i) {
      read(static_cast<Client>(events[static_cast<std::size_t>(i)].data.u64), on_answer);
    }
  }
}

void Crowd::read(Client client, const OnAnswer& on_answer) {
  std::array<char, 16'384> bytes;
  const ssize_t count =
      ::recv(connections_[client].fd.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (count < 0 && errno == EAGAIN) return;
  if (count <= 0) return lose(client, "was closed");
  connections_[client].unread.append(bytes.data(), static_cast<std::size_t>(count));
  if (!connections_[client].is_waiting) return lose(client, "had an answer to no request");
  const auto answer = take_answer(connections_[client].unread);
  if (!answer) return;
  if (!connections_[client].unread.empty()) return lose(client, "had more than one answer");
  connections_[client].is_waiting = false;
  --outstanding_;
  on_answer(client, *answer);
}

void Crowd::lose(Client client, const std::string& why) {
  Connection& connection = connections_[client];
  if (complaints_.size() < kMostComplaints) {
    complaints_.push_back("connection " + std::to_string(client) + ' ' + why + ' ' +
                          connection.unread.substr(0, 200));
  }
  if (std::exchange(connection.is_waiting, false)) --outstanding_;
  connection.fd.reset();
}

std::string http_get(const std::string& path, const std::vector<std::string>& headers) {
  std::string request = "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n";
  for (const std::string& header : headers) request += header + "\r\n";
  return request + "\r\n";
}

std::string http_post_json(const std::string& path, const std::string& body) {
  return "POST " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n" +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace userbin::test
