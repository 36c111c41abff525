#include "support/http_client.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include <curl/curl.h>
#include <json/reader.h>

#include "base/text.h"
#include "http/response.h"

namespace userbin::test {

namespace {

std::size_t append_to(char* data, std::size_t, std::size_t size, void* text) {
  static_cast<std::string*>(text)->append(data, size);
  return size;
}

}  // namespace

std::map<std::string, std::string> parse_headers(const std::string& text) {
  std::map<std::string, std::string> headers;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    while (!line.empty() && line.back() == '\r') line.pop_back();
    const auto colon = line.find(':');
    if (line.starts_with("HTTP/")) headers.clear();
    if (colon == std::string::npos) continue;
    std::string& value = headers[base::to_lower_ascii(line.substr(0, colon))];
    if (!value.empty()) value += '\n';
    value += line.substr(std::min(line.find_first_not_of(" ", colon + 1), line.size()));
  }
  return headers;
}

std::string Answer::header(const std::string& name) const {
  const auto found = headers.find(base::to_lower_ascii(name));
  return found == headers.end() ? "" : found->second;
}

Json::Value Answer::json() const {
  Json::Value value;
  std::istringstream text(body);
  std::string errors;
  return Json::parseFromStream(Json::CharReaderBuilder(), text, &value, &errors) ? value
                                                                                 : Json::Value();
}

struct HttpClient::State {
  CURL* curl = curl_easy_init();
  ~State() { curl_easy_cleanup(curl); }
};

HttpClient::HttpClient(std::string base_url)
    : base_url_(std::move(base_url)), state_(std::make_unique<State>()) {
  curl_easy_setopt(state_->curl, CURLOPT_COOKIEFILE, "");
}

HttpClient::~HttpClient() = default;

Answer HttpClient::send(const Call& call) {
  CURL* curl = state_->curl;
  Answer answer;
  std::string header_text;
  curl_slist* headers = curl_slist_append(nullptr, "Expect:");
  for (const std::string& header : call.headers)
    headers = curl_slist_append(headers, header.c_str());
  const std::string url = base_url_ + call.path;
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append_to);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, append_to);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &header_text);
  if (call.body.empty() && call.method != "POST") {
    curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
  } else {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call.body.c_str());
  }
  curl_easy_setopt(curl, CURLOPT_NOBODY, call.method == "HEAD" ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call.method.c_str());
  const CURLcode result = curl_easy_perform(curl);
  curl_slist_free_all(headers);
  long status = 0;
  if (result == CURLE_OK || result == CURLE_SEND_ERROR) {
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  }
  answer.status = static_cast<int>(status);
  answer.headers = parse_headers(header_text);
  return answer;
}

Answer HttpClient::get(const std::string& path, const std::vector<std::string>& headers) {
  return send({.path = path, .headers = headers});
}

Answer HttpClient::post_json(const std::string& path, const std::string& body,
                             const std::vector<std::string>& headers) {
  std::vector<std::string> all = headers;
  all.push_back("Content-Type: application/json");
  return send({.method = "POST", .path = path, .body = body, .headers = all});
}

Answer HttpClient::post_form(const std::string& path, const std::string& body,
                             const std::vector<std::string>& headers) {
  std::vector<std::string> all = headers;
  all.push_back("Content-Type: application/x-www-form-urlencoded");
  return send({.method = "POST", .path = path, .body = body, .headers = all});
}

void HttpClient::forget_cookies() {
  curl_easy_setopt(state_->curl, CURLOPT_COOKIELIST, "ALL");
}

std::string credentials(const std::string& username, const std::string& password) {
  Json::Value value;
  value["username"] = username;
  value["password"] = password;
  return http::to_json(value);
}

}  // namespace userbin::test
