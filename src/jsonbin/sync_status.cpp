#include "jsonbin/sync_status.h"

namespace userbin::jsonbin {

namespace {

Json::Value time_in(const std::optional<base::WallTime>& time) {
  return time ? Json::Value(base::format_rfc3339(*time)) : Json::Value();
}

std::optional<base::WallTime> time_from(const Json::Value& value) {
  return value.isString() ? base::parse_rfc3339(value.asString()) : std::nullopt;
}

void read(const Json::Value& value, SyncStatus& status) {
  if (const Json::Value& problem = value["problem"]; problem.isObject()) {
    status.problem = store::Replica::Problem{.word = problem["word"].asString(),
                                             .sentence = problem["sentence"].asString(),
                                             .is_passing = problem["is_passing"].asBool()};
    status.problem_since = time_from(problem["since"]);
  }
  status.last_success = time_from(value["last_success"]);
  status.next_attempt = time_from(value["next_attempt"]);
  for (const Json::Value& bin : value["bins"]) {
    status.bins.push_back({bin["id"].asString(), bin["bytes"].asUInt64()});
  }
}

}  // namespace

Json::Value to_json(const SyncStatus& status) {
  Json::Value value(Json::objectValue);
  if (status.problem) {
    value["problem"]["word"] = status.problem->word;
    value["problem"]["sentence"] = status.problem->sentence;
    value["problem"]["is_passing"] = status.problem->is_passing;
    value["problem"]["since"] = time_in(status.problem_since);
  }
  value["last_success"] = time_in(status.last_success);
  value["next_attempt"] = time_in(status.next_attempt);
  value["bins"] = Json::Value(Json::arrayValue);
  for (const BinSize& bin : status.bins) {
    Json::Value entry;
    entry["id"] = bin.id;
    entry["bytes"] = Json::UInt64{bin.bytes};
    value["bins"].append(entry);
  }
  return value;
}

SyncStatus sync_status_from(const Json::Value& value) {
  SyncStatus status;
  if (!value.isObject()) return status;
  try {
    read(value, status);
  } catch (const Json::Exception&) {  // a member of another type: the rest is left empty
  }
  return status;
}

}  // namespace userbin::jsonbin
