#include "support/postgres.h"

#include <atomic>
#include <csignal>
#include <filesystem>
#include <pwd.h>
#include <stdexcept>
#include <unistd.h>

#include <soci/postgresql/soci-postgresql.h>

#include "base/text.h"

namespace userbin::test {

std::string postgres_program(const std::string& name) {
  std::string found;
  for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql")) {
    const std::filesystem::path path = version.path() / "bin" / name;
    if (std::filesystem::exists(path)) found = std::max(found, path.string());
  }
  if (found.empty()) throw std::runtime_error("no " + name + "; install Debian's postgresql");
  return found;
}

std::vector<std::string> as_postgres(std::vector<std::string> command) {
  if (::geteuid() != 0) return command;
  command.insert(command.begin(), {"setpriv", "--reuid=postgres", "--regid=postgres",
                                   "--clear-groups", "--pdeathsig=INT"});
  return command;
}

void give_to_postgres(const std::string& folder) {
  const passwd* owner = ::geteuid() == 0 ? ::getpwnam("postgres") : nullptr;
  if (owner != nullptr && ::chown(folder.c_str(), owner->pw_uid, owner->pw_gid) != 0) {
    throw std::runtime_error("chown " + folder);
  }
}

PostgresServer::PostgresServer() {
  give_to_postgres(folder_.path().string());
  const Finished made =
      run_command(as_postgres({postgres_program("initdb"), "-D", folder_.file("data"),
                               "--username=userbin", "--auth=trust", "--no-sync", "--encoding=UTF8",
                               "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"}));
  if (made.status != 0) throw std::runtime_error("initdb: " + made.output);
  start();
}

PostgresServer::~PostgresServer() {
  try {
    stop();
  } catch (const std::exception&) {
    // Process kills it.
  }
}

PostgresServer& PostgresServer::shared() {
  static PostgresServer server;
  return server;
}

void PostgresServer::start(const std::vector<std::string>& settings, int port) {
  port_ = port;
  const std::string folder = folder_.path().string();
  const std::string log = folder_.file("log");
  std::vector<std::string> command = {postgres_program("postgres"), "-D", folder_.file("data")};
  for (const std::string& own :
       {std::string("listen_addresses="), "unix_socket_directories=" + folder,
        std::string("fsync=off"), std::string("full_page_writes=off"),
        std::string("max_connections=300"), "port=" + std::to_string(port)}) {
    command.insert(command.end(), {"-c", own});
  }
  for (const std::string& setting : settings) command.insert(command.end(), {"-c", setting});
  process_ = std::make_unique<Process>(as_postgres(command), Process::Options{.output_file = log});
  wait_until("PostgreSQL is there", [&] {
    if (!process_->is_running()) throw std::runtime_error("postgres: " + read_file(log));
    try {
      run("SELECT 1");
      return true;
    } catch (const soci::soci_error&) {
      return false;
    }
  });
}

void PostgresServer::stop() {
  if (!process_ || !process_->is_running()) return;
  process_->signal(SIGINT);
  process_->wait();
}

std::string PostgresServer::make_certificate() const {
  const std::string certificate = folder_.file("data/server.crt");
  const Finished made = run_command(as_postgres(
      {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
       "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
       folder_.file("data/server.key"), "-out", certificate}));
  if (made.status != 0) throw std::runtime_error("openssl: " + made.output);
  return certificate;
}

void PostgresServer::ask_for_passwords() {
  write_file(folder_.file("data/pg_hba.conf"),
             "local all userbin trust\nlocal all all scram-sha-256\n");
  run("SELECT pg_reload_conf()");
}

std::string PostgresServer::url_of(const std::string& database) const {
  return "postgresql://userbin@/" + database +
         "?host=" + base::percent_encode(folder_.path().string(), "") +
         "&port=" + std::to_string(port_);
}

void PostgresServer::run(const std::string& sql, const std::string& database) const {
  soci::session session(soci::postgresql, url_of(database));
  session << sql;
}

PostgresPlace::PostgresPlace()
    : name_([] {
        static std::atomic<int> number = 0;
        return "test" + std::to_string(++number);
      }()) {
  PostgresServer::shared().run("CREATE DATABASE " + name_);
}

PostgresPlace::~PostgresPlace() {
  try {
    PostgresServer::shared().run("DROP DATABASE " + name_ + " WITH (FORCE)");
  } catch (const soci::soci_error&) {
    // The server was stopped; its folder goes with it.
  }
}

}  // namespace userbin::test
