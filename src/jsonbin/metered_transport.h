#pragma once

#include "base/clock.h"
#include "jsonbin/schedule.h"
#include "jsonbin/transport.h"
#include "store/sync_store.h"

namespace userbin::jsonbin {

/// Counts requests in the store before they are sent, and sends none above the budget. Used by one
/// thread at a time.
class MeteredTransport final : public Transport {
 public:
  /// All outlive this.
  MeteredTransport(Transport& transport, store::SyncStore& store, const base::Clock& clock,
                   Budget budget)
      : transport_(transport), store_(store), clock_(clock), budget_(budget) {}

  /// Throws base::StoreUnavailable if it cannot be counted.
  HttpResult send(const HttpRequest& request) override;

  /// Whether one more request may be sent now.
  bool may_send() { return budget_.allows(used()); }
  /// How long after one round of requests the next may begin.
  std::chrono::milliseconds distance() { return budget_.distance(used()); }

 private:
  /// Requests of the last 24 hours; 0 if there is no limit.
  std::int64_t used();

  Transport& transport_;
  store::SyncStore& store_;
  const base::Clock& clock_;
  const Budget budget_;
};

}  // namespace userbin::jsonbin
