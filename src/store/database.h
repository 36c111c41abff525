// The database under the stores: connections, and what its errors mean, whichever engine it is.
// SOCI's only home is this folder; other folders see user_store.h and session_store.h.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <typeindex>
#include <unordered_map>
#include <utility>
#include <vector>

#include <soci/soci.h>

#include "base/blocking.h"
#include "base/failure.h"
#include "base/tally.h"
#include "store/change_watch.h"

namespace userbin::store {

/// Where the store is, and how it is used.
struct StoreOptions {
  /// A file of SQLite's, or a URL of PostgreSQL's (libpq, "Connection URIs"), which may name
  /// several hosts. It has no password in it.
  std::string place = "/var/lib/userbin/userbin.db";
  /// A file with PostgreSQL's password on its first line; empty: what libpq finds by itself
  /// (PGPASSFILE, ~/.pgpass, passfile= in the URL).
  std::string password_file = {};
  /// Connections at once; further calls wait.
  std::size_t max_connections = 8;
  /// How long a call waits for a connection, or for a lock that another program holds.
  std::chrono::milliseconds patience{2000};
  /// For how long what was read of PostgreSQL may be taken for what is there.
  std::chrono::milliseconds cache_ttl{2000};

  bool is_url() const;
};

/// One connection and its prepared statements. Used by one thread at a time.
class Connection {
 public:
  Connection() = default;
  virtual ~Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  soci::session& sql() { return sql_; }

  /// The prepared statement of this type, made on first use. `Statement` is a struct that is made
  /// from a soci::session& and holds the variables it is bound to.
  template <typename Statement>
  Statement& prepared() {
    std::shared_ptr<void>& slot = prepared_[typeid(Statement)];
    if (!slot) slot = std::make_shared<Statement>(sql_);
    return *static_cast<Statement*>(slot.get());
  }

 protected:
  void forget_prepared() { prepared_.clear(); }

 private:
  soci::session sql_;
  // After sql_, so that statements go before their session.
  std::unordered_map<std::type_index, std::shared_ptr<void>> prepared_;
};

/// A database with the stores' tables in it. A commit that returned is durable. Any thread may
/// call; as many connections as run at once, up to a limit.
///
/// A connection on which anything failed is closed, and the next call opens a new one, so that the
/// store works again as soon as the cause is gone.
class Database : public ChangeWatch {
 public:
  ~Database() override;

  /// The place, as an operator knows it: without passwords.
  virtual std::string name() const = 0;

  /// What is wrong in what it has written; empty if nothing is known to be. May read all of it.
  /// Throws base::StoreUnavailable.
  virtual std::string find_damage() = 0;

  /// work(Connection&) on a connection of its own. Every error of the database is thrown as
  /// base::StoreUnavailable. It may be done again from its start, if that was undone.
  template <typename Work>
  auto read(Work&& work) {
    base::before_blocking();
    Timing timing(reads_);
    auto result = attempt(work, false);
    timing.succeed();
    return result;
  }

  /// The same for work that changes something.
  template <typename Work>
  auto write(Work&& work) {
    base::before_blocking();
    Timing timing(writes_);
    const WritingTurn turn(*this);
    auto result = attempt(work, true);
    note_change();
    timing.succeed();
    return result;
  }

  /// Whether the database has refused a change since this was last asked: what writes nothing may
  /// succeed all the same.
  bool take_refusal() { return was_refused_.exchange(false); }

  /// What read() or write() was asked to do, from the wait for a connection to the result.
  struct OperationStats {
    base::DurationHistogram duration;
    /// Also in `duration`.
    base::Counter failures;
  };
  const OperationStats& reads() const { return reads_; }
  const OperationStats& writes() const { return writes_; }

 protected:
  explicit Database(std::size_t max_connections, std::chrono::milliseconds patience)
      : max_connections_(max_connections), patience_(patience) {}

  std::chrono::milliseconds patience() const { return patience_; }
  /// "store NAME: CAUSE"
  std::string described(const std::string& cause) const { return "store " + name() + ": " + cause; }

