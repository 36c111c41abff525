#pragma once

#include <memory>
#include <string>
#include <vector>

#include "support/http_client.h"
#include "support/process.h"
#include "support/temporary_folder.h"

namespace userbin::test {

/// A real Apache or lighttpd, configured by the file under contrib/, in front of a real worker, on
/// free ports, with all state in a temporary folder. Both are stopped at the end of the scope.
///
/// At /open/, /members/ and /staff/ are a file "page.html" and an application "app", which answers
/// with the variables and the body that reached it.
class GuardedSite {
 public:
  enum class Server { kApache, kLighttpd };

  explicit GuardedSite(Server server);
  ~GuardedSite();

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  /// The same by TLS, with a certificate that nobody vouches for.
  std::string tls_url() const { return "https://127.0.0.1:" + std::to_string(tls_port_); }
  std::string store() const { return folder_.file("userbin.db"); }
  /// Of the web server.
  std::string log() const { return read_file(folder_.file("server.log")); }

  void add_page(const std::string& path, const std::string& text) const {
    write_file(folder_.file("www" + path), text);
  }
  void kill_worker();

  /// Registers a user, and gives him a role if there is one; `client` is signed in then.
  void sign_in(HttpClient& client, const std::string& username, const std::string& role = "");

 private:
  void write_site() const;
  std::vector<std::string> apache(const std::string& listen) const;
  std::vector<std::string> lighttpd() const;
  std::string filled_in(std::string config) const;

  TemporaryFolder folder_;
  const int port_;
  const int tls_port_;
  std::unique_ptr<Process> worker_;
  std::unique_ptr<Process> server_;
};

}  // namespace userbin::test
