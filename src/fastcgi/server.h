// The FastCGI server: many connections, few threads.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <sys/epoll.h>
#include <thread>
#include <vector>

#include "base/executor.h"
#include "base/task.h"
#include "base/unique_fd.h"
#include "fastcgi/exchange.h"
#include "fastcgi/listener.h"
#include "fastcgi/waiting_room.h"
#include "http/router.h"

namespace userbin::fastcgi {

/// Accepts connections and waits on all of them with one epoll, which its threads share. The thread
/// that is told of a request reads what has arrived, and if that is all of it, starts the handler,
/// and answers when that is done; if the handler has to wait, the thread goes on with other
/// requests, and whichever thread is free answers later. A peer that has yet to send the rest of a
/// request, or to take the rest of its answer, is waited for in the waiting room. So a thread is
/// held neither by an idle connection, nor by a peer that stalls, nor by a handler that waits.
///
/// Only the hot path is short: accept, one read, one write, close.
///
/// Connections take no descriptors that the store, the log and the bin may come to need: beyond a
/// limit below RLIMIT_NOFILE they are turned away. A request for which there is no memory closes
/// its connection; nothing else is lost by it.
///
/// post() may be called from any thread at any time; start(), drain() and stop() from one thread.
class Server final : public base::Executor {
 public:
  struct Options {
    std::size_t threads = 4;
    /// How long a request may take to arrive once it has begun, and how long a peer may go without
    /// taking any more of its answer.
    std::chrono::milliseconds request_timeout{10'000};
    /// Names of FastCGI parameters that are handed on in http::Request::extra.
    std::vector<std::string> extra_params;
  };

  /// Takes no connection before start(). `listener` outlives this.
  Server(Listener& listener, Options options);
  /// Stops. Requests that wait for something are abandoned; nothing may resume them any more.
  ~Server() override;

  /// Begins to serve. An exception out of `handler` closes the connection and is logged. Throws
  /// std::system_error, and serves nobody, if the system has no threads or no epoll for it.
  void start(http::Handler handler);

  void post(std::coroutine_handle<> work) override;

  /// Takes no further connections but those that are queued already, and returns when every request
  /// that was being answered is answered, or after `patience`. True if all are.
  bool drain(std::chrono::milliseconds patience);

  /// Ends the threads after what each is at. Idempotent.
  void stop();

  struct Stats {
    /// Connections, those in the waiting room included.
    std::size_t open = 0;
    std::size_t waiting = 0;
  };
  /// Before stop(), from any thread.
  Stats stats();

 private:
  struct Connection;
  /// The events that its holder was told of; who takes the place over goes on with them.
  struct Place {
    std::array<epoll_event, 8> events;
    std::size_t count = 0;
    std::size_t next = 0;
  };
  class Seat;

  void run();
  void accept_one();
  Connection& unused_connection();
  void shed_one();
  /// connections_mutex_ is held.
  void warn_of_shedding();
  void listen_again();
  void resume_one();
  void on_readable(Connection& connection);
  void look_at(Connection& connection);
  void serve(Connection& connection);
  /// False if there is no memory for it.
  bool begin(Connection& connection);
  /// So that post() needs no memory.
  void make_room_for_posted(std::size_t requests);
  static void on_done(void* connection) noexcept;
  void finish(Connection& connection);
  void go_on_after(Exchange::Sending sending, Connection& connection);
  /// False if there is no memory for it.
  bool enter_waiting_room(Connection& connection, WaitingRoom::For what);
  void on_left(Connection& connection, WaitingRoom::Verdict verdict);
  void await_request(Connection& connection);
  void await_rest(Connection& connection);
  void close(Connection& connection);
  void request_ended();

  Listener& listener_;
  const Options options_;
  /// Descriptors from this one on are not for connections.
  const int first_reserved_fd_;
  http::Handler handler_;  // constant after start()

  base::UniqueFd epoll_;
  base::UniqueFd posted_event_;
  base::UniqueFd stop_event_;

  /// Where a thread must be to wait for events and to serve them.
  std::vector<Place> places_;
  std::mutex places_mutex_;
  std::condition_variable place_freed_;
  std::vector<Place*> free_places_;  // guarded by places_mutex_; has room for all

  std::mutex posted_mutex_;
  // Guarded by posted_mutex_; of each request in progress there is one at most.
  std::vector<std::coroutine_handle<>> posted_;
  std::atomic<std::size_t> room_for_posted_ = 0;

  std::mutex connections_mutex_;
  // Guarded by connections_mutex_:
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> unused_;  // has room for all
  /// A descriptor in reserve: given up to accept, and turn away, a connection when there are no
  /// more.
  base::UniqueFd spare_;
  std::chrono::steady_clock::time_point last_shed_warning_{};
  /// Not even that one was to be had: nobody is accepted until there is one again. Changed under
  /// connections_mutex_.
  std::atomic<bool> is_deaf_ = false;

  std::atomic<std::size_t> in_progress_ = 0;
  std::atomic<bool> draining_ = false;
  std::mutex drained_mutex_;
  std::condition_variable drained_;

  std::unique_ptr<WaitingRoom> waiting_room_;
  std::vector<std::thread> threads_;
};

}  // namespace userbin::fastcgi
