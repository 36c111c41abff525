// One request and its answer on a connection, by libfcgi.
#pragma once

#include <string>
#include <vector>

#include <fcgiapp.h>

#include "base/unique_fd.h"
#include "fastcgi/framing.h"
#include "http/request.h"
#include "http/response.h"

namespace userbin::fastcgi {

/// Owns a connection and speaks FastCGI on it, one request after the other. Used by one thread at a
/// time. libfcgi neither accepts nor closes: its own close waits for the peer.
class Exchange {
 public:
  explicit Exchange(base::UniqueFd connection) : connection_(std::move(connection)) {}
  ~Exchange() { FCGX_Free(&fcgx_, 0); }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  int fd() const { return connection_.get(); }

  /// Reads the request that inspect() `found`: kComplete, or kBodyTooLarge or kAuthorizer, of which
  /// only the parameters are read; the connection cannot be used for another request then. Does not
  /// wait. `extra_params` names the parameters that go into Request::extra. False if it cannot be
  /// read; the connection is of no use then.
  bool read(http::Request& request, const Inspection& found,
            const std::vector<std::string>& extra_params);

  /// Sends the answer. True if the connection can carry another request: nginx asked to keep it,
  /// and nothing failed.
  bool send(const http::Response& response);

 private:
  base::UniqueFd connection_;
  FCGX_Request fcgx_{};
};

}  // namespace userbin::fastcgi
