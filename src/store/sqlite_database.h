#pragma once

#include <cstdint>
#include <optional>

#include "store/database.h"

namespace userbin::store {

/// Which file a connection was opened on, so that a file put in its place is noticed.
struct FileIdentity {
  unsigned long long device = 0;
  unsigned long long inode = 0;
  bool operator==(const FileIdentity&) const = default;
};

/// An SQLite database in a file: write-ahead log, synchronous=FULL (a commit that returned is on
/// the disk), mode 0600; one that root makes belongs to the owner of its folder.
///
/// A file that was removed is not made again while the program runs: an empty list in place of the
/// lost one would let anybody register anew. If its write-ahead log (FILE-wal, FILE-shm) is
/// removed, what was in it goes to the file before anything else is done, and a new one is begun.
class SqliteDatabase final : public Database {
 public:
  struct Options {
    std::string path;
    std::size_t max_connections = 8;
    /// How long a call waits for a connection, or for a lock that another program holds. Once a
    /// call has waited in vain, others hardly wait until one has succeeded, or for as long: a lock
    /// that stays must not hold every thread.
    std::chrono::milliseconds patience{2000};
  };

  /// Opens the file, makes it if there is none, and brings its schema up to date. Throws
  /// base::StoreUnavailable, or base::BadSetting if the folder is missing.
  explicit SqliteDatabase(const Options& options);
  ~SqliteDatabase() override;

  std::string name() const override { return path_; }
  /// By the header of SQLite's index of its write-ahead log, which is in memory that all programs
  /// on the file share ("WAL-mode File Format", section 2.1): exact, and without a lock or a query.
  /// If that index is removed, what others change is seen a second later; if the file is, or
  /// another is put in its place, that is seen 10 ms later.
  std::uint64_t version() override;
  /// By PRAGMA quick_check.
  std::string find_damage() override;

 protected:
  void prepare() override;
  std::unique_ptr<Connection> open_connection() override;
  bool is_fit(Connection& connection) override;
  bool is_at_rest(Connection& connection) override;
  /// One at a time, so that the threads of this program queue up instead of polling for SQLite's
  /// lock.
  void begin_writing() override;
  void end_writing() override;
  void note_change() override;
  /// Never. Remembers that another program held a lock for too long, if that is what happened.
  bool may_do_again(const soci::soci_error& error, bool is_change, int failures) override;
  std::string explained(const soci::soci_error& error) const override;

 private:
  struct FileConnection;
  class Watch;

  void make_file() const;
  void give_to_owner_of_folder(int file) const;
  /// How long to wait now; state_mutex_ is held.
  std::chrono::milliseconds current_patience() const;
  std::unique_ptr<FileConnection> open_file(std::chrono::milliseconds patience);
  /// Identity of the file as it is now; throws base::StoreUnavailable if it is gone.
  FileIdentity current_identity() const;
  /// Throws base::StoreUnavailable if the file is another than the last one that was opened, and
  /// that one's write-ahead log still stands beside it: SQLite would apply it to whatever file it
  /// finds. state_mutex_ is held.
  void refuse_foreign_log(const FileIdentity& identity) const;
  /// Whether connections write to a log that has been removed, where nobody else sees what they
  /// write and the next crash would lose it. state_mutex_ is held.
  bool has_lost_log(const FileIdentity& identity) const;
  /// Closes the connections, upon which SQLite saves what is in their log. Throws
  /// base::StoreUnavailable if others still use some. No lock is held.
  void save_lost_log();

  const std::string path_;
  /// Before what counts itself in it.
  std::atomic<int> open_connections_ = 0;

  std::mutex watch_mutex_;
  // Guarded by watch_mutex_:
  std::unique_ptr<Watch> watch_;
  std::uint64_t version_ = 0;
  FileIdentity file_;
  std::chrono::steady_clock::time_point look_at_file_at_{};
  std::chrono::steady_clock::time_point look_at_log_at_{};

  std::mutex state_mutex_;
  std::condition_variable writing_ended_;
  // Guarded by state_mutex_:
  bool writing_ = false;
  std::chrono::steady_clock::time_point impatient_until_{};
  FileIdentity last_opened_;
  std::optional<FileIdentity> last_opened_log_;
  std::optional<FileIdentity> last_opened_index_;
};

}  // namespace userbin::store
