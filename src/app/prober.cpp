#include "app/prober.h"

#include <algorithm>
#include <stdexcept>

#include "base/text.h"
#include "jsonbin/libcurl.h"

namespace userbin::app {

namespace {

using jsonbin::libcurl;

constexpr std::size_t kMaxBytes = 1 << 20;
constexpr long kTimeoutMs = 10'000;

std::size_t append_to(char* data, std::size_t, std::size_t size, void* text_pointer) {
  auto& text = *static_cast<std::string*>(text_pointer);
  text.append(data, std::min(size, kMaxBytes - std::min(text.size(), kMaxBytes)));
  return size;
}

class CurlProber final : public Prober {
 public:
  explicit CurlProber(std::string origin)
      : origin_(std::move(origin)), curl_(libcurl().easy_init()) {
    if (curl_ == nullptr) throw std::runtime_error("libcurl: no handle");
  }
  ~CurlProber() override { libcurl().easy_cleanup(curl_); }
  CurlProber(const CurlProber&) = delete;
  CurlProber& operator=(const CurlProber&) = delete;

  ProbeAnswer send(const Probe& probe) override {
    ProbeAnswer answer;
    curl_slist* headers = libcurl().slist_append(nullptr, "Expect:");
    for (const std::string& line : probe.headers) {
      headers = libcurl().slist_append(headers, line.c_str());
    }
    libcurl().easy_reset(curl_);
    apply_limits();
    // The address comes from the origin alone, whatever stands in the request line.
    libcurl().easy_setopt(curl_, CURLOPT_URL, origin_.c_str());
    libcurl().easy_setopt(curl_, CURLOPT_REQUEST_TARGET, probe.target.c_str());
    libcurl().easy_setopt(curl_, CURLOPT_HTTPHEADER, headers);
    libcurl().easy_setopt(curl_, CURLOPT_WRITEFUNCTION, append_to);
    libcurl().easy_setopt(curl_, CURLOPT_WRITEDATA, &answer.body);
    libcurl().easy_setopt(curl_, CURLOPT_HEADERFUNCTION, append_to);
    libcurl().easy_setopt(curl_, CURLOPT_HEADERDATA, &answer.head);
    if (probe.method == "HEAD") {
      libcurl().easy_setopt(curl_, CURLOPT_NOBODY, 1L);
    } else if (probe.method == "POST") {
      libcurl().easy_setopt(curl_, CURLOPT_POSTFIELDSIZE, static_cast<long>(probe.body.size()));
      libcurl().easy_setopt(curl_, CURLOPT_POSTFIELDS, probe.body.c_str());
    } else {
      libcurl().easy_setopt(curl_, CURLOPT_CUSTOMREQUEST, probe.method.c_str());
    }
    const CURLcode code = libcurl().easy_perform(curl_);
    libcurl().slist_free_all(headers);
    long status = 0;
    libcurl().easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &status);
    answer.status = static_cast<int>(status);
    if (answer.status == 0) answer.body = libcurl().easy_strerror(code);
    return answer;
  }

 private:
  void apply_limits() {
#if LIBCURL_VERSION_NUM >= 0x075500
    libcurl().easy_setopt(curl_, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    libcurl().easy_setopt(curl_, CURLOPT_PROTOCOLS,
                          static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    libcurl().easy_setopt(curl_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    libcurl().easy_setopt(curl_, CURLOPT_FOLLOWLOCATION, 0L);
    libcurl().easy_setopt(curl_, CURLOPT_PROXY, "");
    libcurl().easy_setopt(curl_, CURLOPT_NOSIGNAL, 1L);
    libcurl().easy_setopt(curl_, CURLOPT_TIMEOUT_MS, kTimeoutMs);
    libcurl().easy_setopt(curl_, CURLOPT_USERAGENT, "userbin/" USERBIN_VERSION " check-nginx");
  }

  const std::string origin_;
  CURL* const curl_;
};

}  // namespace

std::optional<PageUrl> parse_page_url(const std::string& url) {
  const bool has_scheme = url.starts_with("http://") || url.starts_with("https://");
  const bool is_odd = std::any_of(url.begin(), url.end(), [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F || c == '#' || c == '\\';
  });
  if (!has_scheme || is_odd) return std::nullopt;
  const auto host = url.find("://") + 3;
  const auto end = std::min(url.find_first_of("/?", host), url.size());
  const std::string authority = url.substr(host, end - host);
  if (authority.empty() || authority.find('@') != std::string::npos) return std::nullopt;
  PageUrl page{.origin = url.substr(0, end), .target = url.substr(end)};
  if (!page.target.starts_with('/')) page.target.insert(0, "/");
  return page;
}

std::string ProbeAnswer::header(const std::string& name) const {
  for (std::size_t at = 0; at < head.size();) {
    const auto end = std::min(head.find('\n', at), head.size());
    const std::string line = head.substr(at, end - at);
    at = end + 1;
    const auto colon = line.find(':');
    if (colon == std::string::npos || base::to_lower_ascii(line.substr(0, colon)) != name) continue;
    const auto first = line.find_first_not_of(" \t\r", colon + 1);
    if (first == std::string::npos) return "";
    return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
  }
  return "";
}

std::unique_ptr<Prober> make_prober(const std::string& origin) {
  return std::make_unique<CurlProber>(origin);
}

}  // namespace userbin::app
