// Which handler answers a method and a path.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"
#include "http/request.h"
#include "http/response.h"

namespace userbin::http {

/// Answers a request, perhaps later. The request outlives the task. What nobody on the way can mend
/// is thrown.
using Handler = std::function<base::Task<Response>(const Request&)>;

struct Route {
  std::string method;
  /// "/me"; or with a parameter at its end: "/me/sessions/*" is every path with one more segment
  /// there, not empty and without a slash; or with one that may have slashes: "/users/**" and
  /// "/users/**/restore" are every path that begins and ends so, with something between.
  std::string path;
  Handler handler;
  /// The page with this route's form, where a browser goes back to after an error: "/login".
  std::string form_page;
};

/// What stands in a request's path for a route's "*": the last segment, which nginx has decoded
/// already.
std::string path_parameter(const Request& request);

/// A table of routes. Constant once made, so any thread may ask.
class Router {
 public:
  explicit Router(std::vector<Route> routes) : routes_(std::move(routes)) {}

  struct Match {
    /// nullptr if nothing is at this path, or not by this method.
    const Route* route = nullptr;
    /// The methods that there are at this path ("GET, HEAD"); empty if there is nothing.
    std::string allow;
  };

  /// HEAD is answered by what answers GET. Where a path stands in the table itself, routes with a
  /// parameter don't count.
  Match find(std::string_view method, std::string_view path) const;

  const std::vector<Route>& routes() const { return routes_; }

 private:
  std::vector<Route> routes_;
};

}  // namespace userbin::http
