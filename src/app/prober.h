// Requests as an attacker sends them: to one site, and byte by byte as they are given.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace userbin::app {

/// A page: "https://example.org:8443" and "/members/?a=b".
struct PageUrl {
  std::string origin;
  std::string target;
};

/// nullopt unless it is http:// or https:// with a host, without a user, a fragment, blanks or
/// control characters.
std::optional<PageUrl> parse_page_url(const std::string& url);

struct Probe {
  std::string method = "GET";
  /// What stands in the request line, unchanged; starts with '/'.
  std::string target;
  /// "Name: value"; with an empty value "Name;".
  std::vector<std::string> headers;
  /// Sent with POST only.
  std::string body;
};

struct ProbeAnswer {
  /// 0: none came, for the reason that `body` says.
  int status = 0;
  /// Status line and header lines, as they came.
  std::string head;
  /// Up to a limit; the rest is dropped.
  std::string body;

  /// The first header of this name; empty if there is none. `name` is in lower case.
  std::string header(const std::string& name) const;
};

/// Sends probes. One thread.
class Prober {
 public:
  virtual ~Prober() = default;
  /// Waits for a bounded time, and follows no redirect.
  virtual ProbeAnswer send(const Probe& probe) = 0;
};

/// Over HTTP/1.1, to this origin and nothing else, without a proxy; certificates are verified.
/// Throws std::runtime_error if libcurl does not start.
std::unique_ptr<Prober> make_prober(const std::string& origin);

}  // namespace userbin::app
