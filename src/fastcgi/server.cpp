#include "fastcgi/server.h"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <fcntl.h>
#include <limits>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <utility>

#include <fcgiapp.h>

#include "base/blocking.h"
#include "base/log.h"
#include "base/memory.h"
#include "fastcgi/peek.h"

namespace userbin::fastcgi {

namespace {

constexpr std::chrono::seconds kShedWarningEvery{10};
constexpr int kListenAgainEveryMs = 200;
/// Three for each connection to an SQLite store, two logs, one to the bin, and as much again.
constexpr rlim_t kReservedFds = 64;
/// libfcgi ends the program when it gets no memory, and needs less than this for a request besides
/// what has arrived. Below what makes free(3) give memory back to the system.
constexpr std::size_t kLibfcgiBytes = std::size_t{40} * 1024;

int first_reserved_fd() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<int>::max();
  const rlim_t first = limit.rlim_cur - std::min(kReservedFds, limit.rlim_cur / 2);
  return static_cast<int>(std::min<rlim_t>(first, std::numeric_limits<int>::max()));
}

/// For a guarded request nginx needs twice the time that a verification from memory takes.
std::ptrdiff_t places_on(unsigned processors) {
  return std::max(1U, (processors + 1) / 3);
}

base::UniqueFd open_spare() {
  return base::UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

void watch(const base::UniqueFd& epoll, int operation, int fd, std::uint32_t events, void* id) {
  epoll_event event{.events = events, .data = {.ptr = id}};
  epoll_ctl(epoll.get(), operation, fd, &event);
}

}  // namespace

/// A connection and the request on it. Touched by one thread at a time: epoll tells one thread of
/// it (EPOLLONESHOT), and that thread passes it on through epoll, the waiting room or post().
struct Server::Connection {
  Connection(Server& server_, base::UniqueFd fd) : server(server_), exchange(std::move(fd)) {}

  Server& server;
  Exchange exchange;
  bool is_watched = false;
  bool is_read_in_part = false;
  bool is_sending = false;
  http::Request request;
  base::Task<http::Response> answer;
};

Server::Server(Listener& listener, Options options)
    : listener_(listener),
      options_(std::move(options)),
      first_reserved_fd_(first_reserved_fd()),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      posted_event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)),
      stop_event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      places_(places_on(std::thread::hardware_concurrency())),
      spare_(open_spare()) {
  FCGX_Init();
  waiting_room_ = std::make_unique<WaitingRoom>(options_.request_timeout,
                                                [this](void* id, WaitingRoom::Verdict verdict) {
                                                  on_left(*static_cast<Connection*>(id), verdict);
                                                });
}

Server::~Server() {
  stop();
}

void Server::start(http::Handler handler) {
  handler_ = std::move(handler);
  watch(epoll_, EPOLL_CTL_ADD, stop_event_.get(), EPOLLIN, &stop_event_);
  watch(epoll_, EPOLL_CTL_ADD, posted_event_.get(), EPOLLIN, &posted_event_);
  watch(epoll_, EPOLL_CTL_ADD, listener_.fd(), EPOLLIN, &listener_);
  for (std::size_t i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { run(); });
}

void Server::post(std::coroutine_handle<> work) {
  {
    const std::lock_guard lock(posted_mutex_);
    posted_.push_back(work);  // for which make_room_for_posted() has seen to the memory
  }
  // One count for each piece of work, one wake-up for each count.
  eventfd_write(posted_event_.get(), 1);
}

bool Server::drain(std::chrono::milliseconds patience) {
  draining_ = true;
  if (!listener_.withdraw()) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener_.fd(), nullptr);
  std::unique_lock lock(drained_mutex_);
  return drained_.wait_for(lock, patience, [&] { return in_progress_ == 0; });
}

void Server::stop() {
  eventfd_write(stop_event_.get(), 1);
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  waiting_room_->stop();
}

Server::Stats Server::stats() {
  Stats stats;
  stats.waiting = waiting_room_->size();
  const std::lock_guard lock(connections_mutex_);
  stats.open = connections_.size();
  return stats;
}

