#include "http/router.h"

#include <algorithm>

namespace userbin::http {

namespace {

constexpr std::string_view kDeep = "**";

bool has_parameter(const Route& route) {
  return route.path.find('*') != std::string::npos;
}

bool fits(const Route& route, std::string_view path) {
  const std::string_view pattern = route.path;
  const auto deep = pattern.find(kDeep);
  if (deep != std::string_view::npos) {
    return path.size() > pattern.size() - kDeep.size() &&
           path.starts_with(pattern.substr(0, deep)) &&
           path.ends_with(pattern.substr(deep + kDeep.size()));
  }
  if (!pattern.ends_with("/*")) return false;
  const std::string_view folder = pattern.substr(0, pattern.size() - 1);
  return path.size() > folder.size() && path.starts_with(folder) &&
         path.find('/', folder.size()) == std::string_view::npos;
}

}  // namespace

std::string path_parameter(const Request& request) {
  return request.path.substr(request.path.rfind('/') + 1);
}

Router::Match Router::find(std::string_view method, std::string_view path) const {
  const auto is_at = [&](const Route& route) {
    return route.path == path && !has_parameter(route);
  };
  const bool is_in_table = std::any_of(routes_.begin(), routes_.end(), is_at);
  Match match;
  for (const Route& route : routes_) {
    if (is_in_table ? !is_at(route) : !fits(route, path)) continue;
    if (route.method == method || (route.method == "GET" && method == "HEAD")) match.route = &route;
    if (!match.allow.empty()) match.allow += ", ";
    match.allow += route.method == "GET" ? "GET, HEAD" : route.method;
  }
  return match;
}

}  // namespace userbin::http
