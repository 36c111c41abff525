#include "app/metrics_client.h"

#include <memory>
#include <stdexcept>

#include "jsonbin/libcurl.h"

namespace userbin::app {

namespace {

using jsonbin::libcurl;

constexpr std::size_t kMaxBytes = 4 << 20;
constexpr long kTimeoutMs = 3000;

std::size_t append_to(char* data, std::size_t, std::size_t size, void* text_pointer) {
  auto& text = *static_cast<std::string*>(text_pointer);
  if (text.size() + size > kMaxBytes) return 0;
  text.append(data, size);
  return size;
}

}  // namespace

MetricsAnswer fetch_metrics(const std::string& address) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(libcurl().easy_init(),
                                                                 libcurl().easy_cleanup);
  if (!curl) throw std::runtime_error("libcurl: no handle");
  MetricsAnswer answer;
  std::string url = "http://" + address + "/metrics";
  if (address.starts_with("unix:")) {
    url = "http://localhost/metrics";
    libcurl().easy_setopt(curl.get(), CURLOPT_UNIX_SOCKET_PATH, address.c_str() + 5);
  }
  std::string detail(CURL_ERROR_SIZE, '\0');
  libcurl().easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  libcurl().easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, detail.data());
  libcurl().easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, append_to);
  libcurl().easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer.text);
  libcurl().easy_setopt(curl.get(), CURLOPT_PROXY, "");
  libcurl().easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  libcurl().easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, kTimeoutMs);
  const CURLcode code = libcurl().easy_perform(curl.get());
  long status = 0;
  libcurl().easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  detail.resize(detail.find('\0') == std::string::npos ? detail.size() : detail.find('\0'));
  if (code != CURLE_OK) {
    answer = {"", detail.empty() ? libcurl().easy_strerror(code) : detail,
              code != CURLE_COULDNT_CONNECT};
  } else if (status != 200 || answer.text.find("userbin_build_info{") == std::string::npos) {
    answer = {"", "what answers there is no worker of userbin", true};
  }
  return answer;
}

}  // namespace userbin::app
