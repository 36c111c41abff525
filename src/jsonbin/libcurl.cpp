#include "jsonbin/libcurl.h"

#include <stdexcept>
#include <string>

#include "base/shared_library.h"

namespace userbin::jsonbin {

namespace {

Libcurl start() {
  const Libcurl loaded(base::SharedLibrary("libcurl.so.4", "libcurl4"));
  const CURLcode started = loaded.global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) {
    throw std::runtime_error(std::string("libcurl: ") + loaded.easy_strerror(started));
  }
  return loaded;
}

}  // namespace

Libcurl::Libcurl(const base::SharedLibrary& library)
    : global_init(library.find("curl_global_init")),
      easy_init(library.find("curl_easy_init")),
      easy_cleanup(library.find("curl_easy_cleanup")),
      easy_reset(library.find("curl_easy_reset")),
      easy_setopt(library.find("curl_easy_setopt")),
      easy_perform(library.find("curl_easy_perform")),
      easy_getinfo(library.find("curl_easy_getinfo")),
      easy_strerror(library.find("curl_easy_strerror")),
      slist_append(library.find("curl_slist_append")),
      slist_free_all(library.find("curl_slist_free_all")) {}

const Libcurl& libcurl() {
  static const Libcurl started = start();
  return started;
}

}  // namespace userbin::jsonbin
