#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "jsonbin/transport.h"

namespace userbin::jsonbin {

/// HTTP/1.1 over libcurl: one easy handle, which keeps its connection open between requests. May be
/// used by any thread, but only by one at a time, and not across fork().
///
/// Certificates and host names are verified against the system's authorities. No redirect is
/// followed, no "Expect: 100-continue" sent, no compressed answer asked for, no cookie or .netrc
/// used; proxies named by the environment are ignored.
///
/// A request's secret header is wiped from the memory that is in our hands; libcurl frees its own
/// send buffer as it is.
class CurlTransport final : public Transport {
 public:
  struct Settings {
    /// From the start to the end of the TLS handshake.
    std::chrono::milliseconds connect_timeout{5'000};
    /// From the start to the last byte of the answer.
    std::chrono::milliseconds whole_timeout{20'000};
    /// A longer answer is broken off while it arrives.
    std::size_t max_body_bytes = 4 * 1024 * 1024;
    /// The proxy's URL; empty: none.
    std::string proxy;
  };

  /// Throws base::BadSetting if a timeout or the limit is not above 0; std::runtime_error if
  /// libcurl does not start.
  explicit CurlTransport(Settings settings);
  CurlTransport() : CurlTransport(Settings()) {}
  ~CurlTransport() override;
  CurlTransport(const CurlTransport&) = delete;
  CurlTransport& operator=(const CurlTransport&) = delete;

  HttpResult send(const HttpRequest& request) override;
  /// Takes up to a second.
  void cancel() override { cancelled_ = true; }

 private:
  class Handle;

  const Settings settings_;
  std::unique_ptr<Handle> handle_;
  std::atomic<bool> cancelled_ = false;
};

}  // namespace userbin::jsonbin
