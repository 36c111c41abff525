#include "jsonbin/curl_transport.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string_view>

#include "base/failure.h"
#include "base/text.h"
#include "jsonbin/libcurl.h"

namespace userbin::jsonbin {

namespace {

constexpr const char* kUserAgent = "userbin/" USERBIN_VERSION;

void check(const CurlTransport::Settings& settings) {
  if (settings.connect_timeout.count() <= 0 || settings.whole_timeout.count() <= 0) {
    throw base::BadSetting("a timeout for JSONBin must be above 0 ms");
  }
  if (settings.max_body_bytes == 0) {
    throw base::BadSetting("the size limit of JSONBin's answers must be above 0 bytes");
  }
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

void check_header(const std::string& name, std::string_view value) {
  const bool name_is_good =
      !name.empty() && !has_control(name) && name.find_first_of(": ") == std::string::npos;
  if (!name_is_good || value.empty() || has_control(value)) {
    throw std::invalid_argument("HTTP header " + base::escape_for_log(name) + " cannot be sent");
  }
}

/// libcurl's list of header lines; every line is wiped before it is freed.
class HeaderLines {
 public:
  explicit HeaderLines(const HttpRequest& request) {
    append("Expect:");  // empty: without it
    for (const auto& [name, value] : request.headers) append(name + ": " + value);
    if (request.secret_header) append_secret(*request.secret_header);
  }
  ~HeaderLines() {
    for (curl_slist* line = lines_; line != nullptr; line = line->next) {
      explicit_bzero(line->data, std::strlen(line->data));
    }
    libcurl().slist_free_all(lines_);
  }
  HeaderLines(const HeaderLines&) = delete;
  HeaderLines& operator=(const HeaderLines&) = delete;

  curl_slist* get() const { return lines_; }

 private:
  void append(const std::string& line) { append(line.c_str()); }
  void append(const char* line) {
    curl_slist* longer = libcurl().slist_append(lines_, line);
    if (longer == nullptr) throw std::bad_alloc();
    lines_ = longer;
  }
  void append_secret(const HttpRequest::SecretHeader& header) {
    std::string line;
    line.reserve(header.name.size() + 2 + header.value.reveal().size());  // so that none is copied
    line.append(header.name).append(": ").append(header.value.reveal());
    const base::SecretString wiped(std::move(line));
    append(wiped.reveal_c_str());
  }

  curl_slist* lines_ = nullptr;
};

/// What has arrived of an answer.
struct Arriving {
  HttpResponse response;
  std::size_t max_body_bytes = 0;
  bool is_too_large = false;
};

/// `size`, for libcurl; 0, which ends the request, if `take` throws: libcurl is C, and nothing may
/// be thrown through it.
template <typename Take>
std::size_t taken(std::size_t size, Take take) {
  try {
    take();
    return size;
  } catch (const std::exception&) {
    return 0;
  }
}

std::size_t take_body(char* data, std::size_t, std::size_t size, void* arriving_pointer) {
  auto& arriving = *static_cast<Arriving*>(arriving_pointer);
  std::string& body = arriving.response.body;
  if (size > arriving.max_body_bytes - body.size()) {
    arriving.is_too_large = true;
    return 0;
  }
  return taken(size, [&] { body.append(data, size); });
}

/// libcurl asks at least once a second whether to go on.
int is_cancelled(void* cancelled, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return *static_cast<const std::atomic<bool>*>(cancelled) ? 1 : 0;
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::size_t take_header(char* data, std::size_t, std::size_t size, void* arriving_pointer) {
  auto& response = static_cast<Arriving*>(arriving_pointer)->response;
  const std::string_view line(data, size);
  return taken(size, [&] {
    const auto colon = line.find(':');
    if (line.starts_with("HTTP/")) {
      response.retry_after.clear();  // what came before was interim (RFC 9110, section 15.2)
    } else if (colon != std::string_view::npos &&
               base::to_lower_ascii(line.substr(0, colon)) == "retry-after") {
      response.retry_after = trim(line.substr(colon + 1));
    }
  });
}

void allow_only_http(CURL* curl) {
#if LIBCURL_VERSION_NUM >= 0x075500
  libcurl().easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
  libcurl().easy_setopt(curl, CURLOPT_PROTOCOLS,
                        static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

void apply(CURL* curl, const CurlTransport::Settings& settings) {
  allow_only_http(curl);
  libcurl().easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  libcurl().easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
  libcurl().easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
  libcurl().easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  libcurl().easy_setopt(curl, CURLOPT_USERAGENT, kUserAgent);
  libcurl().easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  libcurl().easy_setopt(curl, CURLOPT_MAXCONNECTS, 1L);
  libcurl().easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
  // Empty means none, also if the environment names one.
  libcurl().easy_setopt(curl, CURLOPT_PROXY, settings.proxy.c_str());
  libcurl().easy_setopt(curl, CURLOPT_NOPROXY, "");
  libcurl().easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                        static_cast<long>(settings.connect_timeout.count()));
  libcurl().easy_setopt(curl, CURLOPT_TIMEOUT_MS,
                        static_cast<long>(settings.whole_timeout.count()));
  libcurl().easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE,
                        static_cast<curl_off_t>(settings.max_body_bytes));
}

void apply(CURL* curl, const HttpRequest& request, const HeaderLines& headers) {
  libcurl().easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  libcurl().easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  if (request.method == "GET") {
    libcurl().easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    return;
  }
  libcurl().easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                        static_cast<curl_off_t>(request.body.size()));
  libcurl().easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
  libcurl().easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  // libcurl repeats a request that a kept connection swallowed: not one that makes something.
  libcurl().easy_setopt(curl, CURLOPT_FRESH_CONNECT, request.method == "POST" ? 1L : 0L);
}

void check(const HttpRequest& request) {
  if (request.method != "GET" && request.method != "PUT" && request.method != "POST") {
    throw std::invalid_argument("HTTP method " + base::escape_for_log(request.method));
  }
  for (const auto& [name, value] : request.headers) check_header(name, value);
  if (const auto& secret = request.secret_header) {
    check_header(secret->name, secret->value.reveal());
  }
}

}  // namespace

/// The easy handle. Between two requests it knows none of their options, only the connection.
class CurlTransport::Handle {
 public:
  Handle() : curl_(libcurl().easy_init()) {
    if (curl_ == nullptr) throw std::runtime_error("libcurl: no handle");
  }
  ~Handle() { libcurl().easy_cleanup(curl_); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  HttpResult perform(const Settings& settings, const HttpRequest& request,
                     const std::atomic<bool>& cancelled) {
    const HeaderLines headers(request);
    const Reset reset{curl_};
    Arriving arriving{.response = {}, .max_body_bytes = settings.max_body_bytes};
    std::array<char, CURL_ERROR_SIZE> words{};
    apply(curl_, settings);
    apply(curl_, request, headers);
    libcurl().easy_setopt(curl_, CURLOPT_ERRORBUFFER, words.data());
    libcurl().easy_setopt(curl_, CURLOPT_WRITEFUNCTION, take_body);
    libcurl().easy_setopt(curl_, CURLOPT_WRITEDATA, &arriving);
    libcurl().easy_setopt(curl_, CURLOPT_HEADERFUNCTION, take_header);
    libcurl().easy_setopt(curl_, CURLOPT_HEADERDATA, &arriving);
    libcurl().easy_setopt(curl_, CURLOPT_NOPROGRESS, 0L);
    libcurl().easy_setopt(curl_, CURLOPT_XFERINFOFUNCTION, is_cancelled);
    libcurl().easy_setopt(curl_, CURLOPT_XFERINFODATA,
                          const_cast<void*>(static_cast<const void*>(&cancelled)));
    const CURLcode code = libcurl().easy_perform(curl_);
    if (code != CURLE_OK) return away(code, words.data(), arriving);
    arriving.response.status = static_cast<int>(info(CURLINFO_RESPONSE_CODE));
    return std::move(arriving.response);
  }

 private:
  /// Takes the pointers to what lives for one request only out of the handle.
  struct Reset {
    CURL* curl;
    ~Reset() { libcurl().easy_reset(curl); }
  };

  Away away(CURLcode code, const char* words, const Arriving& arriving) const {
    const bool is_sent = info(CURLINFO_REQUEST_SIZE) > 0;
    if (arriving.is_too_large || code == CURLE_FILESIZE_EXCEEDED) {
      return {"the answer is larger than " + std::to_string(arriving.max_body_bytes) + " bytes",
              is_sent};
    }
    std::string reason = libcurl().easy_strerror(code);
    if (*words != '\0') reason += std::string(": ") + words;
    return {reason, is_sent};
  }

  long info(CURLINFO what) const {
    long value = 0;
    libcurl().easy_getinfo(curl_, what, &value);
    return value;
  }

  CURL* const curl_;
};

CurlTransport::CurlTransport(Settings settings) : settings_(std::move(settings)) {
  check(settings_);
  handle_ = std::make_unique<Handle>();
}

CurlTransport::~CurlTransport() = default;

HttpResult CurlTransport::send(const HttpRequest& request) {
  check(request);
  if (cancelled_) return Away{.reason = "cancelled"};
  return handle_->perform(settings_, request, cancelled_);
}

}  // namespace userbin::jsonbin
