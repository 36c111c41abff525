#include "support/site.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <poll.h>
#include <sstream>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <soci/postgresql/soci-postgresql.h>

#include "support/catch.h"

namespace userbin::test {

namespace {

constexpr std::size_t kHeaderBytes = 8;
constexpr int kStdout = 6;
constexpr int kEndRequest = 3;

void append_length(std::string& out, std::size_t length) {
  if (length < 128) {
    out += static_cast<char>(length);
    return;
  }
  for (const int shift : {24, 16, 8, 0}) {
    const auto byte = static_cast<unsigned>(length >> shift) & 0xFF;
    out += static_cast<char>(shift == 24 ? byte | 0x80U : byte);
  }
}

bool is_readable(int fd, int seconds) {
  pollfd poll{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&poll, 1, seconds * 1000) == 1;
}

}  // namespace

const std::vector<std::string> kCheapHashing = {"--hash-memory=8", "--hash-passes=1",
                                                "--allow-weak-hashing"};
const std::vector<std::string> kNoThrottle = {"--login-failures=0", "--failures-per-account=0",
                                              "--logins-per-client=0",
                                              "--registrations-per-client=0"};

std::string userbin_program() {
  const char* program = std::getenv("USERBIN");
  return program != nullptr ? program : "build/release/userbin";
}

bool is_on_postgres() {
  const char* wanted = std::getenv("USERBIN_TEST_STORE");
  return wanted != nullptr && std::string(wanted) == "postgresql";
}

Site::Site(const Options& options) : options_(options), store_(options.store), port_(free_port()) {
  if (store_.empty() && is_on_postgres()) {
    postgres_ = std::make_unique<PostgresPlace>();
    store_ = postgres_->url();
  }
  if (store_.empty()) store_ = folder_.file("userbin.db");
  const std::string state = folder_.path().string();
  const Finished made =
      run_command({"tools/make-site", state, std::to_string(port_), options_.url_prefix});
  if (made.status != 0) throw std::runtime_error("make-site: " + made.output);
  std::string config = read_file(state + "/nginx/example.conf");
  config.insert(config.find("location /  "), options_.locations);
  write_file(state + "/nginx/example.conf", config);
  if (!options_.is_fenced) {
    edit({"userbin_upstream.conf", "rate=10r/s", "rate=100000r/s"});
    edit({"userbin_limits.conf", "burst=50", "burst=100000"});
  }
  for (const Edit& each : options_.edits) edit(each);
  if (options_.start_worker) start_worker();
  if (options_.start_application) {
    const std::string program =
        std::filesystem::path(userbin_program()).replace_filename("example_application");
    const std::string listen = state + "/application.sock";
    application_ = std::make_unique<Process>(std::vector{program, listen});
    wait_until("the application listens", [&] { return std::filesystem::exists(listen); });
  }
  start_nginx();
}

Site::~Site() {
  // SIGTERM, so that nginx's own workers go too, and the worker's end is tested each time.
  for (const auto& process : {std::ref(nginx_), std::ref(worker_)}) {
    if (!process.get() || !process.get()->is_running()) continue;
    process.get()->signal(SIGTERM);
    try {
      const int status = process.get()->wait();
      if (status != 0) FAIL_CHECK("ended with status " << status << ": " << log());
    } catch (const std::exception& error) {
      FAIL_CHECK(error.what());
    }
  }
}

void Site::sql(const std::string& statement) const {
  if (is_on_postgres()) {
    soci::session(soci::postgresql, store()) << statement;
    return;
  }
  const Finished done = run_command({"sqlite3", store(), statement});
  if (done.status != 0) throw std::runtime_error(statement + ": " + done.output);
}

std::string Site::record_with(const std::string& member, const std::string& value) {
  return is_on_postgres() ? "jsonb_set(record::jsonb, '{" + member + "}', '" + value + "')::text"
                          : "json_set(record, '$." + member + "', json('" + value + "'))";
}

void Site::edit(const Edit& edit) const {
  const std::string path = folder_.file("nginx/" + edit.file);
  std::string text = read_file(path);
  auto at = text.find(edit.from);
  if (at == std::string::npos) throw std::runtime_error(path + " has no " + edit.from);
  std::string to = edit.to;
  for (auto state = to.find("STATE"); state != std::string::npos; state = to.find("STATE")) {
    to.replace(state, 5, folder_.path().string());
  }
  for (; at != std::string::npos; at = text.find(edit.from, at + to.size())) {
    text.replace(at, edit.from.size(), to);
  }
  write_file(path, text);
}

void Site::start_worker() {
  std::vector<std::string> command = options_.worker_starter;
  command.insert(command.end(),
                 {userbin_program(), "serve", "--listen=unix:" + socket(), "--store=" + store()});
  // Of SQLite every worker knows all at once; tests that are about more say so.
  if (store().starts_with("postgresql:")) command.emplace_back("--cache-ttl=0ms");
  command.insert(command.end(), kNoThrottle.begin(), kNoThrottle.end());
  command.insert(command.end(), options_.worker_flags.begin(), options_.worker_flags.end());
  const std::size_t starts_before = log().size();
  worker_ = std::make_unique<Process>(command,
                                      Process::Options{.output_file = folder_.file("worker.log"),
                                                       .environment = options_.worker_environment});
  wait_until("the worker serves", [&] {
    if (!worker_->is_running()) throw std::runtime_error("worker: " + log());
    return log().find(" serves on ", starts_before) != std::string::npos;
  });
}

void Site::kill_worker() {
  worker_->signal(SIGKILL);
  worker_->wait();
}

void Site::start_nginx() {
  const std::string state = folder_.path().string();
  std::vector<std::string> command = {
      "/usr/sbin/nginx",         "-p", state, "-c", state + "/nginx/example.conf", "-e",
      state + "/nginx-error.log"};
  if (::getuid() == 0) command.insert(command.end(), {"-g", "user root;"});
  nginx_ = std::make_unique<Process>(command,
                                     Process::Options{.output_file = state + "/nginx-error.log"});
  HttpClient client(url());
  wait_until("nginx answers", [&] {
    if (!nginx_->is_running()) throw std::runtime_error(read_file(state + "/nginx-error.log"));
    return client.get("/").status != 0;
  });
}

std::set<pid_t> Site::nginx_workers() const {
  const std::string pid = std::to_string(nginx_->pid());
  std::istringstream children(read_file("/proc/" + pid + "/task/" + pid + "/children"));
  std::set<pid_t> workers;
  for (pid_t child = 0; children >> child;) workers.insert(child);
  return workers;
}

void Site::kill_nginx() {
  const std::set<pid_t> workers = nginx_workers();
  nginx_->signal(SIGKILL);
  for (const pid_t worker : workers) ::kill(worker, SIGKILL);
  nginx_->wait();
  std::filesystem::remove(folder_.file("proxied.sock"));  // which it would have, at its end
}

std::string fastcgi_record(int type, const std::string& content, int request_id) {
  std::string record = {1,
                        static_cast<char>(type),
                        static_cast<char>(request_id >> 8),
                        static_cast<char>(request_id),
                        static_cast<char>(content.size() >> 8),
                        static_cast<char>(content.size()),
                        0,
                        0};
  return record + content;
}

std::string fastcgi_begin(bool keep_connection, int role) {
  return fastcgi_record(
      1, {0, static_cast<char>(role), static_cast<char>(keep_connection), 0, 0, 0, 0, 0});
}

std::string fastcgi_params(const std::vector<std::pair<std::string, std::string>>& params) {
  std::string content;
  for (const auto& [name, value] : params) {
    append_length(content, name.size());
    append_length(content, value.size());
    content += name + value;
  }
  return fastcgi_record(4, content) + fastcgi_record(4, "");
}

std::string fastcgi_request(const std::vector<std::pair<std::string, std::string>>& params,
                            const std::string& body, bool keep_connection) {
  std::string bytes = fastcgi_begin(keep_connection) + fastcgi_params(params);
  constexpr std::size_t kChunk = 32 * 1024;
  for (std::size_t i = 0; i < body.size(); i += kChunk) {
    bytes += fastcgi_record(5, body.substr(i, kChunk));
  }
  return bytes + fastcgi_record(5, "");
}

RawConnection::RawConnection(const std::string& socket_path)
    : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket_path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("connect " + socket_path);
  }
}

