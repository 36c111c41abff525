#include "store/postgres_database.h"

#include <algorithm>
#include <fstream>
#include <poll.h>
#include <random>
#include <thread>
#include <utility>

#include <soci/postgresql/soci-postgresql.h>
#include <soci/version.h>

#include "base/log.h"
#include "base/shared_library.h"
#include "base/text.h"
#include "store/schema.h"

// SOCI's own is in the library that is loaded late, where the linker can't find it.
std::string soci::postgresql_soci_error::sqlstate() const {
  return {sqlstate_, sizeof sqlstate_};
}

namespace userbin::store {

namespace {

constexpr int kMaxConflicts = 20;
constexpr int kMaxMigrations = 5;
constexpr std::chrono::milliseconds kLongestPause{50};
constexpr std::chrono::seconds kLookAgainAfter{1};

/// What speaks to PostgreSQL: SOCI's part for it, and libpq, with which that one is linked.
struct Driver {
  explicit Driver(const base::SharedLibrary& library)
      : factory(library.find("factory_postgresql")),
        set_notice_processor(library.find("PQsetNoticeProcessor")),
        socket(library.find("PQsocket")),
        transaction_status(library.find("PQtransactionStatus")) {}

  const decltype(&soci::factory_postgresql) factory;
  const decltype(&PQsetNoticeProcessor) set_notice_processor;
  const decltype(&PQsocket) socket;
  const decltype(&PQtransactionStatus) transaction_status;
};

/// Loaded by the first call. Any thread. Throws base::BadSetting if it cannot be.
const Driver& driver() {
  static const std::string kVersion =  // by which Debian names both, of the headers above
      std::to_string(SOCI_VERSION / 100'000) + '.' + std::to_string(SOCI_VERSION / 100 % 1000);
  try {
    static const Driver loaded(base::SharedLibrary(("libsoci_postgresql.so." + kVersion).c_str(),
                                                   ("libsoci-postgresql" + kVersion).c_str()));
    return loaded;
  } catch (const std::runtime_error& error) {
    throw base::BadSetting(std::string("--store: no PostgreSQL without ") + error.what());
  }
}

/// What the URL may leave open. A server that is gone is noticed after some seconds, whatever
/// became of the network; one that is only a copy is passed over.
constexpr std::pair<const char*, const char*> kDefaults[] = {
    {"application_name", "userbin"}, {"client_encoding", "UTF8"},
    {"connect_timeout", "3"},        {"keepalives_idle", "2"},
    {"keepalives_interval", "1"},    {"keepalives_count", "3"},
    {"tcp_user_timeout", "5000"},    {"target_session_attrs", "read-write"},
};

std::string password_in(const std::string& file) {
  std::ifstream stream(file);
  std::string password;
  if (!std::getline(stream, password) || password.empty()) {
    throw base::BadSetting("--store-password-file: " + file +
                           " cannot be read, or its first line is empty");
  }
  if (password.ends_with('\r')) password.pop_back();
  return password;
}

/// The part with the user, the hosts and their ports.
std::string authority_of(const std::string& url) {
  const auto start = url.find("://") + 3;
  return url.substr(start, url.find_first_of("/?", start) - start);
}

bool has_parameter(const std::string& url, const std::string& name) {
  const auto query = url.find('?');
  if (query == std::string::npos) return false;
  const std::string parameters = '&' + url.substr(query + 1);
  return parameters.find('&' + name + '=') != std::string::npos;
}

void refuse_password(const std::string& url) {
  const std::string authority = authority_of(url);
  const auto at = authority.rfind('@');
  const bool has_one = at != std::string::npos && authority.find(':') < at;
  if (!has_one && !has_parameter(url, "password")) return;
  throw base::BadSetting(
      "--store: the URL has a password in it, where 'ps' shows it; put it into a file and name "
      "that "
      "by --store-password-file, or by PGPASSFILE in the way of ~/.pgpass");
}

std::string complete(const StoreOptions& options) {
  refuse_password(options.place);
  std::string url = options.place;
  const auto add = [&](const std::string& name, const std::string& value) {
    url += (url.find('?') == std::string::npos ? '?' : '&') + name + '=' +
           base::percent_encode(value, "");
  };
  for (const auto& [name, value] : kDefaults) {
    if (!has_parameter(options.place, name)) add(name, value);
  }
  if (!has_parameter(options.place, "options")) {
    add("options", "-c lock_timeout=" + std::to_string(options.patience.count()));
  }
  if (!options.password_file.empty()) add("password", password_in(options.password_file));
  return url;
}

std::string state_of(const soci::soci_error& error) {
  const auto* known = dynamic_cast<const soci::postgresql_soci_error*>(&error);
  return known != nullptr ? known->sqlstate() : "";
}

/// Errors have no state when there was nobody to give one.
bool is_broken(const std::string& state) {
  const bool is_empty = state.find_first_not_of(std::string(" \0", 2)) == std::string::npos;
  return is_empty || state.starts_with("08") || state.starts_with("57P");
}

bool is_conflict(const std::string& state) {
  return state == "40001" || state == "40P01";
}

/// PostgreSQL's words, in one line.
std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

/// It is there, but takes no more connections. libpq gives no state for what went wrong when it
/// connected.
bool is_crowded(const soci::soci_error& error) {
  const std::string what = error.get_error_message();
  return what.find("too many") != std::string::npos ||
         what.find("remaining connection slots") != std::string::npos;
}

/// It is here that memory is missing, not at the server, which would give a state: libpq says so,
/// or is not even able to say anything.
bool is_without_memory(const soci::soci_error& error) {
  if (!is_broken(state_of(error))) return false;
  const std::string what = one_line(error.get_error_message());
  return what.find("out of memory") != std::string::npos || what.ends_with("to the database.");
}

constexpr const char* kMemoryMend =
    "; give the program more memory, or lower --hash-slots or --hash-memory";
constexpr const char* kReadOnlyMend =
    "; this server can't be written to: name the primary in --store, or promote this one";
constexpr const char* kCrowdedMend = "; the server is out of room or of connections";

std::string mend_for(const std::string& state) {
  if (state.starts_with("28")) {
    return "; look at the user in --store, and at --store-password-file or PGPASSFILE";
  }
  if (state == "3D000") return "; make it: createdb --owner=USER DATABASE";
  if (state == "42501") return "; this user must own the database or its tables";
  if (state.starts_with("53")) return kCrowdedMend;
  if (state == "55P03") return "; another transaction holds a lock on it";
  if (is_broken(state)) return "; is the server running, and can it be reached from here?";
  return "";
}

PGconn* handle_of(Connection& connection) {
  auto* backend = static_cast<soci::postgresql_session_backend*>(connection.sql().get_backend());
  return backend->conn_;
}

/// By itself libpq writes them to standard error.
void log_notice(void* /*unused*/, const char* text) {
  spdlog::debug("store: {}", one_line(text));
}

void pause_at_random() {
  thread_local std::minstd_rand random(std::random_device{}());
  std::uniform_int_distribution<int> milliseconds(1, static_cast<int>(kLongestPause.count()));
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds(random)));
}

}  // namespace

