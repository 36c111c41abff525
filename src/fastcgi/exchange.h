// One request, read by libfcgi, and its answer on a connection.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "fastcgi/framing.h"
#include "http/request.h"
#include "http/response.h"

namespace userbin::fastcgi {

/// Owns a connection and speaks FastCGI on it, one request after the other. Used by one thread at a
/// time. libfcgi only reads: its writes and its close wait for the peer.
class Exchange {
 public:
  explicit Exchange(base::UniqueFd connection) : connection_(std::move(connection)) {}
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  int fd() const { return connection_.get(); }

  /// Reads the request that inspect() `found`: kComplete, or kBodyTooLarge or kAuthorizer, of which
  /// only the parameters are read; the connection cannot be used for another request then. Does not
  /// wait. `extra_params` names the parameters that go into Request::extra. False if it cannot be
  /// read; the connection is of no use then.
  bool read(http::Request& request, const Inspection& found,
            const std::vector<std::string>& extra_params);

  enum class Sending {
    kDone,
    /// The peer has to take something before the rest can be sent.
    kUnfinished,
    /// The connection is of no use any more.
    kFailed,
  };

  /// Sends the answer, as far as that can be done without waiting.
  Sending send(const http::Response& response);

  /// Goes on with what is unfinished, likewise.
  Sending send_rest();

  /// Whether nginx asked to keep the connection for another request.
  bool is_kept() const { return is_kept_; }

 private:
  base::UniqueFd connection_;
  unsigned request_id_ = 0;
  bool is_kept_ = false;
  /// Of an answer that is not yet sent.
  std::string unsent_;
  std::size_t sent_bytes_ = 0;
};

}  // namespace userbin::fastcgi
