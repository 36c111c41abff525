// libcurl for all that speaks HTTP, loaded when it first does: the libraries that libcurl brings
// along would double what a worker without a bin loads.
#pragma once

#include <curl/curl.h>

namespace userbin::base {
class SharedLibrary;
}

namespace userbin::jsonbin {

/// Its functions, by their names without "curl_"; types and options are as in its header.
struct Libcurl {
  explicit Libcurl(const base::SharedLibrary& library);

  const decltype(&curl_global_init) global_init;
  const decltype(&curl_easy_init) easy_init;
  const decltype(&curl_easy_cleanup) easy_cleanup;
  const decltype(&curl_easy_reset) easy_reset;
  const decltype(&curl_easy_setopt) easy_setopt;
  const decltype(&curl_easy_perform) easy_perform;
  const decltype(&curl_easy_getinfo) easy_getinfo;
  const decltype(&curl_easy_strerror) easy_strerror;
  const decltype(&curl_slist_append) slist_append;
  const decltype(&curl_slist_free_all) slist_free_all;
};

/// Loaded and started by the first call. Any thread. Throws std::runtime_error, with the mend, if
/// that cannot be done.
const Libcurl& libcurl();

}  // namespace userbin::jsonbin