PostgresDatabase::PostgresDatabase(const StoreOptions& options)
    : Database(options.max_connections, options.patience),
      url_(options.place),
      connect_string_(complete(options)),
      cache_ttl_(options.cache_ttl) {
  bring_schema_up_to_date();
}

void PostgresDatabase::bring_schema_up_to_date() {
  // Compared by bytes, as SQLite does, whatever the language of the database.
  constexpr const char* kText = "TEXT COLLATE \"C\"";
  for (int left = kMaxMigrations;; --left) {
    try {
      read([&](Connection& connection) {
        // Two who make the same table at once are told so in several ways.
        migrate(connection.sql(), kText);
        return true;
      });
      return;
    } catch (const base::StoreUnavailable& error) {
      const std::string what = error.what();
      const bool is_race = what.find("already exists") != std::string::npos ||
                           what.find("duplicate key") != std::string::npos;
      if (!is_race || left == 0) throw;
      pause_at_random();
    }
  }
}

std::uint64_t PostgresDatabase::version() {
  constexpr int kChangeBits = 24;
  constexpr std::uint64_t kChangeMask = (1U << kChangeBits) - 1;
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  // Without a time to live, whatever was read is old.
  static std::atomic<std::uint64_t> asked = 0;
  const std::uint64_t period =
      cache_ttl_.count() == 0 ? ++asked : static_cast<std::uint64_t>(now / cache_ttl_);
  return period << kChangeBits | (changes_ & kChangeMask);
}

void PostgresDatabase::prepare() {
  const std::lock_guard lock(state_mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (away_because_.empty()) return;
  if (now < away_until_) throw base::StoreUnavailable(away_because_);
  away_until_ = now + kLookAgainAfter;  // this call looks; others need not wait with it
}

std::unique_ptr<Connection> PostgresDatabase::open_connection() {
  auto connection = std::make_unique<Connection>();
  try {
    connection->sql().open(*driver().factory(), connect_string_);
  } catch (const soci::soci_error& error) {
    if (is_crowded(error) || is_without_memory(error))
      throw base::StoreUnavailable(explained(error));
    const std::lock_guard lock(state_mutex_);
    away_until_ = std::chrono::steady_clock::now() + kLookAgainAfter;
    away_because_ = explained(error);
    throw base::StoreUnavailable(away_because_);
  }
  driver().set_notice_processor(handle_of(*connection), log_notice, nullptr);
  return connection;
}

void PostgresDatabase::note_answer() {
  const std::lock_guard lock(state_mutex_);
  away_because_.clear();
}

bool PostgresDatabase::is_fit(Connection& connection) {
  pollfd socket{.fd = driver().socket(handle_of(connection)), .events = POLLIN, .revents = 0};
  return socket.fd >= 0 && ::poll(&socket, 1, 0) == 0;
}

bool PostgresDatabase::is_at_rest(Connection& connection) {
  return driver().transaction_status(handle_of(connection)) == PQTRANS_IDLE;
}

bool PostgresDatabase::may_do_again(const soci::soci_error& error, bool is_change, int failures) {
  const std::string state = state_of(error);
  if (is_conflict(state) && failures <= kMaxConflicts) {
    pause_at_random();
    return true;
  }
  if (!is_broken(state)) return false;
  close_idle();
  return !is_change && failures == 1;
}

std::string PostgresDatabase::explained(const soci::soci_error& error) const {
  const bool is_read_only = std::string(error.what()).find("read-only") != std::string::npos;
  const std::string mend = is_crowded(error)          ? kCrowdedMend
                           : is_without_memory(error) ? kMemoryMend
                           : is_read_only             ? kReadOnlyMend
                                                      : mend_for(state_of(error));
  return described(one_line(error.get_error_message())) + mend;
}

}  // namespace userbin::store
