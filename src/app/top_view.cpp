#include "app/top_view.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace userbin::app {

namespace {

const Figures kNothing{};
constexpr const char* kRequests = "userbin_http_requests_total";
constexpr const char* kDurations = "userbin_http_request_duration_seconds";

const Figures* earlier(const Figures& now, const Figures* before) {
  constexpr const char* kStart = "process_start_time_seconds";
  if (before == nullptr) return nullptr;
  // A worker finds out once when it started, and says the same from then on.
  const auto started = now.value(kStart);
  return started && started == before->value(kStart) ? before : nullptr;
}

std::string count_text(double count) {
  return fmt::format("{:.0f}", count);
}

std::string quantiles_text(const Quantiles& quantiles) {
  const auto half = quantiles.at(0.5);
  const auto most = quantiles.at(0.99);
  if (!half || !most) return "";
  return ", p50 " + time_text(*half) + ", p99 " + time_text(*most);
}

/// "0.5/s ok, 0.1/s wrong_password": what ever happened, by a label.
std::string outcomes_text(const Interval& interval, const std::string& name,
                          const std::string& label) {
  std::string text;
  for (const std::string& value : interval.now().values_of(name, label)) {
    if (interval.now().sum(name, {{label, value}}) == 0) continue;
    if (!text.empty()) text += ", ";
    text += rate_text(interval.rate(name, {{label, value}})) + "/s " + base::printable(value, 40);
  }
  return text.empty() ? "none yet" : text;
}

std::string hashes_text(const Interval& interval) {
  const Figures& now = interval.now();
  const Quantiles durations(now, interval.before(), "userbin_hash_duration_seconds", {});
  return fmt::format(
      "{} of {} running, {} of {} queued, {}/s{}, {}/s refused",
      count_text(now.sum("userbin_hashes_running")), count_text(now.sum("userbin_hash_slots")),
      count_text(now.sum("userbin_hashes_queued")), count_text(now.sum("userbin_hash_queue_slots")),
      rate_text(durations.count() / interval.seconds()), quantiles_text(durations),
      rate_text(interval.rate("userbin_hashes_refused_total")));
}

std::string store_text(const Interval& interval, const std::string& operation) {
  const Figures::Labels labels{{"operation", operation}};
  const Quantiles durations(interval.now(), interval.before(),
                            "userbin_store_operation_duration_seconds", labels);
  const double failures = interval.rate("userbin_store_operation_failures_total", labels);
  return rate_text(durations.count() / interval.seconds()) + "/s" + quantiles_text(durations) +
         (failures > 0 ? ", " + rate_text(failures) + "/s FAILED" : "");
}

std::string bin_text(const Interval& interval) {
  const Figures& now = interval.now();
  std::string text = count_text(now.sum("userbin_bin_pending_changes")) + " pending, last success ";
  const double success = now.sum("userbin_bin_last_success_timestamp_seconds");
  text += success == 0 ? "never" : age_text(interval.now_time() - success) + " ago";
  text += ", " + count_text(now.sum("userbin_bin_requests_used"));
  const double allowed = now.sum("userbin_bin_requests_allowed");
  if (allowed > 0) text += " of " + count_text(allowed);
  text += " requests in 24 h";
  for (const std::string& problem : now.values_of("userbin_bin_problem", "problem")) {
    if (now.sum("userbin_bin_problem", {{"problem", problem}}) == 0) continue;
    text += ", problem: " + base::printable(problem, 40);
  }
  return text;
}

std::string process_text(const Interval& interval) {
  const Figures& now = interval.now();
  return fmt::format("{} resident, {:.0f} % of a core, {} of {} file descriptors",
                     size_text(now.sum("process_resident_memory_bytes")),
                     100 * interval.rate("process_cpu_seconds_total"),
                     count_text(now.sum("process_open_fds")),
                     count_text(now.sum("process_max_fds")));
}

struct RouteRow {
  std::string name;
  Figures::Labels labels;
  double rate = 0;
  double total = 0;
};

double class_rate(const Interval& interval, const Figures::Labels& labels, char digit) {
  double rate = 0;
  for (const std::string& code : interval.now().values_of(kRequests, "code")) {
    if (!code.starts_with(digit)) continue;
    Figures::Labels with_code = labels;
    with_code["code"] = code;
    rate += interval.rate(kRequests, with_code);
  }
  return rate;
}

std::string route_line(const Interval& interval, const RouteRow& row) {
  const Quantiles durations(interval.now(), interval.before(), kDurations, row.labels);
  const auto quantile = [&](double at) {
    const auto seconds = durations.at(at);
    return seconds ? time_text(*seconds) : "-";
  };
  std::string line =
      fmt::format("{:<28} {:>8}", base::printable(row.name, 27), rate_text(row.rate));
  for (const char digit : {'2', '4', '5'}) {
    line += fmt::format(" {:>8}", rate_text(class_rate(interval, row.labels, digit)));
  }
  return line + fmt::format(" {:>9} {:>9}", quantile(0.5), quantile(0.99));
}

/// Of routes that were asked for at all.
std::vector<RouteRow> route_rows(const Interval& interval) {
  std::vector<RouteRow> rows;
  const Figures& now = interval.now();
  for (const std::string& route : now.values_of(kRequests, "route")) {
    for (const std::string& method : now.values_of(kRequests, "method")) {
      RouteRow row{.name = route == "other" ? "any other" : method + " " + route,
                   .labels = {{"route", route}, {"method", method}}};
      row.total = now.sum(kRequests, row.labels);
      if (row.total == 0) continue;
      row.rate = interval.rate(kRequests, row.labels);
      rows.push_back(std::move(row));
    }
  }
  std::stable_sort(rows.begin(), rows.end(), [](const RouteRow& a, const RouteRow& b) {
    return std::pair(a.rate, a.total) > std::pair(b.rate, b.total);
  });
  return rows;
}

}  // namespace