/// A thread's place among those that serve, taken before it waits for an event and given up before
/// it blocks.
class Server::Place final : public base::BlockingListener {
 public:
  explicit Place(std::counting_semaphore<>& places) : places_(places) {}
  ~Place() override { on_blocking(); }

  void take() {
    if (!is_taken_) places_.acquire();
    is_taken_ = true;
  }
  void on_blocking() override {
    if (std::exchange(is_taken_, false)) places_.release();
  }

 private:
  std::counting_semaphore<>& places_;
  bool is_taken_ = false;
};

void Server::run() {
  Place place(places_);
  const base::WithBlockingListener listening(place);
  for (;;) {
    place.take();
    epoll_event event{};
    const int count = epoll_wait(epoll_.get(), &event, 1, is_deaf_ ? kListenAgainEveryMs : -1);
    if (count == 0) listen_again();
    if (count != 1) continue;
    if (event.data.ptr == &stop_event_) return;
    if (event.data.ptr == &listener_) {
      try {
        accept_one();
      } catch (const std::exception& error) {  // no memory
        spdlog::error("a connection could not be taken: {}", error.what());
      }
    } else if (event.data.ptr == &posted_event_) {
      resume_one();
    } else {
      on_readable(*static_cast<Connection*>(event.data.ptr));
    }
  }
}

void Server::accept_one() {
  base::UniqueFd fd(::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!fd) {
    if (errno == EMFILE || errno == ENFILE) shed_one();
    return;  // otherwise another thread was quicker, or the peer is gone
  }
  if (fd.get() >= first_reserved_fd_) {
    fd.reset();
    const std::lock_guard lock(connections_mutex_);
    return warn_of_shedding();
  }
  auto owned = std::make_unique<Connection>(*this, std::move(fd));
  Connection& connection = *owned;
  {
    const std::lock_guard lock(connections_mutex_);
    connections_.emplace(&connection, std::move(owned));
  }
  on_readable(connection);
}

void Server::shed_one() {
  const std::lock_guard lock(connections_mutex_);
  spare_.reset();
  base::UniqueFd turned_away(::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
  turned_away.reset();
  spare_ = open_spare();
  if (!spare_ && !draining_) {  // another thread was quicker
    is_deaf_ = true;
    watch(epoll_, EPOLL_CTL_MOD, listener_.fd(), 0, &listener_);
  }
  warn_of_shedding();
}

void Server::warn_of_shedding() {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_shed_warning_ < kShedWarningEvery) return;
  last_shed_warning_ = now;
  spdlog::warn(
      "connections are turned away: no more file descriptors with {} connections open; "
      "raise LimitNOFILE= in the service, or lower nginx's keepalive",
      connections_.size());
}

void Server::listen_again() {
  const std::lock_guard lock(connections_mutex_);
  if (!is_deaf_) return;
  spare_ = open_spare();
  if (!spare_) return;
  is_deaf_ = false;
  if (!draining_) watch(epoll_, EPOLL_CTL_MOD, listener_.fd(), EPOLLIN, &listener_);
}

void Server::resume_one() {
  eventfd_t count = 0;
  if (eventfd_read(posted_event_.get(), &count) != 0) return;  // another thread took it
  std::coroutine_handle<> work;
  {
    const auto lock = base::lock_giving_way(posted_mutex_);
    work = posted_.front();
    posted_.erase(posted_.begin());
  }
  work.resume();
}

void Server::on_readable(Connection& connection) {
  try {
    look_at(connection);
  } catch (const std::exception& error) {  // no memory, before anything was handed on
    spdlog::error("a request could not be looked at: {}", error.what());
    close(connection);
  }
}

void Server::look_at(Connection& connection) {
  const Inspection found = peek(connection.exchange.fd());
  switch (found.arrival) {
    case Arrival::kComplete:
    case Arrival::kBodyTooLarge:
    case Arrival::kAuthorizer: return serve(connection, found);
    case Arrival::kNothing: return await_request(connection);
    case Arrival::kIncomplete:
      if (enter_waiting_room(connection, WaitingRoom::For::kRestOfRequest)) return;
      return close(connection);
    case Arrival::kBroken: return close(connection);
  }
}

