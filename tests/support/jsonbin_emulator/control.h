// The control path: how a test, or a person, makes the service fail and looks behind it.
#pragma once

#include <string>
#include <vector>

#include "http/request.h"
#include "http/response.h"
#include "support/jsonbin_emulator/service.h"

namespace userbin::emulator {

/// Costs no request and no key, meets no fault and no latency, and is not counted. A mistake is
/// answered with 400 and {"message": "..."}. Any thread may call.
///
///   GET    /stats          Stats::to_json(), with "late_writes" that are still to come
///   POST   /reset-stats
///   GET    /bins           the ids of all bins
///   POST   /bins           makes a private bin of the body, as it is; {"id"}
///   GET    /bins/ID        the latest document, as it is
///   PUT    /bins/ID        replaces it with the body, whatever that is: the owner's dashboard
///   GET    /faults         the rules that are left
///   POST   /faults         adds a Rule, or an array of them
///   DELETE /faults
///   GET    /settings       the Switches
///   POST   /settings       sets those that the body names
class Control {
 public:
  /// `service` outlives this.
  explicit Control(Service& service);

  /// `request.path` is below /control: "/stats". Throws std::runtime_error if a file cannot be
  /// written.
  http::Response answer(const http::Request& request) const;

 private:
  struct Route {
    const char* method;
    const char* path;
    http::Response (Control::*answer)(const http::Request& request) const;
  };
  static const std::vector<Route> kRoutes;

  http::Response stats(const http::Request& request) const;
  http::Response reset_stats(const http::Request& request) const;
  http::Response list_bins(const http::Request& request) const;
  http::Response make_bin(const http::Request& request) const;
  http::Response list_faults(const http::Request& request) const;
  http::Response add_faults(const http::Request& request) const;
  http::Response clear_faults(const http::Request& request) const;
  http::Response settings(const http::Request& request) const;
  http::Response change_settings(const http::Request& request) const;
  http::Response bin(const http::Request& request, const std::string& id) const;

  Service& service_;
};

}  // namespace userbin::emulator
