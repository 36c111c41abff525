#include <algorithm>
#include <cstdio>

#include <CLI/CLI.hpp>

#include "app/bin_commands.h"
#include "app/bin_tools.h"
#include "base/json.h"
#include "jsonbin/schedule.h"

namespace userbin::app {

namespace {

struct Report {
  std::size_t pending = 0;
  /// The stamp of the oldest pending change, if any.
  std::string pending_since;
  std::int64_t requests = 0;
  std::int64_t requests_today = 0;
  std::vector<Json::Value> set_aside;
  jsonbin::SyncStatus sync;
};

Report make_report(OpenStore& store) {
  store::SqlSyncStore& rows = store.rows();
  Report report;
  for (const store::SyncedUser& user : rows.load()) {
    if (user.revision == user.in_bin) continue;
    ++report.pending;
    const std::string stamp = jsonbin::stamp_of(user.user.record()).text;
    const bool is_oldest = report.pending_since.empty() || stamp < report.pending_since;
    if (is_oldest && !stamp.empty()) report.pending_since = stamp;
  }
  report.requests = rows.requests(0);
  report.requests_today = rows.requests(jsonbin::Budget::first_hour(store.clock().now()));
  report.set_aside = rows.set_aside();
  report.sync = jsonbin::sync_status_from(base::from_json(rows.state()).value_or(Json::Value()));
  return report;
}

std::string text_of(const std::optional<base::WallTime>& time) {
  return time ? base::format_rfc3339(*time) : "never";
}

void print_report(const Report& report, const Settings& settings, base::WallTime now) {
  const BinSettings& bin = settings.bin;
  const bool is_single = !bin.sync.bin_id.empty();
  std::printf("%-13s %s at %s\n", is_single ? "bin" : "collection",
              (is_single ? bin.sync.bin_id : bin.sync.collection_id).c_str(), bin.url.c_str());
  if (report.pending == 0) {
    std::printf("pending       nothing\n");
  } else {
    const std::string since =
        report.pending_since.empty() ? "" : ", since " + shown(report.pending_since);
    std::printf("pending       %zu%s\n", report.pending, since.c_str());
  }
  if (report.sync.problem) {
    std::printf("problem       %s (since %s)\n", shown(report.sync.problem->sentence).c_str(),
                text_of(report.sync.problem_since).c_str());
  }
  std::printf("last success  %s\n", text_of(report.sync.last_success).c_str());
  const bool is_held = report.sync.next_attempt && *report.sync.next_attempt > now;
  std::printf("next attempt  %s\n", is_held ? text_of(report.sync.next_attempt).c_str()
                                            : "as soon as there is something to do");
  const std::string limit =
      bin.sync.requests_per_day == 0 ? "" : " of " + std::to_string(bin.sync.requests_per_day);
  std::printf("requests      %lld in all, %lld%s in the last 24 hours\n",
              static_cast<long long>(report.requests),
              static_cast<long long>(report.requests_today), limit.c_str());
  print_bins(report.sync, bin.sync.max_bytes);
  for (const Json::Value& user : report.set_aside) {
    std::printf("set aside     %s, made %s: the name is another's who was first\n",
                shown(user["username"].asString()).c_str(),
                shown(jsonbin::identity_of(user).created.text).c_str());
  }
}

/// The same as an object, without hashes.
Json::Value as_json(const Report& report) {
  Json::Value value = jsonbin::to_json(report.sync);
  value["pending"] = Json::UInt64{report.pending};
  value["pending_since"] = report.pending == 0 ? Json::Value() : Json::Value(report.pending_since);
  value["requests"] = Json::Int64{report.requests};
  value["requests_last_24_hours"] = Json::Int64{report.requests_today};
  value["set_aside"] = Json::Value(Json::arrayValue);
  for (Json::Value user : report.set_aside) {
    user.removeMember("password");
    value["set_aside"].append(user);
  }
  return value;
}

}  // namespace

int bin_status(std::span<char*> arguments) {
  bool wants_json = false;
  const auto declare = [&](CLI::App& app) {
    app.add_flag("--json", wants_json, "print an object for programs");
  };
  return run_bin_command(
      arguments, "status",
      "Says how far the bin follows the store: what is pending and since when, the last success,\n"
      "requests used, room left. Sends no request.",
      declare, [&](const Settings& settings) {
        require_bin(settings);
        OpenStore store(settings);
        const Report report = make_report(store);
        if (wants_json) {
          std::printf("%s\n", base::to_json(as_json(report)).c_str());
        } else {
          print_report(report, settings, store.clock().now());
        }
        return 0;
      });
}

}  // namespace userbin::app
