#include "http/origin.h"

#include <algorithm>

#include "base/text.h"
#include "http/body.h"
#include "http/cookie.h"

namespace userbin::http {

namespace {

/// A redirect must fit into nginx's buffer for an answer's head (fastcgi_buffer_size, 4k or more).
constexpr std::size_t kMaxRedirectBytes = 2048;

bool is_slash(char c) {
  return c == '/' || c == '\\';
}

/// Whether two slashes have nothing, one dot or two dots between them.
bool has_vanishing_segment(std::string_view path) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (!is_slash(path[i])) continue;
    std::size_t next = i + 1;
    while (next < path.size() && next < i + 3 && path[next] == '.') ++next;
    if (next < path.size() && is_slash(path[next])) return true;
  }
  return false;
}

}  // namespace

bool is_cross_site(const Request& request, std::string_view public_origin) {
  if (!request.sec_fetch_site.empty()) {
    return request.sec_fetch_site != "same-origin" && request.sec_fetch_site != "none";
  }
  if (!request.origin.empty()) {
    const std::string own = public_origin.empty()
                                ? (request.https ? "https://" : "http://") + request.host
                                : std::string(public_origin);
    return base::to_lower_ascii(request.origin) != base::to_lower_ascii(own);
  }
  const std::string cookie = std::string(session_cookie_name(request.https)) + '=';
  return request.cookie.find(cookie) != std::string::npos && !is_json(request);
}

bool is_safe_redirect(std::string_view target) {
  if (target.empty() || target.size() > kMaxRedirectBytes || target[0] != '/') return false;
  if (target.size() > 1 && is_slash(target[1])) return false;
  const bool has_odd_byte = std::any_of(target.begin(), target.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x21 || byte == 0x7F || c == '\\';
  });
  return !has_odd_byte && !has_vanishing_segment(target.substr(0, target.find_first_of("?#")));
}

}  // namespace userbin::http
