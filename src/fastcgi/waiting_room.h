// Connections that a thread must not wait for.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/unique_fd.h"

namespace userbin::fastcgi {

/// Waits, with one thread for all of them, for connections whose peer has yet to send the rest of a
/// request, is still sending what nobody will read, or has yet to take an answer. Each has a
/// deadline. enter() may be called from any thread, and throws std::bad_alloc; the callbacks come
/// from the room's own thread, and from then on the connection is the callee's again. A callback
/// must not wait for anything; it may call enter().
class WaitingRoom {
 public:
  enum class For {
    /// Until there is more to be read, or the peer has ended.
    kPeerToSend,
    /// What arrives is thrown away, until the peer closes: closing first would destroy an answer
    /// that is still on its way (RFC 9112, section 9.6).
    kPeerToClose,
    /// Until some of an answer can be sent.
    kPeerToRead,
  };
  enum class Verdict { kReady, kGone };
  /// `id` is what enter() was called with.
  using OnLeave = std::function<void(void* id, Verdict verdict)>;

  using Deadline = std::chrono::steady_clock::time_point;

  explicit WaitingRoom(OnLeave on_leave);
  ~WaitingRoom() { stop(); }

  /// Throws std::bad_alloc or std::system_error if there is no room for another.
  void enter(void* id, int fd, For what, Deadline deadline);

  /// No callback comes any more, once this has returned. Idempotent.
  void stop();

  /// How many are in it. Any thread may call.
  std::size_t size();

 private:
  struct Guest {
    int fd = -1;
    For what = For::kPeerToSend;
    Deadline deadline;
  };

  void run();
  bool is_stopping();
  /// In milliseconds, for epoll_wait: for ever while there is nobody whose time could run out.
  int next_look();
  void look_at(void* id);
  void expire();
  void leave(void* id, Verdict verdict);

  const OnLeave on_leave_;
  base::UniqueFd epoll_;
  base::UniqueFd wake_event_;

  std::mutex mutex_;
  // Guarded by mutex_:
  std::unordered_map<void*, Guest> guests_;
  bool stopping_ = false;

  std::thread thread_;
};

}  // namespace userbin::fastcgi
