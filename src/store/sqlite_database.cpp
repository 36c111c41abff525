#include "store/sqlite_database.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include <soci/sqlite3/soci-sqlite3.h>

#include "base/blocking.h"
#include "base/log.h"
#include "base/unique_fd.h"
#include "store/binding.h"
#include "store/schema.h"

namespace userbin::store {

namespace {

constexpr std::chrono::milliseconds kImpatience{20};
/// Whether it is still the one that others see.
constexpr std::chrono::milliseconds kLookAtFileEvery{10};
constexpr std::chrono::seconds kLookAtLogEvery{1};

bool can_open_more() {
  const base::UniqueFd tried(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  return tried || (errno != EMFILE && errno != ENFILE);
}

std::string mend_for(int sqlite_result) {
  switch (sqlite_result & 0xFF) {
    case SQLITE_FULL: return "; free some space on its disk";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "; put back a backup, or save what can be read with 'sqlite3 FILE .recover'";
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return "; another program holds a lock on it";
    case SQLITE_NOMEM:
      return "; give the program more memory, or lower --hash-slots or --hash-memory";
    case SQLITE_CANTOPEN:
      if (!can_open_more()) return "; no more file descriptors, raise LimitNOFILE= in the service";
      [[fallthrough]];
    case SQLITE_READONLY:
    case SQLITE_PERM: return "; this user must be able to write to the file and to its folder";
    case SQLITE_IOERR:
      return "; look into the kernel's log for errors of its disk, and whether it is mounted "
             "read-only";
    default: return "";
  }
}

std::optional<FileIdentity> identity_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return FileIdentity{status.st_dev, status.st_ino};
}

std::filesystem::path folder_of(const std::string& path) {
  return std::filesystem::absolute(path).parent_path();
}

/// SQLite does not wait for a lock at this step, whatever its busy timeout, so this does: several
/// programs may open a new file at once.
void switch_to_write_ahead_log(soci::session& sql, std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    try {
      execute_once(sql, "PRAGMA journal_mode = WAL");
      return;
    } catch (const soci::sqlite3_soci_error& error) {
      const bool is_busy = (error.result() & 0xFF) == SQLITE_BUSY;
      if (!is_busy || std::chrono::steady_clock::now() >= end) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
  }
}

/// A commit writes the second copy of the index's header, then the first; who reads the database
/// while they differ waits. So whoever finds the first copy changed reads what changed it.
using IndexHeader = std::array<std::uint32_t, 12>;

/// SOCI reads up to the next quotation mark and knows no escapes.
std::string quoted(const std::string& path) {
  return "db=\"" + path + '"';
}

}  // namespace

/// Counts what is open; a base, so that it counts down once all else is closed.
class Counted {
 public:
  explicit Counted(std::atomic<int>& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::atomic<int>& count_;
};

struct SqliteDatabase::FileConnection final : private Counted, public Connection {
  explicit FileConnection(std::atomic<int>& open) : Counted(open) {}
  /// SOCI loses a statement if it fails halfway in making it, for want of memory. With one left
  /// SQLite would not close the file, and keep its locks.
  ~FileConnection() override {
    forget_prepared();
    if (handle() == nullptr) return;
    while (auto* lost = sqlite_api::sqlite3_next_stmt(handle(), nullptr)) {
      sqlite_api::sqlite3_finalize(lost);
    }
  }

  /// Null before it is open.
  sqlite_api::sqlite3* handle() {
    auto* backend = static_cast<soci::sqlite3_session_backend*>(sql().get_backend());
    return backend == nullptr ? nullptr : backend->conn_;
  }

  FileIdentity identity;
  /// How long its statements wait for a lock.
  std::chrono::milliseconds patience{};
};

/// Keeps the file open, and with it the index of its log in memory.
class SqliteDatabase::Watch {
 public:
  explicit Watch(std::unique_ptr<FileConnection> connection)
      : connection_(std::move(connection)), header_(map_index()), seen_(read()) {}

  const FileIdentity& identity() const { return connection_->identity; }
  soci::session& sql() const { return connection_->sql(); }

  /// Whether the header is another than the last time.
  bool has_changed() {
    const IndexHeader before = std::exchange(seen_, read());
    return before != seen_;
  }

 private:
  const volatile std::uint32_t* map_index() const {
    constexpr int kRegionBytes = 32768;
    sqlite_api::sqlite3_file* file = nullptr;
    volatile void* region = nullptr;
    sqlite_api::sqlite3_file_control(connection_->handle(), "main", SQLITE_FCNTL_FILE_POINTER,
                                     &file);
    const int failed = file->pMethods->xShmMap(file, 0, kRegionBytes, 0, &region);
    if (failed != SQLITE_OK || region == nullptr) {
      throw soci::sqlite3_soci_error("the index of the log cannot be mapped", failed);
    }
    return static_cast<const volatile std::uint32_t*>(region);
  }

