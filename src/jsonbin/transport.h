// One HTTP request and its answer, as the JSONBin client sees them: plain data and an interface, so
// that a test plays the service.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/secret.h"

namespace userbin::jsonbin {

struct HttpRequest {
  /// A header whose value is a key: it goes over the wire, and nowhere else.
  struct SecretHeader {
    std::string name;
    base::SecretString value;
  };

  /// "GET", "PUT" or "POST".
  std::string method;
  /// Absolute, http or https, without a fragment.
  std::string url;
  /// Names and values without control characters.
  std::vector<std::pair<std::string, std::string>> headers;
  std::optional<SecretHeader> secret_header;
  /// Sent with PUT and POST only.
  std::string body;
};

/// A whole answer, whatever its status.
struct HttpResponse {
  int status = 0;
  /// Retry-After as it came; empty if there was none.
  std::string retry_after;
  std::string body;
};

/// There was no answer, or none that was whole.
struct Away {
  /// Why, in a few words, for the log; not escaped. Holds neither secret headers nor bodies.
  std::string reason;
  /// A part of the request has left, so the service may have carried it out.
  bool may_have_arrived = false;
};

using HttpResult = std::variant<HttpResponse, Away>;

/// Sends requests. Used by one thread at a time.
class Transport {
 public:
  virtual ~Transport() = default;

  /// Sends the request and waits for the answer, for a bounded time. A GET or PUT may reach the
  /// service twice (they are idempotent: RFC 9110, section 9.2.2); a POST does not. Redirects are
  /// answers like others. Throws std::invalid_argument, and sends nothing, if a header or the
  /// method is not as above.
  virtual HttpResult send(const HttpRequest& request) = 0;

  /// The request under way, if there is one, ends soon as Away, and so does every later one. Any
  /// thread may call.
  virtual void cancel() {}
};

}  // namespace userbin::jsonbin
