// From a request to its answer: what is the same for every route.
#pragma once

#include <string>

#include "base/task.h"
#include "handlers/services.h"
#include "handlers/stats.h"
#include "http/router.h"

namespace userbin::handlers {

/// Finds the route, keeps other sites out, turns everything thrown into an answer, sends a browser
/// that posted a form to a page, adds the fields that every answer has, and writes one log line.
/// Any thread may call.
class Dispatcher {
 public:
  /// `services` outlives this.
  explicit Dispatcher(const Services& services);

  /// Never throws anything but std::bad_alloc. `request` outlives the task.
  base::Task<http::Response> answer(const http::Request& request);

  /// Statuses as they stand in the log: before a browser is sent to a page, and before /verify
  /// makes a 401 of what went wrong.
  const RequestStats& stats() const { return stats_; }

 private:
  /// `match` is the request's.
  base::Task<http::Response> route(const http::Request& request, const http::Router::Match& match,
                                   std::string& cause) const;

  const Services& services_;
  const http::Router router_;
  const http::Route* const verify_;
  RequestStats stats_;
};

}  // namespace userbin::handlers
