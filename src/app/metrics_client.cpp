#include "app/metrics_client.h"

#include <memory>
#include <stdexcept>

#include <curl/curl.h>

namespace userbin::app {

namespace {

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
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                 curl_easy_cleanup);
  if (!curl) throw std::runtime_error("libcurl: no handle");
  MetricsAnswer answer;
  std::string url = "http://" + address + "/metrics";
  if (address.starts_with("unix:")) {
    url = "http://localhost/metrics";
    curl_easy_setopt(curl.get(), CURLOPT_UNIX_SOCKET_PATH, address.c_str() + 5);
  }
  std::string detail(CURL_ERROR_SIZE, '\0');
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, detail.data());
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, append_to);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer.text);
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, kTimeoutMs);
  const CURLcode code = curl_easy_perform(curl.get());
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  detail.resize(detail.find('\0') == std::string::npos ? detail.size() : detail.find('\0'));
  if (code != CURLE_OK) {
    answer = {"", detail.empty() ? curl_easy_strerror(code) : detail};
  } else if (status != 200 || answer.text.find("userbin_build_info{") == std::string::npos) {
    answer = {"", "what answers there is no worker of userbin"};
  }
  return answer;
}

}  // namespace userbin::app
