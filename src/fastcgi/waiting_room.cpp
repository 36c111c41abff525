#include "fastcgi/waiting_room.h"

#include <array>
#include <cerrno>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <system_error>

namespace userbin::fastcgi {

namespace {

constexpr int kExpireEveryMs = 500;

std::uint32_t events_for(WaitingRoom::For what) {
  return what == WaitingRoom::For::kPeerToRead ? EPOLLOUT : EPOLLIN;
}

/// Throws away some of what came from the peer. Whether it has closed.
bool has_closed(int fd) {
  std::array<char, 16 * 1024> trash;
  const ssize_t count = ::recv(fd, trash.data(), trash.size(), MSG_DONTWAIT);
  return count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR);
}

}  // namespace

WaitingRoom::WaitingRoom(OnLeave on_leave)
    : on_leave_(std::move(on_leave)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wake_event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_event_.get(), &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "the waiting room's epoll");
  }
  thread_ = std::thread([this] { run(); });
}

void WaitingRoom::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  eventfd_write(wake_event_.get(), 1);
  if (thread_.joinable()) thread_.join();
}

void WaitingRoom::enter(void* id, int fd, For what, Deadline deadline) {
  const std::lock_guard lock(mutex_);
  if (guests_.empty()) eventfd_write(wake_event_.get(), 1);
  guests_[id] = {fd, what, deadline};
  epoll_event event{.events = events_for(what), .data = {.ptr = id}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return;
  const int error = errno;
  guests_.erase(id);
  throw std::system_error(error, std::generic_category(), "epoll_ctl");
}

std::size_t WaitingRoom::size() {
  const std::lock_guard lock(mutex_);
  return guests_.size();
}

void WaitingRoom::run() {
  std::array<epoll_event, 64> events;
  auto next_expiry = std::chrono::steady_clock::now();
  for (;;) {
    const int count = epoll_wait(epoll_.get(), events.data(), events.size(), next_look());
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.ptr != nullptr) {
        look_at(event.data.ptr);
        continue;
      }
      eventfd_t ignored = 0;
      eventfd_read(wake_event_.get(), &ignored);
      if (is_stopping()) return;
    }
    const auto now = std::chrono::steady_clock::now();
    if (now >= next_expiry) {
      expire();
      next_expiry = now + std::chrono::milliseconds(kExpireEveryMs);
    }
  }
}

bool WaitingRoom::is_stopping() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

int WaitingRoom::next_look() {
  const std::lock_guard lock(mutex_);
  return guests_.empty() ? -1 : kExpireEveryMs;
}

void WaitingRoom::look_at(void* id) {
  Guest guest;
  {
    const std::lock_guard lock(mutex_);
    const auto found = guests_.find(id);
    if (found == guests_.end()) return;
    guest = found->second;
  }
  if (guest.what != For::kPeerToClose) return leave(id, Verdict::kReady);
  if (has_closed(guest.fd)) leave(id, Verdict::kGone);
}

void WaitingRoom::expire() {
  const auto now = std::chrono::steady_clock::now();
  // No list of them: it must work without memory, too.
  std::array<void*, 64> expired{};
  std::size_t count = 0;
  do {
    count = 0;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [id, guest] : guests_) {
        if (now >= guest.deadline && count < expired.size()) expired[count++] = id;
      }
    }
    for (std::size_t i = 0; i < count; ++i) leave(expired[i], Verdict::kGone);
  } while (count == expired.size());
}

void WaitingRoom::leave(void* id, Verdict verdict) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = guests_.find(id);
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.fd, nullptr);
    guests_.erase(found);
  }
  on_leave_(id, verdict);
}

}  // namespace userbin::fastcgi
