#include "bench/epoll_responder.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fastcgi.h>
#include <string>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace userbin::bench {

namespace {

constexpr std::size_t kFlagsAt = sizeof(FCGI_Header) + 2;  // of the first record's body

int listen_at(const char* path) {
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener, 4096) != 0) {
    std::perror(path);
    std::exit(1);
  }
  return listener;
}

void append_record(std::string& out, int type, std::string_view content) {
  const auto size = content.size();
  const std::array<unsigned char, FCGI_HEADER_LEN> header{FCGI_VERSION_1,
                                                          static_cast<unsigned char>(type),
                                                          0,
                                                          1,
                                                          static_cast<unsigned char>(size >> 8),
                                                          static_cast<unsigned char>(size),
                                                          0,
                                                          0};
  out.append(reinterpret_cast<const char*>(header.data()), header.size());
  out += content;
}

void watch(int epoll, int fd, std::uint32_t events) {
  epoll_event event{.events = events, .data = {.fd = fd}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

void answer_one(int epoll, int fd, bool is_new, const std::string& records) {
  std::array<char, 16384> request;
  const ssize_t count = ::recv(fd, request.data(), request.size(), MSG_DONTWAIT);
  if (count < 0 && is_new) return watch(epoll, fd, EPOLLIN);
  const bool is_whole = count > static_cast<ssize_t>(kFlagsAt);
  const bool answered = is_whole && ::send(fd, records.data(), records.size(), MSG_NOSIGNAL) > 0;
  if (!answered || (request[kFlagsAt] & FCGI_KEEP_CONN) == 0) {
    ::close(fd);
  } else if (is_new) {
    watch(epoll, fd, EPOLLIN);
  }
}

void respond(int listener, const std::string& records) {
  const int epoll = epoll_create1(0);
  watch(epoll, listener, EPOLLIN | EPOLLEXCLUSIVE);
  std::array<epoll_event, 64> events;
  for (;;) {
    const int count = epoll_wait(epoll, events.data(), events.size(), -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd != listener) {
        answer_one(epoll, fd, false, records);
        continue;
      }
      const int accepted = ::accept4(listener, nullptr, nullptr, 0);
      if (accepted >= 0) answer_one(epoll, accepted, true, records);
    }
  }
}

}  // namespace

void respond_always(const char* socket_path, int threads, std::string_view answer) {
  const int listener = listen_at(socket_path);
  std::string records;
  append_record(records, FCGI_STDOUT, answer);
  append_record(records, FCGI_STDOUT, {});
  append_record(records, FCGI_END_REQUEST, std::string_view("\0\0\0\0\0\0\0\0", 8));
  std::vector<std::jthread> workers;
  for (int i = 0; i < threads; ++i) workers.emplace_back([&] { respond(listener, records); });
}

}  // namespace userbin::bench
