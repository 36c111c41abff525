#pragma once

#include <memory>
#include <string>
#include <vector>

#include "store/postgres_database.h"
#include "store/sqlite_database.h"
#include "support/process.h"
#include "support/temporary_folder.h"

namespace userbin::test {

/// A program of Debian's newest PostgreSQL.
std::string postgres_program(const std::string& name);
/// The command as the user postgres, if this is root: PostgreSQL refuses to run as root.
std::vector<std::string> as_postgres(std::vector<std::string> command);
/// Makes a folder the one of that user.
void give_to_postgres(const std::string& folder);

/// A real PostgreSQL in a temporary folder, with its socket there and no port, that knows no fsync.
/// Its databases sort by language, as many do. As root, it runs as the user postgres.
class PostgresServer {
 public:
  PostgresServer();
  /// Ends it at once.
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  /// The one that a program's tests share; starts when it is first asked for. From the main thread.
  static PostgresServer& shared();

  /// `settings` as "ssl=on", besides the test's own; 5432 is the socket's name alone.
  void start(const std::vector<std::string>& settings = {}, int port = 5432);
  /// SIGINT: it ends all connections.
  void stop();
  Process& process() { return *process_; }

  /// From the next start on, by start({"ssl=on", ...}): TLS by a certificate for "localhost". Where
  /// it is.
  std::string make_certificate() const;

  /// From now on whoever connects, but the user userbin, needs a password.
  void ask_for_passwords();

  /// postgresql:///NAME?host=...
  std::string url_of(const std::string& database) const;
  /// Runs statements in a database.
  void run(const std::string& sql, const std::string& database = "postgres") const;

 private:
  TemporaryFolder folder_;
  int port_ = 5432;
  std::unique_ptr<Process> process_;
};

/// A database of its own on the shared server, gone at the end of the scope.
class PostgresPlace {
 public:
  PostgresPlace();
  ~PostgresPlace();
  PostgresPlace(const PostgresPlace&) = delete;
  PostgresPlace& operator=(const PostgresPlace&) = delete;

  const std::string& name() const { return name_; }
  std::string url() const { return PostgresServer::shared().url_of(name_); }
  store::StoreOptions options() const {
    return {.place = url(), .max_connections = 4, .patience = std::chrono::seconds{30}};
  }

 private:
  const std::string name_;
};

/// What a test of a store is made on, once for each engine.
struct OnPostgres {
  PostgresPlace place;
  store::PostgresDatabase database{place.options()};
};

struct OnSqlite {
  TemporaryFolder folder;
  store::SqliteDatabase database{
      {.path = folder.file("users.db"), .max_connections = 4, .patience = std::chrono::minutes{1}}};
};

}  // namespace userbin::test
