#pragma once

#include <string_view>

namespace userbin::bench {

/// What the yardsticks say: byte for byte as long as what the worker answers to /healthz.
constexpr std::string_view kHealthy =
    "Status: 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nCache-Control: no-store\r\n"
    "X-Content-Type-Options: nosniff\r\nX-Request-Id: 0123456789abcdef0123456789abcdef\r\n"
    "Content-Length: 16\r\n\r\n{\"status\":\"ok\"}\n";

/// And to /verify, asked for a user called "bench".
constexpr std::string_view kVerified =
    "Status: 200 OK\r\nRemote-User: bench\r\nRemote-Groups: user\r\nRemote-Name: \r\n"
    "Remote-Email: \r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
    "X-Request-Id: 0123456789abcdef0123456789abcdef\r\n\r\n";

}  // namespace userbin::bench
