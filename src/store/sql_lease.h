#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "store/database.h"
#include "store/lease.h"

namespace userbin::store {

/// A lease as a row that names its holder, with a beat that he counts up. Whoever sees the same
/// beat for too long, by his own steady clock, takes the row over: no two machines' clocks are
/// compared. From a program of the same machine that has ended it is taken at once. A thread of its
/// own beats and watches.
class SqlLease final : public Lease {
 public:
  struct Options {
    std::chrono::milliseconds beat{1000};
    /// A holder who has not beaten for so long has died. A takeover follows within one more beat.
    std::chrono::milliseconds expiry{6000};
  };

  /// `database` outlives this. `name` says what it is the turn for.
  SqlLease(Database& database, std::string name, Options options);
  SqlLease(Database& database, std::string name) : SqlLease(database, std::move(name), Options()) {}
  /// stop().
  ~SqlLease() override { stop(); }

  bool is_held() const override { return is_held_; }

  /// Looks for the first time, and starts the thread.
  void start();
  /// Ends the thread, and gives the lease back. Idempotent.
  void stop();

  /// What the thread does at each beat.
  void look();

 private:
  struct Row {
    std::string holder;
    long long beat = 0;
    bool operator==(const Row&) const = default;
  };

  void run();
  /// Whether it is this program's from now on. Throws base::StoreUnavailable.
  bool take_or_keep();
  /// nullopt: nobody has it.
  std::optional<Row> read();
  bool insert();
  /// Counts the beat of `row` up, in this program's name.
  bool take(const Row& row);

  Database& database_;
  const std::string name_;
  const Options options_;
  const std::string holder_;  // which lease, of which process
  std::atomic<bool> is_held_ = false;

  // Of the thread that looks:
  Row seen_;
  std::chrono::steady_clock::time_point seen_since_{};
  std::chrono::steady_clock::time_point beaten_at_{};

  std::mutex mutex_;
  std::condition_variable stopped_;
  bool is_stopping_ = false;  // guarded by mutex_

  std::thread thread_;
};

}  // namespace userbin::store
