#include "fastcgi/server.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <limits>
#include <optional>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <system_error>
#include <utility>

#include "base/blocking.h"
#include "base/log.h"

namespace userbin::fastcgi {

namespace {

constexpr std::chrono::seconds kShedWarningEvery{10};
constexpr int kListenAgainEveryMs = 200;
constexpr std::chrono::milliseconds kLookAtQueueEvery{5};
/// Three for each connection to an SQLite store, two logs, one to the bin, and as much again.
constexpr rlim_t kReservedFds = 64;

int first_reserved_fd() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<int>::max();
  const rlim_t first = limit.rlim_cur - std::min(kReservedFds, limit.rlim_cur / 2);
  return static_cast<int>(std::min<rlim_t>(first, std::numeric_limits<int>::max()));
}

/// For a guarded request nginx needs twice the time that a verification from memory takes.
std::size_t places_on(unsigned processors) {
  return std::max(1U, (processors + 1) / 3);
}

/// Whether somebody has connected who is not accepted yet.
bool has_queued(int listener) {
  pollfd queue{.fd = listener, .events = POLLIN, .revents = 0};
  return ::poll(&queue, 1, 0) > 0;
}

base::UniqueFd open_spare() {
  return base::UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

bool watch(const base::UniqueFd& epoll, int operation, int fd, std::uint32_t events, void* id) {
  epoll_event event{.events = events, .data = {.ptr = id}};
  return epoll_ctl(epoll.get(), operation, fd, &event) == 0;
}

}  // namespace

/// A connection and the request on it. Touched by one thread at a time, the one that was told of it
/// first; that thread passes it on through epoll, the waiting room or post(). Never freed, as
/// others may be told of it even when it is closed and serves for another.
struct Server::Connection {
  explicit Connection(Server& server_) : server(server_) {}

  Server& server;
  /// How often epoll has told of it since it was nobody's; 0 while it is.
  std::atomic<unsigned> news = 1;
  /// All that ends with the connection; the others stay for the next one.
  struct Peer {
    explicit Peer(base::UniqueFd fd) : exchange(std::move(fd)) {}

    Exchange exchange;
    bool is_watched = false;
    /// There may be something to read of which epoll has told already.
    bool may_have_missed_some = false;
    bool is_read_in_part = false;
    bool is_sending = false;
    /// By when the request must be whole of which some has come.
    std::optional<std::chrono::steady_clock::time_point> due;
    /// While there is one. Anew each time: what a large one took is given back.
    std::optional<http::Request> request;
    base::Task<http::Response> answer;
  };
  std::optional<Peer> peer;
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
  for (Place& place : places_) free_places_.push_back(&place);
  waiting_room_ = std::make_unique<WaitingRoom>([this](void* id, WaitingRoom::Verdict verdict) {
    on_left(*static_cast<Connection*>(id), verdict);
  });
}

Server::~Server() {
  stop();
}

void Server::start(http::Handler handler) {
  handler_ = std::move(handler);
  if (!watch(epoll_, EPOLL_CTL_ADD, stop_event_.get(), EPOLLIN, &stop_event_) ||
      !watch(epoll_, EPOLL_CTL_ADD, posted_event_.get(), EPOLLIN, &posted_event_) ||
      !watch(epoll_, EPOLL_CTL_ADD, listener_.fd(), EPOLLIN, &listener_)) {
    throw std::system_error(errno, std::generic_category(), "the server's epoll");
  }
  try {
    for (std::size_t i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { run(); });
  } catch (...) {
    stop();
    throw;
  }
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
  const bool takes_queued = listener_.withdraw();
  if (!takes_queued) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener_.fd(), nullptr);
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::unique_lock lock(drained_mutex_);
  for (;;) {
    const bool is_drained = drained_.wait_until(lock, deadline, [&] { return in_progress_ == 0; });
    if (!is_drained || !takes_queued || !has_queued(listener_.fd())) return is_drained;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    drained_.wait_for(lock, kLookAtQueueEvery);
  }
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
  stats.open = connections_.size() - unused_.size();
  return stats;
}

/// A thread's hold of a place, taken before it waits for events and given up before it blocks.
class Server::Seat final : public base::BlockingListener {
 public:
  explicit Seat(Server& server) : server_(server) {}
  ~Seat() override { on_blocking(); }

  Place& take() {
    if (place_ != nullptr) return *place_;
    std::unique_lock lock(server_.places_mutex_);
    server_.place_freed_.wait(lock, [&] { return !server_.free_places_.empty(); });
    place_ = server_.free_places_.back();
    server_.free_places_.pop_back();
    return *place_;
  }
  void on_blocking() override {
    if (place_ == nullptr) return;
    {
      const std::lock_guard lock(server_.places_mutex_);
      server_.free_places_.push_back(std::exchange(place_, nullptr));
    }
    server_.place_freed_.notify_one();
  }

 private:
  Server& server_;
  Place* place_ = nullptr;
};

