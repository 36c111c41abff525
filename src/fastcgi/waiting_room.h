// Connections that a thread must not wait for.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/unique_fd.h"

namespace userbin::fastcgi {

/// Waits, with one thread for all of them, for connections whose request has arrived in part, for
/// those whose peer is still sending what nobody will read, and for those whose peer has yet to
/// take an answer. Each has a deadline. enter() may be called from any thread, and throws
/// std::bad_alloc; the callbacks come from the room's own thread, and from then on the connection
/// is the callee's again. A callback must not wait for anything; it may call enter().
class WaitingRoom {
 public:
  enum class For {
    /// Until all of it is there, or the peer has ended without it.
    kRestOfRequest,
    /// What arrives is thrown away, until the peer closes: closing first would destroy an answer
    /// that is still on its way (RFC 9112, section 9.6).
    kPeerToClose,
    /// Until some of an answer can be sent.
    kPeerToRead,
  };
  enum class Verdict { kReady, kGone };
  /// `id` is what enter() was called with.
  using OnLeave = std::function<void(void* id, Verdict verdict)>;

  WaitingRoom(std::chrono::milliseconds patience, OnLeave on_leave);
  ~WaitingRoom() { stop(); }

  void enter(void* id, int fd, For what);

  /// No callback comes any more, once this has returned. Idempotent.
  void stop();

  /// How many are in it. Any thread may call.
  std::size_t size();

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  struct Guest {
    int fd = -1;
    For what = For::kRestOfRequest;
    Deadline deadline;
  };

  void run();
  bool is_stopping();
  /// In milliseconds, for epoll_wait: for ever while there is nobody whose time could run out.
  int next_look();
  /// `has_ended`: the peer sends nothing more than what is there.
  void look_at(void* id, bool has_ended);
  void expire();
  void leave(void* id, Verdict verdict);

  const std::chrono::milliseconds patience_;
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
