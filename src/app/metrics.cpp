#include "app/metrics.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <prometheus/text_serializer.h>
#include <utility>

#include "app/metric_family.h"
#include "base/failure.h"
#include "base/json.h"
#include "handlers/routes.h"
#include "jsonbin/schedule.h"
#include "jsonbin/sync_status.h"

namespace userbin::app {

namespace {

using prometheus::MetricFamily;
using Families = std::vector<MetricFamily>;

/// Statuses that a route always shows, so that the first of them is seen as a rise.
bool is_always_shown(int status) {
  return status == 200 || status == 500 || status == 503;
}

double seconds_since_1970(base::WallTime time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

double as_double(std::uint64_t count) {
  return static_cast<double>(count);
}

void add_requests(const handlers::RequestStats& stats, Families& families) {
  Family requests = counter("userbin_http_requests_total",
                            "Requests answered, by route and by status as the log has it.");
  Family durations =
      histogram("userbin_http_request_duration_seconds",
                "How long requests took, from when all of one was read until its answer was made.");
  const auto& statuses = handlers::RequestStats::kStatuses;
  for (const auto& entry : stats.entries()) {
    const Labels labels = {{"method", entry.method.empty() ? "other" : entry.method},
                           {"route", entry.pattern.empty() ? "other" : entry.pattern}};
    for (std::size_t i = 0; i < entry.by_status.size(); ++i) {
      const std::uint64_t count = entry.by_status[i].value();
      const int status = i < statuses.size() ? statuses[i] : 0;
      if (count == 0 && !is_always_shown(status)) continue;
      Labels with_code = labels;
      with_code.push_back({"code", status == 0 ? "other" : std::to_string(status)});
      requests.add(as_double(count), std::move(with_code));
    }
    const auto duration = entry.duration.snapshot();
    const bool was_asked = std::any_of(duration.counts.begin(), duration.counts.end(),
                                       [](std::uint64_t count) { return count > 0; });
    if (was_asked) durations.add(duration, labels);
  }
  families.push_back(requests.take());
  families.push_back(durations.take());
}

/// nginx takes everything but 200 and 403 for 401, and so it is answered.
void add_verifications(const handlers::RequestStats& stats, Families& families) {
  const auto verify =
      std::find_if(stats.entries().begin(), stats.entries().end(),
                   [](const auto& entry) { return entry.pattern == handlers::kVerifyPath; });
  std::uint64_t allowed = 0, forbidden = 0, denied = 0;
  for (std::size_t i = 0; i < verify->by_status.size(); ++i) {
    const int status =
        i < handlers::RequestStats::kStatuses.size() ? handlers::RequestStats::kStatuses[i] : 0;
    (status == 200 ? allowed : status == 403 ? forbidden : denied) += verify->by_status[i].value();
  }
  families.push_back(
      counter("userbin_verifications_total",
              "What nginx was told of requests to protected places: 200, 403 not with this role, "
              "or 401 not signed in, which is also said when it cannot be found out.")
          .add(as_double(allowed), {{"answer", "200"}})
          .add(as_double(denied), {{"answer", "401"}})
          .add(as_double(forbidden), {{"answer", "403"}})
          .take());
}

template <typename Outcomes>
void add_outcomes(Family family, const Outcomes& outcomes, Families& families) {
  for (std::size_t i = 0; i < outcomes.names().size(); ++i) {
    family.add(as_double(outcomes.counters()[i].value()),
               {{"outcome", std::string(outcomes.names()[i])}});
  }
  families.push_back(family.take());
}

void add_accounts(const handlers::AccountStats& stats, const auth::Throttle& throttle,
                  Families& families) {
  add_outcomes(counter("userbin_sign_ins_total", "Logins, by what they came to."), stats.sign_ins,
               families);
  add_outcomes(counter("userbin_registrations_total",
                       "Registrations that had everything they need, by what they came to."),
               stats.registrations, families);
  families.push_back(
      counter("userbin_throttled_attempts_total",
              "Attempts that had to wait; a login is also a password that is asked "
              "for once more.")
          .add(as_double(throttle.refused_logins()), {{"kind", "login"}})
          .add(as_double(throttle.refused_registrations()), {{"kind", "registration"}})
          .take());
}

void add_hashes(const auth::HashPool::Stats& stats, Families& families) {
  families.push_back(gauge("userbin_hashes_running", "Password hashes being computed.")
                         .add(as_double(stats.running))
                         .take());
  families.push_back(gauge("userbin_hash_slots", "Hashes that may run at a time (--hash-slots).")
                         .add(as_double(stats.slots))
                         .take());
  families.push_back(gauge("userbin_hashes_queued", "Password hashes that wait for a slot.")
                         .add(as_double(stats.queued))
                         .take());
  families.push_back(gauge("userbin_hash_queue_slots", "Hashes that may wait (--hash-queue).")
                         .add(as_double(stats.max_queue))
                         .take());
  families.push_back(
      counter("userbin_hashes_refused_total", "Password hashes refused because the queue was full.")
          .add(as_double(stats.refused))
          .take());
  families.push_back(histogram("userbin_hash_duration_seconds",
                               "How long password hashes took, without their time in the queue.")
                         .add(stats.duration)
                         .take());
}

void add_store(const store::Database& database, Families& families) {
  const auto& reads = database.reads();
  const auto& writes = database.writes();
  families.push_back(histogram("userbin_store_operation_duration_seconds",
                               "How long the store took, the wait for a connection or a lock "
                               "included.")
                         .add(reads.duration.snapshot(), {{"operation", "read"}})
                         .add(writes.duration.snapshot(), {{"operation", "write"}})
                         .take());
  families.push_back(
      counter("userbin_store_operation_failures_total", "Operations on the store that failed.")
          .add(as_double(reads.failures.value()), {{"operation", "read"}})
          .add(as_double(writes.failures.value()), {{"operation", "write"}})
          .take());
}

void add_connections(const fastcgi::Server::Stats& stats, Families& families) {
  families.push_back(gauge("userbin_connections_open", "FastCGI connections that are open.")
                         .add(as_double(stats.open))
                         .take());
  families.push_back(gauge("userbin_connections_waiting",
                           "Open connections of which a request has come only in part, or whose "
                           "peer must close.")
                         .add(as_double(stats.waiting))
                         .take());
}

void add_bin(store::SyncStore& store, std::int64_t requests_per_day, base::WallTime now,
             Families& families) {
  const std::size_t pending = store.count_pending();
  const std::int64_t requests = store.requests(jsonbin::Budget::first_hour(now));
  const auto status =
      jsonbin::sync_status_from(base::from_json(store.state()).value_or(Json::Value()));
  families.push_back(
      gauge("userbin_bin_pending_changes", "Users whose last change is not in the bin yet.")
          .add(as_double(pending))
          .take());
  families.push_back(gauge("userbin_bin_last_success_timestamp_seconds",
                           "When store and bin were last found, or made, the same; 0: never.")
                         .add(status.last_success ? seconds_since_1970(*status.last_success) : 0)
                         .take());
  families.push_back(
      gauge("userbin_bin_requests_used", "Requests to the bin's service in the last 24 hours.")
          .add(static_cast<double>(requests))
          .take());
  families.push_back(gauge("userbin_bin_requests_allowed",
                           "Requests that may be used in 24 hours (--bin-requests); 0: any number.")
                         .add(static_cast<double>(requests_per_day))
                         .take());
  Family problem =
      gauge("userbin_bin_problem", "1 for the reason why changes don't arrive, if any.");
  for (const char* word : {"away", "full", "out_of_requests", "refused", "suspicious"}) {
    problem.add(status.problem && status.problem->word == word ? 1 : 0, {{"problem", word}});
  }
  families.push_back(problem.take());
}

}  // namespace

Metrics::Metrics(const Sources& sources)
    : sources_(sources), started_at_(process_start_time(seconds_since_1970(sources.clock.now()))) {}

std::vector<MetricFamily> Metrics::Collect() const {
  Families families;
  families.push_back(gauge("userbin_build_info", "1, with the version that runs.")
                         .add(1, {{"version", USERBIN_VERSION}})
                         .take());
  add_requests(sources_.dispatcher.stats(), families);
  add_verifications(sources_.dispatcher.stats(), families);
  add_accounts(sources_.accounts, sources_.throttle, families);
  add_hashes(sources_.hashes.stats(), families);
  add_store(sources_.database, families);
  add_connections(sources_.server.stats(), families);
  if (sources_.bin != nullptr) {
    try {
      add_bin(*sources_.bin, sources_.bin_requests_per_day, sources_.clock.now(), families);
    } catch (const base::StoreUnavailable&) {
      // It stands among the failures of the store.
    }
  }
  auto process = process_metrics(started_at_);
  std::move(process.begin(), process.end(), std::back_inserter(families));
  return families;
}

std::string as_text(const std::vector<MetricFamily>& metrics) {
  return prometheus::TextSerializer().Serialize(metrics);
}

}  // namespace userbin::app
