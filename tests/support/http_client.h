#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <json/value.h>

namespace userbin::test {

struct Answer {
  /// 0 if there was none.
  int status = 0;
  /// By lower-case name; several of one name are joined by newlines.
  std::map<std::string, std::string> headers;
  std::string body;

  std::string header(const std::string& name) const;
  /// The body as JSON; null if it is not.
  Json::Value json() const;
  std::string code() const { return json()["code"].asString(); }
};

/// By lower-case name, of an answer's head.
std::map<std::string, std::string> parse_headers(const std::string& head);

/// curl as a program would use it: keeps its connection, and its cookies if asked to. One thread.
class HttpClient {
 public:
  explicit HttpClient(std::string base_url);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  struct Call {
    std::string method = "GET";
    std::string path;
    std::string body = "";
    std::vector<std::string> headers = {};
  };
  Answer send(const Call& call);

  Answer get(const std::string& path, const std::vector<std::string>& headers = {});
  Answer post_json(const std::string& path, const std::string& body,
                   const std::vector<std::string>& headers = {});
  Answer post_form(const std::string& path, const std::string& body,
                   const std::vector<std::string>& headers = {});
  void forget_cookies();

 private:
  struct State;
  const std::string base_url_;
  std::unique_ptr<State> state_;
};

/// What a browser says when it posts a form of this site.
inline const std::vector<std::string> kBrowser = {
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Sec-Fetch-Site: same-origin"};

/// {"username": ..., "password": ...} in JSON.
std::string credentials(const std::string& username, const std::string& password);

}  // namespace userbin::test
