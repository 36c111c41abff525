#include "http/cookie.h"

namespace userbin::http {

std::optional<std::string_view> find_cookie(std::string_view header, std::string_view name) {
  std::optional<std::string_view> found;
  while (!header.empty()) {
    const auto end = header.find(';');
    std::string_view pair = header.substr(0, end);
    header = end == std::string_view::npos ? std::string_view() : header.substr(end + 1);
    while (!pair.empty() && pair.front() == ' ') pair.remove_prefix(1);
    while (!pair.empty() && pair.back() == ' ') pair.remove_suffix(1);
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
    if (found) return std::nullopt;
    found = pair.substr(equals + 1);
  }
  return found;
}

std::string_view session_cookie_name(bool https) {
  return https ? "__Host-userbin" : "userbin";
}

std::string session_cookie(std::string_view token, bool https,
                           std::optional<std::chrono::seconds> max_age) {
  std::string cookie(session_cookie_name(https));
  cookie += '=';
  cookie += token;
  cookie += "; Path=/";
  if (max_age) cookie += "; Max-Age=" + std::to_string(max_age->count());
  if (https) cookie += "; Secure";
  return cookie + "; HttpOnly; SameSite=Lax";
}

std::string cleared_session_cookie(bool https) {
  return session_cookie("", https, std::chrono::seconds{0});
}

}  // namespace userbin::http