Interval::Interval(const Figures& now, const Figures* before, double seconds, double now_time)
    : now_(now),
      before_(earlier(now, before) == nullptr ? kNothing : *before),
      seconds_(seconds),
      now_time_(now_time),
      is_since_start_(&before_ == &kNothing) {
  if (is_since_start_) seconds_ = uptime();
  seconds_ = std::max(seconds_, 0.001);
}

double Interval::uptime() const {
  return std::max(0.0, now_time_ - now_.sum("process_start_time_seconds"));
}

double Interval::rate(const std::string& name, const Figures::Labels& labels) const {
  return std::max(0.0, now_.sum(name, labels) - before_.sum(name, labels)) / seconds_;
}

std::vector<std::string> top_lines(const Interval& interval) {
  const Figures& now = interval.now();
  std::vector<std::string> lines;
  const auto add = [&](const char* name, const std::string& text) {
    lines.push_back(fmt::format("{:<14} {}", name, text));
  };
  add("requests", rate_text(interval.rate(kRequests)) + "/s" +
                      quantiles_text(Quantiles(now, interval.before(), kDurations, {})));
  add("verifications", outcomes_text(interval, "userbin_verifications_total", "answer"));
  add("sign-ins", outcomes_text(interval, "userbin_sign_ins_total", "outcome"));
  add("registrations", outcomes_text(interval, "userbin_registrations_total", "outcome"));
  add("throttled", outcomes_text(interval, "userbin_throttled_attempts_total", "kind"));
  add("hashes", hashes_text(interval));
  add("store reads", store_text(interval, "read"));
  add("store writes", store_text(interval, "write"));
  if (now.value("userbin_bin_pending_changes")) add("bin", bin_text(interval));
  add("connections", count_text(now.sum("userbin_connections_open")) + " open, " +
                         count_text(now.sum("userbin_connections_waiting")) + " waiting");
  add("process", process_text(interval));
  lines.emplace_back();
  lines.push_back(fmt::format("{:<28} {:>8} {:>8} {:>8} {:>8} {:>9} {:>9}", "route", "/s", "2xx/s",
                              "4xx/s", "5xx/s", "p50", "p99"));
  for (const RouteRow& row : route_rows(interval)) lines.push_back(route_line(interval, row));
  return lines;
}

std::string rate_text(double per_second) {
  if (per_second > 0 && per_second < 0.1) return fmt::format("{:.2f}", per_second);
  return fmt::format("{:.{}f}", per_second, per_second < 100 ? 1 : 0);
}

std::string time_text(double seconds) {
  if (seconds >= 1) return fmt::format("{:.1f} s", seconds);
  const double milliseconds = seconds * 1000;
  const int decimals = milliseconds < 1 ? 2 : milliseconds < 10 ? 1 : 0;
  return fmt::format("{:.{}f} ms", milliseconds, decimals);
}

std::string age_text(double seconds) {
  const auto whole = static_cast<long long>(std::max(0.0, seconds));
  if (whole >= 86'400) return fmt::format("{} d {} h", whole / 86'400, whole / 3600 % 24);
  if (whole >= 3600) return fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
  if (whole >= 60) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} s", whole);
}

std::string size_text(double bytes) {
  constexpr double kMebibyte = 1024.0 * 1024;
  return bytes < 1024 * kMebibyte ? fmt::format("{:.1f} MiB", bytes / kMebibyte)
                                  : fmt::format("{:.1f} GiB", bytes / (1024 * kMebibyte));
}

}  // namespace userbin::app
