// The program: its options, its sockets, its signals.
#include <csignal>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/unique_fd.h"
#include "support/catch.h"
#include "support/site.h"
#include "support/text.h"

using namespace userbin::test;
namespace base = userbin::base;

namespace {

/// A worker alone, in a folder of its own.
struct Worker {
  TemporaryFolder folder;
  std::string socket = folder.file("socket");
  std::unique_ptr<Process> process;

  std::vector<std::string> command(const std::vector<std::string>& flags) const {
    std::vector<std::string> words = {userbin_program(), "serve", "--store=" + folder.file("db")};
    words.insert(words.end(), kCheapHashing.begin(), kCheapHashing.end());
    words.insert(words.end(), flags.begin(), flags.end());
    return words;
  }
  std::string log() const { return read_file(folder.file("log")); }

  void start(const std::vector<std::string>& flags, int standard_input = -1) {
    process = std::make_unique<Process>(
        command(flags),
        Process::Options{.output_file = folder.file("log"), .standard_input = standard_input});
    wait_until_serving();
  }
  void wait_until_serving() {
    wait_until("the worker serves", [&] {
      if (!process->is_running()) throw std::runtime_error(log());
      return log().find(" serves on ") != std::string::npos;
    });
  }
  Finished run(const std::vector<std::string>& flags,
               const std::vector<std::string>& environment = {}) const {
    return run_command(command(flags), "", environment);
  }
};

std::string healthz(const std::string& socket) {
  RawConnection connection(socket);
  connection.send(
      fastcgi_request({{"REQUEST_METHOD", "GET"}, {"DOCUMENT_URI", "/healthz"}}, "", false));
  return connection.read_answer().value_or("");
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  ::stat(path.c_str(), &status);
  return status.st_mode & 07777;
}

/// Whether a process has a file in its memory whose name begins so.
bool has_loaded(const Process& process, const std::string& library) {
  return contains(read_file("/proc/" + std::to_string(process.pid()) + "/maps"), '/' + library);
}

base::UniqueFd listening_unix_socket(const std::string& path) {
  base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(fd.get(), 16) == 0);
  return fd;
}

}  // namespace

TEST_CASE("wrong settings are named with their mend, and end with status 2") {
  const Worker worker;
  const auto [flag, named, mend] = GENERATE(table<std::string, std::string, std::string>({
      {"--threads=0", "--threads", "1"},
      {"--threads=many", "--threads", "many"},
      {"--drain=5 parsecs", "--drain", "ms, s, min, h or d"},
      {"--socket-mode=999", "--socket-mode", "0660"},
      {"--socket-group=no-such-group", "--socket-group", "www-data"},
      {"--log-level=loud", "--log-level", "choose trace"},
      {"--log-file=/dev/null/log", "--log-file", "folder"},
      {"--store=/no/such/folder/db", "--store", "make it"},
      {"--listen=nonsense", "--listen", "127.0.0.1:9000"},
      {"--listen=unix:/no/such/folder/socket", "--listen", "folder"},
      {"--listen=inherit", "--listen", "spawn-fcgi"},
      {"--public-url=example.org", "--public-url", "https://example.org"},
      {"--login-page=//evil", "--login-page", "/login"},
      {"--password-min-length=0", "--password-min-length", "1"},
      {"--session-idle=0.5s", "--session-idle", "at least 1s"},
      {"--store-patience=0s", "--store-patience", "at least 50ms"},
      {"--login-page=/login?x=1", "--login-page", "/login"},
      {"--public-url=https://example.org:443", "--public-url", "https://example.org"},
      {"--no-such-flag", "--no-such-flag", "--help"},
      {"--config=/no/such/file", "/no/such/file", "--help"},
  }));
  const Finished finished = worker.run({"--listen=unix:" + worker.socket, flag});
  INFO(finished.output);
  CHECK(finished.status == 2);
  CHECK(contains(finished.output, named));
  CHECK(contains(finished.output, mend));
}

