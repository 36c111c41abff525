#pragma once

namespace userbin::bench {

/// The usual libfcgi server, as a yardstick: each of `threads` threads accepts, answers and accepts
/// again with FCGX_Accept_r. Does not return.
void serve_plain_loop(const char* socket_path, int threads);

}  // namespace userbin::bench