void Server::run() {
  // Where there are several places, none may keep events while a thread waits at another.
  const std::size_t events_at_a_time = places_.size() == 1 ? Place{}.events.size() : 1;
  Seat seat(*this);
  const base::WithBlockingListener listening(seat);
  for (;;) {
    Place& place = seat.take();
    if (place.next == place.count) {
      const int count =
          epoll_wait(epoll_.get(), place.events.data(), static_cast<int>(events_at_a_time),
                     is_deaf_ ? kListenAgainEveryMs : -1);
      place.count = static_cast<std::size_t>(std::max(count, 0));
      place.next = 0;
      if (count == 0) listen_again();
      continue;
    }
    const epoll_event event = place.events[place.next++];
    void* const source = event.data.ptr;
    if (source == &stop_event_) return;
    if (source == &listener_) {
      try {
        accept_one();
      } catch (const std::exception& error) {  // no memory
        spdlog::error("a connection could not be taken: {}", error.what());
      }
    } else if (source == &posted_event_) {
      resume_one();
    } else {
      auto& connection = *static_cast<Connection*>(source);
      if (connection.news++ > 0) continue;
      // An end that comes with the last bytes is told of once, with them.
      if ((event.events & ~EPOLLIN) != 0) connection.peer->may_have_missed_some = true;
      on_readable(connection);
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
  Connection& connection = unused_connection();
  connection.peer.emplace(std::move(fd));
  on_readable(connection);
}

Server::Connection& Server::unused_connection() {
  const std::lock_guard lock(connections_mutex_);
  if (unused_.empty()) {
    if (unused_.capacity() <= connections_.size()) unused_.reserve(2 * connections_.size() + 1);
    connections_.push_back(std::make_unique<Connection>(*this));
    unused_.push_back(connections_.back().get());
  }
  Connection& connection = *unused_.back();
  unused_.pop_back();
  return connection;
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
      connections_.size() - unused_.size());
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
  const Arrival arrival =
      connection.peer->exchange.receive(connection.peer->request.emplace(), options_.extra_params);
  switch (arrival) {
    case Arrival::kComplete:
    case Arrival::kBodyTooLarge:
    case Arrival::kAuthorizer:
      connection.peer->is_read_in_part = arrival != Arrival::kComplete;
      connection.peer->due.reset();
      return serve(connection);
    case Arrival::kNothing: connection.peer->request.reset(); return await_request(connection);
    case Arrival::kIncomplete: connection.peer->request.reset(); return await_rest(connection);
    case Arrival::kBroken: return close(connection);
  }
}

void Server::serve(Connection& connection) {
  ++in_progress_;
  if (!begin(connection)) {
    close(connection);
    return request_ended();
  }
  // From here on the connection may be at another thread, or gone.
  connection.peer->answer.start(&Server::on_done, &connection);
}

bool Server::begin(Connection& connection) {
  try {
    make_room_for_posted(in_progress_);
    connection.peer->answer = handler_(*connection.peer->request);
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
    sending = connection.peer->exchange.send(connection.peer->answer.take());
  } catch (const std::exception& error) {
    spdlog::error("a request ended without an answer: {}", error.what());
  }
  connection.peer->answer = {};
  connection.peer->request.reset();
  go_on_after(sending, connection);
}

void Server::go_on_after(Exchange::Sending sending, Connection& connection) {
  connection.peer->is_sending = sending == Exchange::Sending::kUnfinished;
  if (connection.peer->is_sending) {
    if (enter_waiting_room(connection, WaitingRoom::For::kPeerToRead)) return;
    close(connection);
  } else if (sending == Exchange::Sending::kFailed) {
    close(connection);
  } else if (connection.peer->is_read_in_part) {
    ::shutdown(connection.peer->exchange.fd(), SHUT_WR);
    if (!enter_waiting_room(connection, WaitingRoom::For::kPeerToClose)) close(connection);
  } else if (connection.peer->exchange.is_kept() && !draining_) {
    await_request(connection);
  } else {
    close(connection);
  }
  request_ended();
}

void Server::await_rest(Connection& connection) {
  const auto now = std::chrono::steady_clock::now();
  if (!connection.peer->due) connection.peer->due = now + options_.request_timeout;
  const bool is_late = now >= *connection.peer->due;
  if (is_late || !enter_waiting_room(connection, WaitingRoom::For::kPeerToSend)) close(connection);
}

bool Server::enter_waiting_room(Connection& connection, WaitingRoom::For what) {
  try {
    const auto deadline =
        connection.peer->due.value_or(std::chrono::steady_clock::now() + options_.request_timeout);
    waiting_room_->enter(&connection, connection.peer->exchange.fd(), what, deadline);
    return true;
  } catch (const std::exception& error) {  // no memory
    spdlog::error("a connection cannot be waited for: {}", error.what());
    return false;
  }
}

void Server::on_left(Connection& connection, WaitingRoom::Verdict verdict) {
  const bool is_ready = verdict == WaitingRoom::Verdict::kReady;
  if (connection.peer->is_sending) {
    go_on_after(is_ready ? connection.peer->exchange.send_rest() : Exchange::Sending::kFailed,
                connection);
  } else if (is_ready) {
    connection.peer->may_have_missed_some = true;
    await_request(connection);
  } else {
    close(connection);
  }
}

void Server::await_request(Connection& connection) {
  unsigned news = 1;
  const bool may_have_missed_some = std::exchange(connection.peer->may_have_missed_some, false);
  if (connection.peer->is_watched && !may_have_missed_some &&
      connection.news.compare_exchange_strong(news, 0)) {
    return;
  }
  // Epoll tells once more of what is there. If others are told before this has let go of the
  // connection, they leave it alone: so then it is to be told of yet again.
  do {
    connection.news = 1;
    const int operation =
        std::exchange(connection.peer->is_watched, true) ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (!watch(epoll_, operation, connection.peer->exchange.fd(), EPOLLIN | EPOLLRDHUP | EPOLLET,
               &connection)) {
      spdlog::error("a connection cannot be waited for: {}", std::strerror(errno));
      return close(connection);
    }
    news = 1;
  } while (!connection.news.compare_exchange_strong(news, 0));
}

void Server::close(Connection& connection) {
  connection.peer.reset();
  {
    const std::lock_guard lock(connections_mutex_);
    unused_.push_back(&connection);
  }
  if (is_deaf_) listen_again();
}

void Server::request_ended() {
  if (--in_progress_ == 0 && draining_) {
    const std::lock_guard lock(drained_mutex_);
    drained_.notify_all();
  }
}

}  // namespace userbin::fastcgi