TEST_CASE("a worker loads what speaks HTTP or to PostgreSQL only if it needs to") {
  const std::string listen = "--listen=unix:";
  Worker plain;
  plain.start({listen + plain.socket});
  REQUIRE(contains(healthz(plain.socket), "200 OK"));
  CHECK(has_loaded(*plain.process, "libsqlite3.so"));
  for (const std::string library : {"libcurl", "libpq", "libsoci_postgresql", "libssl"}) {
    INFO(library);
    CHECK_FALSE(has_loaded(*plain.process, library));
  }
  Worker with_bin;
  write_file(with_bin.folder.file("key"), "a-key");
  REQUIRE(::chmod(with_bin.folder.file("key").c_str(), 0600) == 0);
  with_bin.start({listen + with_bin.socket, "--bin-id=0123456789abcdef01234567",
                  "--jsonbin-url=http://127.0.0.1:1",
                  "--jsonbin-key-file=" + with_bin.folder.file("key")});
  CHECK(has_loaded(*with_bin.process, "libcurl"));
  CHECK_FALSE(has_loaded(*with_bin.process, "libpq"));
}

TEST_CASE("a library that cannot be loaded is named with its package") {
  const TemporaryFolder folder;
  const auto [arguments, library, package, status] =
      GENERATE(table<std::vector<std::string>, std::string, std::string, int>({
          {{"serve", "--store=postgresql://ada@127.0.0.1:1/none"},
           "libsoci_postgresql.so.4.0",
           "libsoci-postgresql4.0",
           2},
          {{"top", "--once", "--metrics=127.0.0.1:1"}, "libcurl.so.4", "libcurl4", 1},
          {{"check-nginx", "--live", "http://127.0.0.1:1/"}, "libcurl.so.4", "libcurl4", 1},
      }));
  write_file(folder.file(library), "");
  std::vector<std::string> command = {userbin_program()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const Finished finished = run_command(command, "", {"LD_LIBRARY_PATH=" + folder.file("")});
  INFO(finished.output);
  CHECK(finished.status == status);
  CHECK(contains(finished.output, library + ": file too short"));
  CHECK(contains(finished.output, "; install Debian's package " + package));
}

TEST_CASE("hashing below OWASP's minimum needs to be allowed") {
  const TemporaryFolder folder;
  const Finished finished = run_command(
      {userbin_program(), "serve", "--store=" + folder.file("db"), "--hash-memory=8192"});
  CHECK(finished.status == 2);
  CHECK(contains(finished.output, "--allow-weak-hashing"));
}

TEST_CASE("hashing that would hold each login for many seconds is refused") {
  const Worker worker;
  const Finished finished = worker.run({"--hash-memory=1048576", "--hash-passes=5"});
  CHECK(finished.status == 2);
  CHECK(contains(finished.output, "keep their product"));
}

TEST_CASE("a configuration file that is named and not there is an error") {
  const Worker worker;
  const Finished finished = worker.run({}, {"USERBIN_CONFIG=/no/such/file"});
  CHECK(finished.status == 2);
  CHECK(contains(finished.output, "USERBIN_CONFIG: /no/such/file"));
}

TEST_CASE(
    "out of file descriptors it turns connections away, and serves again when some are free") {
  Worker worker;
  std::string words = "ulimit -n 40; exec";
  for (const std::string& word : worker.command({"--listen=unix:" + worker.socket}))
    words += " " + word;
  worker.process =
      std::make_unique<Process>(std::vector<std::string>{"/bin/sh", "-c", words},
                                Process::Options{.output_file = worker.folder.file("log")});
  worker.wait_until_serving();
  {
    std::vector<RawConnection> held;
    for (int i = 0; i < 60; ++i) held.emplace_back(worker.socket);
    wait_until("connections are turned away",
               [&] { return contains(worker.log(), "turned away"); });
    for (int i = 0; i < 200; ++i) RawConnection hammering(worker.socket);
  }
  wait_until("it serves again", [&] { return contains(healthz(worker.socket), "200 OK"); });
}

TEST_CASE("settings come from flag, file and environment, in this order") {
  Worker worker;
  const std::string config = worker.folder.file("userbin.conf");
  write_file(config, "# a comment\nlog-level = \"debug\"\nthreads = 0\n");
  const auto error = [&](const std::vector<std::string>& flags, const char* environment) {
    return worker.run(flags, {environment}).output;
  };
  CHECK(contains(error({"--config=" + config}, "A=b"), "threads"));
  CHECK(contains(error({}, "USERBIN_THREADS=zero"), "zero"));
  CHECK(contains(error({"--threads=one", "--config=" + config}, "USERBIN_THREADS=zero"), "one"));
  write_file(config, "unknown-setting = 1\n");
  const Finished finished = worker.run({"--config=" + config});
  CHECK(finished.status == 2);
  CHECK(contains(finished.output, "unknown-setting"));
  write_file(config, "listen = \"unix:" + worker.socket + "\"\nsocket-mode = \"0600\"\n");
  worker.start({"--config=" + config});
  CHECK(mode_of(worker.socket) == 0600);
}

TEST_CASE("the help names every setting with its default, unit and variable") {
  const Finished finished = run_command({userbin_program(), "serve", "--help"});
  CHECK(finished.status == 0);
  for (const char* part : {"--listen", "USERBIN_LISTEN", "--drain DURATION=5s", "--hash-memory",
                           "=19456", "KiB", "--session-idle DURATION=12h", "=0660", "--config"}) {
    INFO(part);
    CHECK(contains(finished.output, part));
  }
}

TEST_CASE("the program says what it can do, and what it cannot") {
  CHECK(run_command({userbin_program(), "--version"}).output.starts_with("userbin "));
  CHECK(run_command({userbin_program(), "--help"}).status == 0);
  CHECK(run_command({userbin_program()}).status == 2);
  const Finished finished = run_command({userbin_program(), "dance"});
  CHECK(finished.status == 2);
  CHECK(contains(finished.output, "no command 'dance'"));
}

TEST_CASE("the socket has the mode and group that were asked for, and goes at the end") {
  Worker worker;
  const struct group* group = getgrnam("www-data");
  REQUIRE(group != nullptr);
  std::vector<std::string> flags = {"--listen=unix:" + worker.socket, "--socket-mode=0620"};
  if (::getuid() == 0) flags.emplace_back("--socket-group=www-data");
  worker.start(flags);
  CHECK(mode_of(worker.socket) == 0620);
  CHECK(mode_of(worker.folder.file("db")) == 0600);
  struct stat status {};
  ::stat(worker.socket.c_str(), &status);
  if (::getuid() == 0) CHECK(status.st_gid == group->gr_gid);
  CHECK(contains(healthz(worker.socket), "200 OK"));
  worker.process->signal(GENERATE(SIGTERM, SIGINT));
  CHECK(worker.process->wait() == 0);
  CHECK_FALSE(std::filesystem::exists(worker.socket));
}

TEST_CASE("a stale socket file is replaced, a live one and another file are refused") {
  Worker worker;
  worker.start({"--listen=unix:" + worker.socket});
  const Finished second = worker.run({"--listen=unix:" + worker.socket});
  CHECK(second.status == 2);
  CHECK(contains(second.output, "in use"));
  CHECK(contains(healthz(worker.socket), "200 OK"));

  worker.process->signal(SIGKILL);
  worker.process->wait();
  REQUIRE(std::filesystem::exists(worker.socket));
  std::filesystem::remove(worker.folder.file("log"));
  worker.start({"--listen=unix:" + worker.socket});
  CHECK(contains(healthz(worker.socket), "200 OK"));

  const std::string file = worker.folder.file("precious");
  write_file(file, "text");
  const Finished third = worker.run({"--listen=unix:" + file});
  CHECK(third.status == 2);
  CHECK(contains(third.output, "no socket"));
  CHECK(read_file(file) == "text");
}

TEST_CASE("it listens on a TCP address") {
  Worker worker;
  const int port = free_port();
  worker.start({"--listen=127.0.0.1:" + std::to_string(port)});
  const Finished finished =
      run_command({"cgi-fcgi", "-bind", "-connect", "127.0.0.1:" + std::to_string(port)}, "",
                  {"REQUEST_METHOD=GET", "DOCUMENT_URI=/healthz", "CONTENT_LENGTH=0"});
  CHECK(contains(finished.output, "200 OK"));
  const Finished taken = worker.run({"--listen=127.0.0.1:" + std::to_string(port)});
  CHECK(taken.status == 2);
  CHECK(contains(taken.output, "free port"));
}

TEST_CASE("it serves on the socket that spawn-fcgi gives it") {
  Worker worker;
  const std::string pid_file = worker.folder.file("pid");
  std::string flags;
  for (const std::string& word : worker.command({"--log-file=" + worker.folder.file("log")}))
    flags += word + " ";
  const Finished spawned = run_command(
      {"spawn-fcgi", "-s", worker.socket, "-P", pid_file, "--", "/bin/sh", "-c", "exec " + flags});
  REQUIRE(spawned.status == 0);
  const pid_t pid = std::stoi(read_file(pid_file));
  wait_until("it serves", [&] { return contains(worker.log(), "inherited socket 0"); });
  CHECK(contains(healthz(worker.socket), "200 OK"));
  ::kill(pid, SIGTERM);
  wait_until("it stops", [&] { return contains(worker.log(), "stopped"); });
}

TEST_CASE("it serves on the socket that systemd passes it") {
  Worker worker;
  const base::UniqueFd socket = listening_unix_socket(worker.socket);
  std::string words;
  for (const std::string& word : worker.command({})) words += word + " ";
  // What systemd does: descriptor 3, and the variables with the process's own id.
  worker.process = std::make_unique<Process>(
      std::vector<std::string>{
          "/bin/sh", "-c",
          "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$; export LISTEN_FDS "
          "LISTEN_PID; exec " +
              words},
      Process::Options{.output_file = worker.folder.file("log"), .standard_input = socket.get()});
  worker.wait_until_serving();
  CHECK(contains(worker.log(), "inherited socket 3"));
  CHECK(contains(healthz(worker.socket), "200 OK"));
  worker.process->signal(SIGTERM);
  CHECK(worker.process->wait() == 0);
  CHECK(std::filesystem::exists(worker.socket));  // it is systemd's
}

TEST_CASE("a request that runs when SIGTERM comes is finished") {
  Worker worker;
  worker.start(
      {"--listen=unix:" + worker.socket, "--hash-memory=131072", "--hash-passes=3", "--drain=20s"});
  RawConnection connection(worker.socket);
  const std::string body = credentials("alice", "seven green lanterns");
  connection.send(fastcgi_request({{"REQUEST_METHOD", "POST"},
                                   {"DOCUMENT_URI", "/register"},
                                   {"CONTENT_TYPE", "application/json"},
                                   {"CONTENT_LENGTH", std::to_string(body.size())}},
                                  body, true));
  // An answer on another connection that was accepted later shows that the first is being served.
  CHECK(contains(healthz(worker.socket), "200 OK"));
  worker.process->signal(SIGTERM);
  CHECK(contains(connection.read_answer().value_or(""), "User registered successfully"));
  CHECK(worker.process->wait() == 0);
}

TEST_CASE("what is not finished within --drain is given up") {
  Worker worker;
  worker.start({"--listen=unix:" + worker.socket, "--hash-slots=1", "--hash-memory=524288",
                "--hash-passes=6", "--drain=0s"});
  std::vector<RawConnection> connections;
  const std::string body = credentials("alice", "seven green lanterns");
  for (int i = 0; i < 6; ++i) {
    connections.emplace_back(worker.socket);
    connections.back().send(fastcgi_request({{"REQUEST_METHOD", "POST"},
                                             {"DOCUMENT_URI", "/login"},
                                             {"CONTENT_TYPE", "application/json"},
                                             {"CONTENT_LENGTH", std::to_string(body.size())}},
                                            body, true));
  }
  CHECK(contains(healthz(worker.socket), "200 OK"));
  worker.process->signal(SIGTERM);
  CHECK(worker.process->wait() == 0);
  CHECK(contains(worker.log(), "not all requests were finished within --drain"));
}

TEST_CASE("SIGHUP opens the log file anew") {
  Worker worker;
  const std::string log = worker.folder.file("log");
  worker.start({"--listen=unix:" + worker.socket, "--log-file=" + log});
  std::filesystem::rename(log, log + ".1");
  worker.process->signal(SIGHUP);
  wait_until("the log is there again",
             [&] { return contains(read_file(log), "log file reopened"); });
  CHECK(contains(read_file(log + ".1"), "serves on"));
}
