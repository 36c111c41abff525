#include "support/guarded_site.h"

#include <csignal>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <unistd.h>

#include "support/catch.h"
#include "support/site.h"

namespace userbin::test {

namespace fs = std::filesystem;

namespace {

constexpr const char* kPages = "/usr/share/userbin/plain";
/// Reads all before it answers: Apache's mod_cgi does not read while it writes.
constexpr const char* kApplication = R"(#!/bin/sh
body=$(cat)
echo 'Content-Type: text/plain'
echo
env | grep -E '^(HTTP_)?REMOTE_(USER|GROUPS|NAME|EMAIL)=' | sort
echo "method $REQUEST_METHOD, body:"
printf %s "$body"
)";

/// What Debian's apache2.conf and a2enmod say.
constexpr const char* kApacheConfig = R"(
ServerRoot "STATE"
DefaultRuntimeDir "STATE"
PidFile "STATE/apache.pid"
ErrorLog "STATE/server.log"
ServerName 127.0.0.1
Listen 127.0.0.1:PORT
Listen 127.0.0.1:TLS
DocumentRoot "STATE/www"
TypesConfig /etc/mime.types
<Directory />
    AllowOverride None
    Require all denied
</Directory>
<Directory "STATE/www">
    Options ExecCGI Includes
    Require all granted
    AddOutputFilter INCLUDES shtml
    <Files app>
        SetHandler cgi-script
    </Files>
</Directory>
<VirtualHost 127.0.0.1:TLS>
    SSLEngine on
    SSLCertificateFile "STATE/certificate"
    SSLCertificateKeyFile "STATE/key"
</VirtualHost>
Include "STATE/userbin.conf"
)";

constexpr const char* kApacheModules[] = {
    "mpm_event",  "authn_core", "authz_core", "alias", "authnz_fcgi", "headers", "proxy",
    "proxy_fcgi", "setenvif",   "mime",       "cgi",   "ssl",         "include"};

constexpr const char* kLighttpdConfig = R"(
server.document-root = "STATE/www"
server.bind = "127.0.0.1"
server.port = PORT
server.modules = ( "mod_alias", "mod_setenv", "mod_fastcgi", "mod_cgi", "mod_openssl" )
fastcgi.server = ( ".php" => (( "socket" => "STATE/userbin.sock" )) )
mimetype.assign = ( ".html" => "text/html", ".css" => "text/css", ".svg" => "image/svg+xml" )
cgi.assign = ( "/app" => "" )
$SERVER["socket"] == "127.0.0.1:TLS" {
    ssl.engine  = "enable"
    ssl.pemfile = "STATE/certificate"
    ssl.privkey = "STATE/key"
}
include "STATE/userbin.conf"
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

}  // namespace

GuardedSite::GuardedSite(Server server) : port_(free_port()), tls_port_(free_port()) {
  // The servers run as www-data if this runs as root.
  fs::permissions(folder_.path(), fs::perms(0755));
  write_site();
  const bool is_apache = server == Server::kApache;
  const std::string socket = "unix:" + folder_.file("userbin.sock");
  const std::string listen = is_apache ? "127.0.0.1:" + std::to_string(free_port()) : socket;
  std::vector<std::string> command = {userbin_program(), "serve", "--listen=" + listen,
                                      "--store=" + store()};
  if (!is_apache) command.emplace_back("--socket-mode=0666");
  command.insert(command.end(), kCheapHashing.begin(), kCheapHashing.end());
  command.insert(command.end(), kNoThrottle.begin(), kNoThrottle.end());
  worker_ = std::make_unique<Process>(command,
                                      Process::Options{.output_file = folder_.file("worker.log")});
  wait_until("the worker serves", [&] {
    if (!worker_->is_running()) throw std::runtime_error(read_file(folder_.file("worker.log")));
    return read_file(folder_.file("worker.log")).find(" serves on ") != std::string::npos;
  });
  server_ = std::make_unique<Process>(is_apache ? apache(listen) : lighttpd(),
                                      Process::Options{.output_file = folder_.file("server.log")});
  HttpClient client(url());
  wait_until("the web server answers", [&] {
    if (!server_->is_running()) throw std::runtime_error(log());
    return client.get("/healthz").status == 200;
  });
}

