#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/executor.h"
#include "jsonbin/sync.h"
#include "store/lease.h"
#include "store/replica.h"

namespace userbin::jsonbin {

/// The bins as a copy of the store's list: runs a Sync on a thread of its own, and lets changes
/// wait for their arrival without holding a thread. Any thread may call, but start() and stop(),
/// which one thread calls.
class BinReplica final : public store::Replica {
 public:
  struct Options {
    /// How long a change waits.
    std::chrono::milliseconds wait{2000};
    /// The room in a single bin; nullopt: more bins are made when one is full.
    std::optional<std::size_t> max_bytes;
    /// Who of several workers on one store sees to the bins; the others only wait for what he does.
    /// nullptr: this one.
    const store::Lease* turn = nullptr;
  };

  /// All outlive this. `transport` is the one that `sync` uses.
  BinReplica(Sync& sync, Transport& transport, store::SyncStore& store, base::Executor& executor,
             Options options);
  ~BinReplica() override { stop(); }

  void start();
  /// Breaks off the request that is under way; the next start goes on where this ended. What waits
  /// is told that it will arrive later. Idempotent.
  void stop();

  /// Reads all bins now, whatever went wrong before.
  void retry();

  std::unique_ptr<Room> room_for(const store::User& user) override;
  base::Task<bool> arrival(std::string key) override;
  std::optional<Problem> problem() override;

 private:
  using Deadline = std::chrono::steady_clock::time_point;

  /// Lives in the coroutine that waits.
  struct Waiter {
    std::string key;
    std::uint64_t number = 0;
    Deadline deadline{};
    std::coroutine_handle<> waiting = nullptr;
    bool has_arrived = false;
  };
  struct Arrived;
  class HeldRoom;

  /// Of a single bin.
  bool has_room_for(std::size_t bytes);
  /// False if there is no use in waiting.
  bool enter(Waiter& waiter);
  void run_sync();
  /// Until when there is nothing to do.
  std::chrono::milliseconds step_once();
  /// Whether this worker sees to the bins.
  bool has_turn();
  void settle(bool has_turn);
  bool is_waited_for();
  void run_deadlines();
  /// mutex_ is held.
  void dismiss(std::list<Waiter*>::iterator waiter, bool has_arrived);

  Sync& sync_;
  Transport& transport_;
  store::SyncStore& store_;
  base::Executor& executor_;
  const Options options_;
  BackOff store_back_off_{0};          // the sync thread's
  bool had_turn_ = false;              // the sync thread's
  std::string store_failure_;          // the sync thread's: what was logged last
  std::atomic<std::size_t> held_ = 0;  // bytes of users about to be inserted
  std::atomic<std::size_t> foreign_ = 0;
  std::atomic<bool> was_full_ = false;

  std::mutex mutex_;
  std::condition_variable woken_;
  std::condition_variable deadline_set_;
  // Guarded by mutex_:
  std::list<Waiter*> waiters_;  // by number and deadline
  std::uint64_t last_number_ = 0;
  std::optional<Problem> problem_;
  Deadline held_until_{};
  bool is_woken_ = false;
  bool must_retry_ = false;
  bool is_stopping_ = false;

  std::thread sync_thread_;
  std::thread deadline_thread_;
};

}  // namespace userbin::jsonbin