void Server::serve(Connection& connection, const Inspection& found) {
  ++in_progress_;
  if (!begin(connection, found)) {
    close(connection);
    return request_ended();
  }
  // From here on the connection may be at another thread, or gone.
  connection.answer.start(&Server::on_done, &connection);
}

bool Server::begin(Connection& connection, const Inspection& found) {
  connection.is_read_in_part = found.arrival != Arrival::kComplete;
  try {
    make_room_for_posted(in_progress_);
    base::require_memory(kLibfcgiBytes);
    connection.request = {};
    if (!connection.exchange.read(connection.request, found, options_.extra_params)) return false;
    connection.answer = handler_(connection.request);
    return true;
  } catch (const std::exception& error) {  // no memory
    spdlog::error("a request could not be begun: {}", error.what());
    return false;
  }
}

void Server::make_room_for_posted(std::size_t requests) {
  if (requests <= room_for_posted_) return;
  const std::lock_guard lock(posted_mutex_);
  posted_.reserve(2 * requests);
  room_for_posted_ = posted_.capacity();
}

void Server::on_done(void* connection) noexcept {
  auto& done = *static_cast<Connection*>(connection);
  done.server.finish(done);
}

void Server::finish(Connection& connection) {
  auto sending = Exchange::Sending::kFailed;
  try {
    sending = connection.exchange.send(connection.answer.take());
  } catch (const std::exception& error) {
    spdlog::error("a request ended without an answer: {}", error.what());
  }
  connection.answer = {};
  go_on_after(sending, connection);
}

void Server::go_on_after(Exchange::Sending sending, Connection& connection) {
  connection.is_sending = sending == Exchange::Sending::kUnfinished;
  if (connection.is_sending) {
    if (enter_waiting_room(connection, WaitingRoom::For::kPeerToRead)) return;
    close(connection);
  } else if (sending == Exchange::Sending::kFailed) {
    close(connection);
  } else if (connection.is_read_in_part) {
    ::shutdown(connection.exchange.fd(), SHUT_WR);
    if (!enter_waiting_room(connection, WaitingRoom::For::kPeerToClose)) close(connection);
  } else if (connection.exchange.is_kept() && !draining_) {
    await_request(connection);
  } else {
    close(connection);
  }
  request_ended();
}

bool Server::enter_waiting_room(Connection& connection, WaitingRoom::For what) {
  try {
    waiting_room_->enter(&connection, connection.exchange.fd(), what);
    return true;
  } catch (const std::exception& error) {  // no memory
    spdlog::error("a connection cannot be waited for: {}", error.what());
    return false;
  }
}

void Server::on_left(Connection& connection, WaitingRoom::Verdict verdict) {
  const bool is_ready = verdict == WaitingRoom::Verdict::kReady;
  if (connection.is_sending) {
    go_on_after(is_ready ? connection.exchange.send_rest() : Exchange::Sending::kFailed,
                connection);
  } else if (is_ready) {
    await_request(connection);
  } else {
    close(connection);
  }
}

void Server::await_request(Connection& connection) {
#ifdef __SANITIZE_THREAD__  // knows that ADD hands over what was done before; MOD does so, too
  if (std::exchange(connection.is_watched, false)) {
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, connection.exchange.fd(), nullptr);
  }
#endif
  const int operation = connection.is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  connection.is_watched = true;
  watch(epoll_, operation, connection.exchange.fd(), EPOLLIN | EPOLLRDHUP | EPOLLONESHOT,
        &connection);
}

void Server::close(Connection& connection) {
  std::unique_ptr<Connection> owned;
  {
    const std::lock_guard lock(connections_mutex_);
    const auto found = connections_.find(&connection);
    owned = std::move(found->second);
    connections_.erase(found);
  }
  owned.reset();
  if (is_deaf_) listen_again();
}

void Server::request_ended() {
  if (--in_progress_ == 0 && draining_) {
    const std::lock_guard lock(drained_mutex_);
    drained_.notify_all();
  }
}

}  // namespace userbin::fastcgi