GuardedSite::~GuardedSite() {
  // SIGTERM, so that Apache's own processes go too, and the worker's end is tested each time.
  for (const auto& process : {std::ref(server_), std::ref(worker_)}) {
    if (!process.get()->is_running()) continue;
    process.get()->signal(SIGTERM);
    try {
      const int status = process.get()->wait();
      // lighttpd's is at times 1.
      if (process.get() == worker_ && status != 0) FAIL_CHECK("the worker ended with " << status);
    } catch (const std::exception& error) {
      FAIL_CHECK(error.what());
    }
  }
}

void GuardedSite::write_site() const {
  for (const char* place : {"open", "members", "staff"}) {
    const fs::path folder = folder_.path() / "www" / place;
    fs::create_directories(folder);
    write_file(folder / "page.html", std::string("the page of ") + place);
    write_file(folder / "app", kApplication);
    fs::permissions(folder / "app", fs::perms(0755));
  }
  const Finished pages = run_command({"contrib/plain-pages", "www", folder_.file("plain")});
  if (pages.status != 0) throw std::runtime_error("plain-pages: " + pages.output);
  const Finished made =
      run_command({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                   "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout",
                   folder_.file("key"), "-out", folder_.file("certificate")});
  if (made.status != 0) throw std::runtime_error("openssl: " + made.output);
}

std::vector<std::string> GuardedSite::apache(const std::string& listen) const {
  std::string modules;
  for (const std::string name : kApacheModules) {
    modules += "LoadModule " + name + "_module /usr/lib/apache2/modules/mod_" + name + ".so\n";
  }
  if (::getuid() == 0) modules += "User www-data\nGroup www-data\n";
  const std::string own = read_file("contrib/apache2/userbin.conf");
  write_file(folder_.file("userbin.conf"),
             replaced(replaced(own, "127.0.0.1:9000", listen), kPages, folder_.file("plain")));
  write_file(folder_.file("apache.conf"), filled_in(modules + kApacheConfig));
  return {"/usr/sbin/apache2", "-D", "FOREGROUND", "-f", folder_.file("apache.conf")};
}

std::vector<std::string> GuardedSite::lighttpd() const {
  const std::string own = read_file("contrib/lighttpd/userbin.conf");
  write_file(folder_.file("userbin.conf"),
             replaced(replaced(own, "/run/userbin/userbin.sock", folder_.file("userbin.sock")),
                      kPages, folder_.file("plain")));
  std::string config = kLighttpdConfig;
  if (::getuid() == 0) {
    config += "server.username = \"www-data\"\nserver.groupname = \"www-data\"\n";
  }
  write_file(folder_.file("lighttpd.conf"), filled_in(config));
  return {"/usr/sbin/lighttpd", "-D", "-f", folder_.file("lighttpd.conf")};
}

std::string GuardedSite::filled_in(std::string config) const {
  config = replaced(config, "TLS", std::to_string(tls_port_));
  config = replaced(config, "PORT", std::to_string(port_));
  return replaced(config, "STATE", folder_.path());
}

void GuardedSite::kill_worker() {
  worker_->signal(SIGKILL);
  worker_->wait();
}

void GuardedSite::sign_in(HttpClient& client, const std::string& username,
                          const std::string& role) {
  const std::string body = credentials(username, "seven green lanterns");
  REQUIRE(client.post_json("/register", body).status == 200);
  if (!role.empty()) {
    const Finished changed =
        run_command({"sqlite3", store(),
                     "UPDATE users SET record = json_set(record, '$.role', '" + role +
                         "'), revision = revision + 1 WHERE name = '" + username + "'"});
    REQUIRE(changed.status == 0);
  }
  REQUIRE(client.post_json("/login", body).status == 200);
}

}  // namespace userbin::test
