#pragma once

#include <string_view>

namespace userbin::bench {

/// The least that a FastCGI server can do, as a ceiling: `threads` threads, an epoll each; accept,
/// one read, one write of always the same answer, close. It takes what it read for a whole request
/// and looks at nothing in it but whether the connection is to be kept. Does not return.
void respond_always(const char* socket_path, int threads, std::string_view answer);

}  // namespace userbin::bench
