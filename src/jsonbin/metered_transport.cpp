#include "jsonbin/metered_transport.h"

namespace userbin::jsonbin {

HttpResult MeteredTransport::send(const HttpRequest& request) {
  if (!may_send()) return Away{.reason = "--bin-requests is used up for today"};
  store_.count_request(Budget::hour_of(clock_.now()));
  return transport_.send(request);
}

std::int64_t MeteredTransport::used() {
  if (!budget_.has_limit()) return 0;
  const base::WallTime now = clock_.now();
  // Those of later hours are of a clock that has been set back since, and would count for ever.
  return store_.requests(Budget::first_hour(now)) - store_.requests(Budget::hour_of(now) + 1);
}

}  // namespace userbin::jsonbin
