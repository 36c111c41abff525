#include "support/jsonbin_emulator/stats.h"

#include "support/jsonbin_emulator/bins.h"
#include "support/jsonbin_emulator/replies.h"

namespace userbin::emulator {

namespace {

Json::Value as_object(const std::map<std::string, std::uint64_t>& counts) {
  Json::Value object(Json::objectValue);
  for (const auto& [name, count] : counts) object[name] = Json::UInt64{count};
  return object;
}

bool is_about_bin(const Target& target) {
  return target.verb != Verb::kList && is_id(target.id);
}

}  // namespace

void Stats::count(const Target& target, int status) {
  const std::string verb(name_of(target.verb));
  const std::lock_guard lock(mutex_);
  ++requests_;
  ++verbs_[verb];
  if (is_about_bin(target)) ++bins_[target.id][verb];
  if (status == kCutStatus) {
    ++cut_;
  } else if (status >= 400) {
    ++refused_;
  }
}

void Stats::reset() {
  const std::lock_guard lock(mutex_);
  requests_ = refused_ = cut_ = 0;
  verbs_.clear();
  bins_.clear();
}

Json::Value Stats::to_json() const {
  const std::lock_guard lock(mutex_);
  Json::Value value;
  value["requests"] = Json::UInt64{requests_};
  value["refused"] = Json::UInt64{refused_};
  value["cut"] = Json::UInt64{cut_};
  value["verbs"] = as_object(verbs_);
  value["bins"] = Json::Value(Json::objectValue);
  for (const auto& [id, counts] : bins_) value["bins"][id] = as_object(counts);
  return value;
}

}  // namespace userbin::emulator