  IndexHeader read() const {
    IndexHeader copy;
    std::copy_n(header_, copy.size(), copy.begin());
    return copy;
  }

  const std::unique_ptr<FileConnection> connection_;
  const volatile std::uint32_t* const header_;
  IndexHeader seen_;
};

SqliteDatabase::SqliteDatabase(const Options& options)
    : Database(options.max_connections, options.patience),
      path_(std::filesystem::absolute(options.path).string()) {
  const std::filesystem::path folder = folder_of(path_);
  if (!std::filesystem::is_directory(folder)) {
    throw base::BadSetting("--store: there is no folder " + folder.string() +
                           "; make it, owned by the user that runs userbin");
  }
  if (path_.find('"') != std::string::npos) {
    throw base::BadSetting("--store: the path " + path_ +
                           " has a quotation mark in it; choose one without");
  }
  make_file();
  read([](Connection&) { return true; });
}

SqliteDatabase::~SqliteDatabase() {
  close_idle();  // they count themselves
}

/// Root can go on with the file anyhow; the worker, who is not root, could not. SQLite gives its
/// own files beside it the same owner. Only for a file that was just made with O_EXCL: the owner of
/// the folder could have put a link to any other in its place.
void SqliteDatabase::give_to_owner_of_folder(int file) const {
  struct stat folder {};
  if (::stat(folder_of(path_).c_str(), &folder) != 0) return;
  if (::fchown(file, folder.st_uid, folder.st_gid) == 0) return;
  spdlog::warn("{} stays root's: {}", path_, std::strerror(errno));
}

std::uint64_t SqliteDatabase::version() {
  const auto now = std::chrono::steady_clock::now();
  std::unique_lock lock(watch_mutex_);
  if (now >= look_at_file_at_) {
    lock.unlock();
    const FileIdentity identity = current_identity();
    lock.lock();
    file_ = identity;
    look_at_file_at_ = now + kLookAtFileEvery;
  }
  const auto is_watching = [&] { return watch_ && watch_->identity() == file_; };
  if (!is_watching() || now >= look_at_log_at_) {
    look_at_log_at_ = now + kLookAtLogEvery;
    lock.unlock();
    base::before_blocking();
    prepare();
    lock.lock();
  }
  if (is_watching()) {
    if (watch_->has_changed()) ++version_;
    return version_;
  }
  watch_.reset();
  try {
    watch_ = std::make_unique<Watch>(open_file(patience()));
  } catch (const soci::soci_error& error) {
    may_do_again(error, false, 1);
    throw base::StoreUnavailable(explained(error));
  }
  return ++version_;
}

/// Closes the file before SQLite opens it: a later close would drop SQLite's locks with it
/// (fcntl(2), "Record locking"), and another program could take the log away from under us.
void SqliteDatabase::make_file() const {
  constexpr int kFlags = O_RDWR | O_CREAT | O_CLOEXEC;
  base::UniqueFd file(::open(path_.c_str(), kFlags | O_EXCL, 0600));
  const bool is_new = static_cast<bool>(file);
  if (!is_new) file.reset(::open(path_.c_str(), kFlags, 0600));
  if (!file)
    throw base::StoreUnavailable(described(std::strerror(errno)) + mend_for(SQLITE_CANTOPEN));
  struct stat status {};
  if (is_new && ::geteuid() == 0) give_to_owner_of_folder(file.get());
  if (::fstat(file.get(), &status) == 0 && (status.st_mode & 077) != 0) {
    spdlog::warn("{} can be read by other users of this machine; mend: chmod 600 {}", path_, path_);
  }
}

FileIdentity SqliteDatabase::current_identity() const {
  const auto identity = identity_of(path_);
  if (!identity) {
    throw base::StoreUnavailable(described(std::strerror(errno)) +
                                 "; put the file back, or restart userbin for an empty one");
  }
  return *identity;
}

void SqliteDatabase::refuse_foreign_log(const FileIdentity& identity) const {
  if (identity == last_opened_ || !last_opened_log_) return;
  const std::string log = path_ + "-wal";
  std::error_code ignored;
  const bool is_empty = std::filesystem::file_size(log, ignored) == 0;
  if (is_empty || identity_of(log) != last_opened_log_) return;
  throw base::StoreUnavailable(
      described("another file was put in its place, beside the old one's log; stop userbin, move " +
                path_ + "-wal and -shm to where the old file is now, and start it again"));
}

bool SqliteDatabase::has_lost_log(const FileIdentity& identity) const {
  if (!(identity == last_opened_) || open_connections_ == 0) return false;
  return identity_of(path_ + "-wal") != last_opened_log_ ||
         identity_of(path_ + "-shm") != last_opened_index_;
}

void SqliteDatabase::save_lost_log() {
  constexpr const char* kWhat =
      "its write-ahead log was removed; its -wal and -shm must be left alone while userbin runs";
  close_idle();
  try {
    const std::lock_guard lock(watch_mutex_);
    // Not left to the last close: another program may still use the old log, too.
    int is_busy = 0;
    if (watch_) execute_once(watch_->sql(), "PRAGMA wal_checkpoint(TRUNCATE)", soci::into(is_busy));
    if (is_busy == 0) watch_.reset();
  } catch (const soci::soci_error& error) {
    throw base::StoreUnavailable(explained(error));
  }
  if (open_connections_ > 0) throw base::StoreUnavailable(described(kWhat));
  spdlog::warn("store {}: {}; what was in it is in the file", path_, kWhat);
}

bool SqliteDatabase::may_do_again(const soci::soci_error& error, bool /*is_change*/,
                                  int /*failures*/) {
  const auto* sqlite_error = dynamic_cast<const soci::sqlite3_soci_error*>(&error);
  if (sqlite_error == nullptr || (sqlite_error->result() & 0xFF) != SQLITE_BUSY) return false;
  const std::lock_guard lock(state_mutex_);
  impatient_until_ = std::chrono::steady_clock::now() + patience();
  return false;
}

void SqliteDatabase::note_change() {
  const std::lock_guard lock(state_mutex_);
  impatient_until_ = {};
}

std::chrono::milliseconds SqliteDatabase::current_patience() const {
  const bool is_impatient = std::chrono::steady_clock::now() < impatient_until_;
  return is_impatient ? std::min(kImpatience, patience()) : patience();
}

void SqliteDatabase::begin_writing() {
  std::unique_lock lock(state_mutex_);
  if (!writing_ended_.wait_for(lock, current_patience(), [&] { return !writing_; })) {
    throw base::StoreUnavailable(described("too many changes are waiting"));
  }
  writing_ = true;
}

void SqliteDatabase::end_writing() {
  {
    const std::lock_guard lock(state_mutex_);
    writing_ = false;
  }
  writing_ended_.notify_one();
}

void SqliteDatabase::prepare() {
  const FileIdentity identity = current_identity();
  {
    const std::lock_guard lock(state_mutex_);
    refuse_foreign_log(identity);
    if (!has_lost_log(identity)) return;
  }
  save_lost_log();
}

bool SqliteDatabase::is_fit(Connection& connection) {
  const auto& file = static_cast<FileConnection&>(connection);
  const std::lock_guard lock(state_mutex_);
  return identity_of(path_) == file.identity && file.patience == current_patience();
}

bool SqliteDatabase::is_at_rest(Connection& connection) {
  return sqlite_api::sqlite3_get_autocommit(static_cast<FileConnection&>(connection).handle()) != 0;
}

std::unique_ptr<Connection> SqliteDatabase::open_connection() {
  std::chrono::milliseconds patience{};
  {
    const std::lock_guard lock(state_mutex_);
    patience = current_patience();
  }
  return open_file(patience);
}

std::unique_ptr<SqliteDatabase::FileConnection> SqliteDatabase::open_file(
    std::chrono::milliseconds patience) {
  auto connection = std::make_unique<FileConnection>(open_connections_);
  connection->identity = current_identity();
  connection->patience = patience;
  soci::session& sql = connection->sql();
  sql.open(soci::sqlite3, quoted(path_));
  execute_once(sql, "PRAGMA busy_timeout = " + std::to_string(patience.count()));
  switch_to_write_ahead_log(sql, patience);
  execute_once(sql, "PRAGMA synchronous = FULL");
  try {
    migrate(sql, "TEXT");
  } catch (const base::StoreUnavailable& error) {
    throw base::StoreUnavailable(described(error.what()));
  }
  const std::lock_guard lock(state_mutex_);
  last_opened_ = connection->identity;
  last_opened_log_ = identity_of(path_ + "-wal");
  last_opened_index_ = identity_of(path_ + "-shm");
  return connection;
}

std::string SqliteDatabase::explained(const soci::soci_error& error) const {
  const auto* sqlite_error = dynamic_cast<const soci::sqlite3_soci_error*>(&error);
  std::string cause = error.get_error_message();
  // SOCI's own function in front of SQLite's words says nothing to an operator.
  if (cause.starts_with("sqlite3_")) cause.erase(0, cause.find(": ") + 2);
  return described(cause) + (sqlite_error != nullptr ? mend_for(sqlite_error->result()) : "");
}

std::string SqliteDatabase::find_damage() {
  return read([](Connection& connection) {
    std::string found;
    execute_once(connection.sql(), "PRAGMA quick_check(1)", soci::into(found));
    return found == "ok" ? "" : found;
  });
}

}  // namespace userbin::store
