#include "support/jsonbin_emulator/faults.h"

#include <array>
#include <iterator>
#include <string_view>
#include <utility>

#include "support/jsonbin_emulator/json_input.h"

namespace userbin::emulator {

namespace {

using NamedFault = std::pair<std::string_view, Fault>;
using NamedVerb = std::pair<std::string_view, std::optional<Verb>>;

constexpr std::array kFaults{
    NamedFault{"latency", Fault::kLatency},
    NamedFault{"too_fast", Fault::kTooFast},
    NamedFault{"html_500", Fault::kHtml500},
    NamedFault{"html_502", Fault::kHtml502},
    NamedFault{"html_504", Fault::kHtml504},
    NamedFault{"quota_spent", Fault::kQuotaSpent},
    NamedFault{"cut", Fault::kCut},
    NamedFault{"cut_body", Fault::kCutBody},
    NamedFault{"lost_answer", Fault::kLostAnswer},
    NamedFault{"late_write", Fault::kLateWrite},
    NamedFault{"stale_read", Fault::kStaleRead},
    NamedFault{"slow_body", Fault::kSlowBody},
    NamedFault{"body", Fault::kBody},
    NamedFault{"huge", Fault::kHuge},
};

const std::array kVerbs = [] {
  std::array<NamedVerb, 9> verbs{NamedVerb{"any", std::nullopt}};
  std::size_t i = 1;
  for (const Verb verb :
       {Verb::kCreate, Verb::kRead, Verb::kUpdate, Verb::kDelete, Verb::kCountVersions,
        Verb::kDeleteVersions, Verb::kList, Verb::kCreateCollection}) {
    verbs[i++] = {name_of(verb), verb};
  }
  return verbs;
}();

constexpr std::uint64_t kLeastHugeBytes = 4;

Rule to_rule(const Json::Value& value) {
  Rule rule;
  Members members(value);
  if (!value.isMember("fault")) throw BadInput("'fault' is missing");
  members.take_word("fault", kFaults, rule.fault);
  members.take_word("verb", kVerbs, rule.verb);
  members.take("bin", rule.bin);
  members.take("times", rule.times);
  members.take("after", rule.after);
  members.take("ms", rule.ms);
  members.take("bytes", rule.bytes);
  members.take("bytes_per_second", rule.bytes_per_second);
  members.take("status", rule.status);
  members.take("applied", rule.applied);
  members.take("body", rule.body);
  members.take("content_type", rule.content_type);
  members.refuse_others();
  if (rule.status < 200 || rule.status > 599) throw BadInput("'status' must be 200 to 599");
  if (rule.bytes < kLeastHugeBytes) throw BadInput("'bytes' must be at least 4");
  if (rule.bytes_per_second == 0) throw BadInput("'bytes_per_second' must be at least 1");
  return rule;
}

bool fits(const Rule& rule, const Target& target) {
  if (rule.verb && *rule.verb != target.verb) return false;
  if (!rule.bin.empty() && rule.bin != target.id) return false;
  if (rule.fault == Fault::kLateWrite) return is_change(target.verb);
  if (rule.fault == Fault::kStaleRead) return target.verb == Verb::kRead;
  return true;
}

}  // namespace

void Faults::add(const Json::Value& rules) {
  std::vector<Rule> added;
  if (rules.isArray()) {
    for (const Json::Value& rule : rules) added.push_back(to_rule(rule));
  } else {
    added.push_back(to_rule(rules));
  }
  const std::lock_guard lock(mutex_);
  std::move(added.begin(), added.end(), std::back_inserter(rules_));
}

void Faults::clear() {
  const std::lock_guard lock(mutex_);
  rules_.clear();
}

Json::Value Faults::list() const {
  const std::lock_guard lock(mutex_);
  Json::Value list(Json::arrayValue);
  for (const Rule& rule : rules_) {
    Json::Value entry;
    entry["fault"] = word_for(kFaults, rule.fault);
    entry["verb"] = word_for(kVerbs, rule.verb);
    entry["bin"] = rule.bin;
    entry["times"] = Json::UInt64{rule.times};
    entry["after"] = Json::UInt64{rule.after};
    list.append(entry);
  }
  return list;
}

Hit Faults::take(const Target& target) {
  const std::lock_guard lock(mutex_);
  Hit hit;
  for (Rule& rule : rules_) {
    if (hit.rule) break;
    if (!fits(rule, target)) continue;
    if (rule.after > 0) {
      --rule.after;
      continue;
    }
    if (rule.fault == Fault::kLatency) {
      hit.latency_ms += rule.ms;
    } else {
      hit.rule = rule;
    }
    if (rule.times > 0) rule.is_spent = --rule.times == 0;
  }
  std::erase_if(rules_, [](const Rule& rule) { return rule.is_spent; });
  return hit;
}

}  // namespace userbin::emulator
