// What the subcommands share that change users as the worker does.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <deque>
#include <mutex>

#include "app/bin_tools.h"
#include "auth/administration.h"
#include "auth/hash_pool.h"
#include "base/executor.h"
#include "base/task.h"
#include "store/replica.h"

namespace userbin::app {

/// Resumes work on the thread that calls run(). Any thread may call post().
class WaitingThread final : public base::Executor {
 public:
  void post(std::coroutine_handle<> work) override;

  /// What the task returns; throws what it throws.
  template <typename T>
  T run(base::Task<T> task) {
    bool done = false;
    task.start([](void* flag) noexcept { *static_cast<bool*>(flag) = true; }, &done);
    while (!done) next().resume();
    return task.take();
  }

 private:
  /// Waits for it.
  std::coroutine_handle<> next();

  std::mutex mutex_;
  std::condition_variable posted_;
  // Guarded by mutex_:
  std::deque<std::coroutine_handle<>> work_;
};

/// The bin as a command sees it that leaves it to the worker to bring changes there: whether it has
/// room.
class BinRoom final : public store::Replica {
 public:
  /// Both outlive this.
  BinRoom(const BinSettings& settings, store::SyncStore& store)
      : settings_(settings), store_(store) {}

  std::unique_ptr<Room> room_for(const store::User& user) override;
  base::Task<bool> arrival(std::string) override { co_return false; }
  std::optional<Problem> problem() override { return std::nullopt; }

 private:
  const BinSettings& settings_;
  store::SyncStore& store_;
};

/// The user of this name, in any case. Throws Failed if there is none.
store::User find_user(OpenStore& store, const std::string& username);

/// The rules of src/auth over a store.
struct AccountTools {
  /// Both outlive this.
  AccountTools(const Settings& settings, OpenStore& store);

  BinRoom room;
  WaitingThread thread;
  auth::HashPool hashes;
  auth::Administration administration;
};

}  // namespace userbin::app
