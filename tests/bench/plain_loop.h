#pragma once

#include <string>

namespace userbin::bench {

/// The usual libfcgi server, as a yardstick: each of `threads` threads accepts, answers and accepts
/// again with FCGX_Accept_r. It lets in who brings the cookie "userbin=TOKEN" with the one `token`
/// of its map, as a simple verifier does, and answers /healthz to anybody. Does not return.
void serve_plain_loop(const char* socket_path, int threads, const std::string& token);

}  // namespace userbin::bench
