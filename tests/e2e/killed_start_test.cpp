// The worker is killed at each step of making its store, and of bringing one of the first version
// up to date; the next start does it.
#include <csignal>

#include "support/catch.h"
#include "support/machine.h"
#include "support/site.h"

namespace userbin::test {

namespace {

constexpr const char* kPassword = "seven green lanterns";

Finished sqlite(const std::string& store, const std::string& statements) {
  return run_command({"sqlite3", store}, statements);
}

/// A store as the first version left it, with one user, ada.
std::string store_of_first_version() {
  const TemporaryFolder folder;
  const std::string now = folder.file("now.db");
  const std::string then = folder.file("then.db");
  std::vector<std::string> add = {userbin_program(), "user", "add", "ada", "--store=" + now};
  add.insert(add.end(), kCheapHashing.begin(), kCheapHashing.end());
  REQUIRE(run_command(add, kPassword).status == 0);
  const Finished made =
      sqlite(then,
             "PRAGMA journal_mode = WAL;"
             "CREATE TABLE schema_version (version INTEGER NOT NULL);"
             "INSERT INTO schema_version (version) VALUES (1);"
             "CREATE TABLE users (name TEXT PRIMARY KEY, record TEXT NOT NULL,"
             " revision BIGINT NOT NULL);"
             "CREATE TABLE sessions (token_hash TEXT PRIMARY KEY, name TEXT NOT NULL,"
             " created_at BIGINT NOT NULL, last_seen_at BIGINT NOT NULL,"
             " expires_at BIGINT NOT NULL, remember INTEGER NOT NULL, client TEXT NOT NULL,"
             " user_agent TEXT NOT NULL);"
             "CREATE INDEX sessions_by_name ON sessions (name, created_at);"
             "CREATE INDEX sessions_by_expiry ON sessions (expires_at);"
             "ATTACH '" +
                 now +
                 "' AS now;"
                 "INSERT INTO users SELECT name, record, revision FROM now.users;");
  CAPTURE(made.output);
  REQUIRE(made.status == 0);
  return read_file(then);
}

/// A worker on the store in a folder.
class Worker {
 public:
  Worker(const TemporaryFolder& folder, std::vector<std::string> starter)
      : socket_(folder.file("socket")), log_(folder.file("log")) {
    starter.insert(starter.end(), {userbin_program(), "serve", "--listen=unix:" + socket_,
                                   "--store=" + folder.file("userbin.db")});
    starter.insert(starter.end(), kCheapHashing.begin(), kCheapHashing.end());
    write_file(log_, "");
    process_ = std::make_unique<Process>(starter, Process::Options{.output_file = log_});
    wait_until("the worker serves or is dead", [&] { return serves() || !process_->is_running(); });
  }

  bool serves() const { return read_file(log_).find(" serves on ") != std::string::npos; }
  std::string log() const { return read_file(log_); }
  int end(int signal) {
    process_->signal(signal);
    return process_->wait();
  }
  /// The status.
  std::string post(const std::string& path, const std::string& name) const {
    const std::string body = credentials(name, kPassword);
    RawConnection connection(socket_);
    connection.send(fastcgi_request({{"REQUEST_METHOD", "POST"},
                                     {"DOCUMENT_URI", path},
                                     {"CONTENT_TYPE", "application/json"},
                                     {"CONTENT_LENGTH", std::to_string(body.size())}},
                                    body, false));
    return connection.read_answer().value_or("").substr(0, std::string("Status: 200").size());
  }

 private:
  const std::string socket_;
  const std::string log_;
  std::unique_ptr<Process> process_;
};

}  // namespace

TEST_CASE("a worker killed while it makes its store, or renews an old one, does it when it starts",
          "[sqlite]") {
  if (!can_trace()) {
    WARN("strace can trace nothing here: not tested");
    return;
  }
  const bool is_old = GENERATE(false, true);
  const std::string old = is_old ? store_of_first_version() : "";
  unsigned killed = 0;
  for (const std::string call : {"pwrite64", "fdatasync"}) {
    bool has_served = false;
    const unsigned step = call == "pwrite64" ? 4 : 1;
    for (unsigned nth = 1; !has_served; nth += step) {
      CAPTURE(is_old, call, nth);
      const TemporaryFolder folder;
      const std::string store = folder.file("userbin.db");
      if (is_old) write_file(store, old);
      {
        Worker first(folder, strace_injecting(call + ":signal=KILL:when=" + std::to_string(nth)));
        has_served = first.serves();
        CHECK(first.end(SIGKILL) == 128 + SIGKILL);
        if (!has_served) ++killed;
      }
      Worker second(folder, {});
      CAPTURE(second.log());
      REQUIRE(second.serves());
      CHECK(second.post("/register", "bob") == "Status: 200");
      if (is_old) CHECK(second.post("/login", "ada") == "Status: 200");
      CHECK(second.end(SIGTERM) == 0);
      CHECK(sqlite(store, "PRAGMA integrity_check").output == "ok\n");
    }
  }
  CAPTURE(is_old);
  CHECK(killed >= 10);
  if (std::getenv("USERBIN_TEST_KILLS") != nullptr) WARN(killed << " kills");
}

}  // namespace userbin::test