  /// Closes the connections that nobody uses now: they may lead nowhere, too.
  void close_idle();

  // What an engine does; each from any thread.

  /// Before a connection is asked for. Throws base::StoreUnavailable if there is no use in it.
  virtual void prepare() = 0;
  /// Throws base::StoreUnavailable or soci::soci_error.
  virtual std::unique_ptr<Connection> open_connection() = 0;
  /// Whether one that was used before still leads to where it should.
  virtual bool is_fit(Connection& connection) = 0;
  /// Whether no transaction is open on it. SOCI's does not tell when it could not be rolled back,
  /// and would be left there with its locks.
  virtual bool is_at_rest(Connection& connection) = 0;
  /// Waits until this program may change something. Throws base::StoreUnavailable.
  virtual void begin_writing() {}
  virtual void end_writing() {}
  /// A change was made.
  virtual void note_change() {}
  /// Work was done: the database is there.
  virtual void note_answer() {}
  /// Work failed for the `failures`th time, and has changed nothing unless it is_change: whether it
  /// is to be done again now, on another connection.
  virtual bool may_do_again(const soci::soci_error& error, bool is_change, int failures) = 0;
  /// For an operator, with the mend.
  virtual std::string explained(const soci::soci_error& error) const = 0;

 private:
  /// Holds a connection, and gives it back if keep() was called; else it is closed.
  class Lease {
   public:
    explicit Lease(Database& database)
        : database_(database), connection_(database.take_connection()) {}
    ~Lease() { database_.give_back(keep_ ? std::move(connection_) : nullptr); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    Connection& connection() { return *connection_; }
    void keep() { keep_ = true; }

   private:
    Database& database_;
    std::unique_ptr<Connection> connection_;
    bool keep_ = false;
  };

  class Timing {
   public:
    explicit Timing(OperationStats& stats) : stats_(stats) {}
    ~Timing() {
      stats_.duration.observe(stopwatch_.elapsed());
      if (!succeeded_) stats_.failures.add();
    }
    Timing(const Timing&) = delete;
    Timing& operator=(const Timing&) = delete;
    void succeed() { succeeded_ = true; }

   private:
    OperationStats& stats_;
    const base::Stopwatch stopwatch_;
    bool succeeded_ = false;
  };

  class WritingTurn {
   public:
    explicit WritingTurn(Database& database) : database_(database) { database_.begin_writing(); }
    ~WritingTurn() { database_.end_writing(); }
    WritingTurn(const WritingTurn&) = delete;
    WritingTurn& operator=(const WritingTurn&) = delete;

   private:
    Database& database_;
  };

  template <typename Work>
  auto attempt(Work& work, bool is_change) {
    for (int failures = 1;; ++failures) {
      try {
        Lease lease(*this);
        auto result = work(lease.connection());
        note_answer();
        if (is_at_rest(lease.connection())) lease.keep();
        return result;
      } catch (const soci::soci_error& error) {
        if (!may_do_again(error, is_change, failures)) {
          if (is_change) was_refused_ = true;
          throw base::StoreUnavailable(explained(error));
        }
      }
    }
  }

  std::unique_ptr<Connection> take_connection();
  /// nullptr if there is none.
  std::unique_ptr<Connection> take_idle();
  /// nullptr for one that is not to be used again.
  void give_back(std::unique_ptr<Connection> connection);

  OperationStats reads_;
  OperationStats writes_;
  const std::size_t max_connections_;
  const std::chrono::milliseconds patience_;
  std::atomic<bool> was_refused_ = false;

  std::mutex mutex_;
  std::condition_variable returned_;
  // Guarded by mutex_:
  std::vector<std::unique_ptr<Connection>> idle_;
  std::size_t leased_ = 0;
};

/// The database that the options name, made if there is none (a file) or prepared (a database of
/// PostgreSQL's must be there), with its schema brought up to date. Throws base::StoreUnavailable,
/// or base::BadSetting.
std::unique_ptr<Database> open_database(const StoreOptions& options);

}  // namespace userbin::store
