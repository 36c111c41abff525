#include "http/router.h"

namespace userbin::http {

Router::Match Router::find(std::string_view method, std::string_view path) const {
  Match match;
  for (const Route& route : routes_) {
    if (route.path != path) continue;
    if (route.method == method || (route.method == "GET" && method == "HEAD")) match.route = &route;
    if (!match.allow.empty()) match.allow += ", ";
    match.allow += route.method == "GET" ? "GET, HEAD" : route.method;
  }
  return match;
}

}  // namespace userbin::http
