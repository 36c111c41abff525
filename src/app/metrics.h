// What the worker shows of itself, for Prometheus and for 'userbin top'. docs/metrics.md lists it.
#pragma once

#include <cstdint>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <string>
#include <vector>

#include "auth/hash_pool.h"
#include "auth/throttle.h"
#include "base/clock.h"
#include "fastcgi/server.h"
#include "handlers/dispatcher.h"
#include "store/database.h"
#include "store/sync_store.h"

namespace userbin::app {

/// Turns what the worker's parts have counted into Prometheus's metrics, when it is asked; until
/// then it costs nothing. Names and labels follow prometheus.io/docs/practices/naming; no label has
/// a value that came from outside. Any thread may call.
class Metrics final : public prometheus::Collectable {
 public:
  /// All outlive this.
  struct Sources {
    fastcgi::Server& server;
    const handlers::Dispatcher& dispatcher;
    const handlers::AccountStats& accounts;
    auth::HashPool& hashes;
    const auth::Throttle& throttle;
    const store::Database& database;
    /// nullptr: there is no bin.
    store::SyncStore* bin = nullptr;
    /// 0: no limit.
    std::int64_t bin_requests_per_day = 0;
    const base::Clock& clock;
  };

  explicit Metrics(const Sources& sources);

  /// Without what is known of the bin while the store is away; it may wait as long as the store
  /// does (--store-patience).
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Sources sources_;
  const double started_at_;
};

/// In the text format, version 0.0.4.
std::string as_text(const std::vector<prometheus::MetricFamily>& metrics);

/// When this process was started, by the clock that says `now`; both in seconds since 1970.
double process_start_time(double now);

/// process_resident_memory_bytes and so on, as Prometheus's client libraries name them; without
/// those that cannot be found out. `started_at` is in seconds since 1970.
std::vector<prometheus::MetricFamily> process_metrics(double started_at);

}  // namespace userbin::app
