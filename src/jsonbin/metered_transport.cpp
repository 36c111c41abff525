#include "jsonbin/metered_transport.h"

namespace userbin::jsonbin {

HttpResult MeteredTransport::send(const HttpRequest& request) {
  if (!may_send()) return Away{.reason = "--bin-requests is used up for today"};
  store_.count_request(Budget::hour_of(clock_.now()));
  return transport_.send(request);
}

std::int64_t MeteredTransport::used() {
  return budget_.has_limit() ? store_.requests(Budget::first_hour(clock_.now())) : 0;
}

}  // namespace userbin::jsonbin