RawConnection::~RawConnection() {
  if (fd_ >= 0) ::close(fd_);
}

bool RawConnection::send(const std::string& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  return true;
}

std::optional<std::string> RawConnection::read_answer(int seconds) {
  std::string answer;
  for (;;) {
    while (unread_.size() >= kHeaderBytes) {
      const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(unread_[i]); };
      const std::size_t length = static_cast<std::size_t>(byte(4) << 8 | byte(5));
      const std::size_t record_bytes = kHeaderBytes + length + byte(6);
      if (unread_.size() < record_bytes) break;
      const int type = byte(1);
      if (type == kStdout) answer += unread_.substr(kHeaderBytes, length);
      unread_.erase(0, record_bytes);
      if (type == kEndRequest) return answer;
    }
    char buffer[16384];
    if (!is_readable(fd_, seconds)) return std::nullopt;
    const ssize_t count = ::recv(fd_, buffer, sizeof buffer, 0);
    if (count <= 0) return std::nullopt;
    unread_.append(buffer, static_cast<std::size_t>(count));
  }
}

bool RawConnection::has_something(int seconds) const {
  return is_readable(fd_, seconds);
}

bool RawConnection::is_closed(int seconds) {
  char buffer[16384];
  while (is_readable(fd_, seconds)) {
    if (::recv(fd_, buffer, sizeof buffer, 0) <= 0) return true;
  }
  return false;
}

}  // namespace userbin::test
