// Requests and their answers on one connection.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "fastcgi/framing.h"
#include "http/request.h"
#include "http/response.h"

namespace userbin::fastcgi {

/// Owns a connection and speaks FastCGI on it, one request after the other, without ever waiting.
/// Used by one thread at a time.
class Exchange {
 public:
  explicit Exchange(base::UniqueFd connection) : connection_(std::move(connection)) {}

  int fd() const { return connection_.get(); }

  /// Takes what the peer has sent. If with that a request has come that can be answered (kComplete;
  /// kBodyTooLarge and kAuthorizer, after which the connection cannot be used for another), fills
  /// `request` in. kBroken also if the peer has ended; kIncomplete if some is still to come, and
  /// what came is kept. `extra_params` names the parameters that go into Request::extra.
  Arrival receive(http::Request& request, const std::vector<std::string>& extra_params);

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

  /// Whether the web server asked to keep the connection for another request.
  bool is_kept() const { return found_.keeps_connection; }

 private:
  base::UniqueFd connection_;
  Inspection found_;
  /// Of a request of which some is still to come.
  std::string received_;
  /// Of an answer that is not yet sent.
  std::string unsent_;
  std::size_t sent_bytes_ = 0;
};

}  // namespace userbin::fastcgi
