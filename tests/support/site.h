#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/http_client.h"
#include "support/postgres.h"
#include "support/process.h"
#include "support/temporary_folder.h"

namespace userbin::test {

/// The program under test; $USERBIN names it (the Makefile's run-tests sets it).
std::string userbin_program();

/// Whether the tests' sites keep their users in PostgreSQL.
bool is_on_postgres();

/// Flags that make hashing cheap, for tests that are not about it.
extern const std::vector<std::string> kCheapHashing;
/// Flags that let a test try from its one address as often as it likes; its own flags, which come
/// after them, set other figures.
extern const std::vector<std::string> kNoThrottle;

/// A real nginx with the files under nginx/ in front of a real worker, on a free port, with all
/// state in a temporary folder. Both are stopped at the end of the scope.
class Site {
 public:
  /// In a file of nginx's, each `from` becomes `to`; there must be one. STATE in `to` is the
  /// folder.
  struct Edit {
    std::string file, from, to;
  };
  struct Options {
    std::vector<std::string> worker_flags = kCheapHashing;
    /// Where the worker is mounted: "" or "/auth".
    std::string url_prefix = "";
    bool start_worker = true;
    /// More locations for the site's server block.
    std::string locations = "";
    /// Changes to nginx's files.
    std::vector<Edit> edits = {};
    /// The example's application, behind /members/, /staff/ and /api/.
    bool start_application = false;
    /// Whether nginx keeps floods from the worker, as it is installed.
    bool is_fenced = false;
    /// The store of another site; empty: one of its own.
    std::string store = "";
    /// What starts the worker: {"prlimit", "--nofile=100"}; and NAME=value for it.
    std::vector<std::string> worker_starter = {};
    std::vector<std::string> worker_environment = {};
  };
  explicit Site(const Options& options);
  Site() : Site(Options()) {}
  ~Site();

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  int port() const { return port_; }
  std::string socket() const { return folder_.file("userbin.sock"); }
  /// What --store names: a file, or with USERBIN_TEST_STORE=postgresql in the environment a URL.
  const std::string& store() const { return store_; }
  /// Changes the store without userbin, as an owner might.
  void sql(const std::string& statement) const;
  /// For sql(): the record with another member, whose value is in JSON.
  static std::string record_with(const std::string& member, const std::string& value);
  std::string log() const { return read_file(folder_.file("worker.log")); }
  std::string file(const std::string& name) const { return folder_.file(name); }

  /// Starts the worker and waits until it listens.
  void start_worker();
  void kill_worker();
  Process& worker() { return *worker_; }

  /// Starts nginx and waits until it answers.
  void start_nginx();
  /// Its workers, too.
  void kill_nginx();
  Process& nginx() { return *nginx_; }
  std::set<pid_t> nginx_workers() const;

 private:
  void edit(const Edit& edit) const;
  const Options options_;
  TemporaryFolder folder_;
  std::unique_ptr<PostgresPlace> postgres_;
  std::string store_;
  int port_;
  std::unique_ptr<Process> worker_;
  std::unique_ptr<Process> application_;
  std::unique_ptr<Process> nginx_;
};

/// FastCGI records for a request, for talking to the worker without nginx.
std::string fastcgi_record(int type, const std::string& content, int request_id = 1);
std::string fastcgi_begin(bool keep_connection, int role = 1);
std::string fastcgi_params(const std::vector<std::pair<std::string, std::string>>& params);
/// A whole request.
std::string fastcgi_request(const std::vector<std::pair<std::string, std::string>>& params,
                            const std::string& body, bool keep_connection);

/// A connection to a worker's Unix socket.
class RawConnection {
 public:
  explicit RawConnection(const std::string& socket_path);
  ~RawConnection();
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;
  RawConnection(RawConnection&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

  /// False if the peer has closed.
  bool send(const std::string& bytes);
  /// Everything of the next answer (STDOUT up to END_REQUEST); nullopt if the peer closes first, or
  /// nothing comes for `seconds`.
  std::optional<std::string> read_answer(int seconds = 60);
  /// Whether something of an answer arrives within `seconds`; nothing of it is taken.
  bool has_something(int seconds = 60) const;
  /// Whether the peer closes within `seconds`, whatever it sends before.
  bool is_closed(int seconds = 60);

 private:
  int fd_ = -1;
  std::string unread_;
};

}  // namespace userbin::test
