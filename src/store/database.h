// The database under the stores: connections, schema, and what its errors mean. SOCI's only home is
// this folder; other folders see user_store.h and session_store.h.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <typeindex>
#include <unordered_map>
#include <utility>
#include <vector>

#include <soci/soci.h>

#include "base/failure.h"
#include "store/change_watch.h"

namespace userbin::store {

/// Which file a connection was opened on, so that a file put in its place is noticed.
struct FileIdentity {
  unsigned long long device = 0;
  unsigned long long inode = 0;
  bool operator==(const FileIdentity&) const = default;
};

/// One connection and its prepared statements. Used by one thread at a time.
class Connection {
 public:
  soci::session& sql() { return sql_; }

  /// The prepared statement of this type, made on first use. `Statement` is a struct that is made
  /// from a soci::session& and holds the variables it is bound to.
  template <typename Statement>
  Statement& prepared() {
    std::shared_ptr<void>& slot = prepared_[typeid(Statement)];
    if (!slot) slot = std::make_shared<Statement>(sql_);
    return *static_cast<Statement*>(slot.get());
  }

 private:
  friend class Database;

  soci::session sql_;
  // After sql_, so that statements go before their session.
  std::unordered_map<std::type_index, std::shared_ptr<void>> prepared_;
  FileIdentity identity_;
  /// How long its statements wait for a lock.
  std::chrono::milliseconds patience_{};
};

/// An SQLite database in a file: write-ahead log, synchronous=FULL (a commit that returned is on
/// the disk), mode 0600; one that root makes belongs to the owner of its folder. Any thread may
/// call; as many connections as run at once, up to a limit.
///
/// A connection on which anything failed is closed, and the next call opens a new one, so that the
/// store works again as soon as the cause is gone. A file that was removed is not made again while
/// the program runs: an empty list in place of the lost one would let anybody register anew.
class Database final : public ChangeWatch {
 public:
  struct Options {
    std::string path;
    /// Connections at once; further calls wait.
    std::size_t max_connections = 8;
    /// How long a call waits for a connection, or for a lock that another program holds. Once a
    /// call has waited in vain, others hardly wait until one has succeeded, or for as long: a lock
    /// that stays must not hold every thread.
    std::chrono::milliseconds patience{2000};
  };

  /// Opens the file, makes it if there is none, and brings its schema up to date. Throws
  /// base::StoreUnavailable, or base::BadSetting if the folder is missing.
  explicit Database(Options options);
  ~Database() override;

  /// By PRAGMA data_version on a connection that is kept for it: exact.
  std::uint64_t version() override;

  /// work(Connection&) on a connection of its own. Every error of the database is thrown as
  /// base::StoreUnavailable.
  template <typename Work>
  auto read(Work&& work) {
    return guarded([&] {
      Lease lease(*this);
      auto result = work(lease.connection());
      lease.keep();
      return result;
    });
  }

  /// The same for work that changes something: one at a time, so that the threads of this program
  /// queue up instead of polling for SQLite's lock.
  template <typename Work>
  auto write(Work&& work) {
    const WritingTurn turn(*this);
    auto result = read(std::forward<Work>(work));
    note_success();
    return result;
  }

 private:
  /// Holds a connection, and gives it back if keep() was called.
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

  /// Waits until nobody else of this program writes.
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
  auto guarded(Work&& work) {
    try {
      return work();
    } catch (const soci::soci_error& error) {
      note_failure(error);
      throw base::StoreUnavailable(explained(error));
    }
  }

  void make_file() const;
  void give_to_owner_of_folder(int file) const;
  /// Remembers that another program held a lock for too long, if that is what happened.
  void note_failure(const soci::soci_error& error);
  void note_success();
  /// How long to wait now; mutex_ is held.
  std::chrono::milliseconds current_patience() const;
  void begin_writing();
  void end_writing();
  std::unique_ptr<Connection> take_connection();
  /// nullptr for one that is not to be used again.
  void give_back(std::unique_ptr<Connection> connection);
  std::unique_ptr<Connection> open_connection(std::chrono::milliseconds patience);
  /// Identity of the file as it is now; throws base::StoreUnavailable if it is gone.
  FileIdentity current_identity() const;
  /// Throws base::StoreUnavailable if the file is another than the last one that was opened, and
  /// that one's write-ahead log still stands beside it: SQLite would apply it to whatever file it
  /// finds.
  void refuse_foreign_log(const FileIdentity& identity) const;
  std::string described(const std::string& cause) const;
  std::string explained(const soci::soci_error& error) const;

  const Options options_;

  std::mutex watch_mutex_;
  // Guarded by watch_mutex_; SQLite counts the changes by all connections but the one that asks.
  std::unique_ptr<Connection> watch_;
  /// How often watch_ was opened: each counts on its own.
  std::uint64_t watches_ = 0;

  std::mutex mutex_;
  std::condition_variable returned_;
  std::condition_variable writing_ended_;
  // Guarded by mutex_:
  std::vector<std::unique_ptr<Connection>> idle_;
  std::size_t leased_ = 0;
  bool writing_ = false;
  std::chrono::steady_clock::time_point impatient_until_{};
  FileIdentity last_opened_;
  std::optional<FileIdentity> last_opened_log_;
};

}  // namespace userbin::store
