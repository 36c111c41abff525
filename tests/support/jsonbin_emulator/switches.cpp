#include "support/jsonbin_emulator/switches.h"

#include <array>
#include <string_view>
#include <utility>

#include "support/jsonbin_emulator/json_input.h"

namespace userbin::emulator {

namespace {

using PlainGet = Switches::PlainGet;
using RetryAfter = Switches::RetryAfter;

constexpr std::array kPlainGets{std::pair<std::string_view, PlainGet>{"first", PlainGet::kFirst},
                                std::pair<std::string_view, PlainGet>{"latest", PlainGet::kLatest}};
constexpr std::array kRetryAfters{
    std::pair<std::string_view, RetryAfter>{"none", RetryAfter::kNone},
    std::pair<std::string_view, RetryAfter>{"seconds", RetryAfter::kSeconds},
    std::pair<std::string_view, RetryAfter>{"date", RetryAfter::kDate}};

}  // namespace

Json::Value to_json(const Switches& switches) {
  Json::Value value;
  value["record_limit_bytes"] = switches.record_limit_bytes;
  value["accepts_empty_array"] = switches.accepts_empty_array;
  value["plain_get"] = word_for(kPlainGets, switches.plain_get);
  value["retry_after"] = word_for(kRetryAfters, switches.retry_after);
  value["retry_after_seconds"] = switches.retry_after_seconds;
  value["bot_rule"] = switches.bot_rule;
  value["latency_ms"] = switches.latency_ms;
  value["requests_left"] =
      switches.requests_left ? Json::Value(*switches.requests_left) : Json::Value();
  return value;
}

void apply(Switches& switches, const Json::Value& changes) {
  Switches changed = switches;
  Members members(changes);
  members.take("record_limit_bytes", changed.record_limit_bytes);
  members.take("accepts_empty_array", changed.accepts_empty_array);
  members.take_word("plain_get", kPlainGets, changed.plain_get);
  members.take_word("retry_after", kRetryAfters, changed.retry_after);
  members.take("retry_after_seconds", changed.retry_after_seconds);
  members.take("bot_rule", changed.bot_rule);
  members.take("latency_ms", changed.latency_ms);
  members.take("requests_left", changed.requests_left);
  members.refuse_others();
  switches = changed;
}

Switches SharedSwitches::get() const {
  const std::lock_guard lock(mutex_);
  return switches_;
}

Switches SharedSwitches::change(const Json::Value& changes) {
  const std::lock_guard lock(mutex_);
  apply(switches_, changes);
  return switches_;
}

bool SharedSwitches::charge() {
  const std::lock_guard lock(mutex_);
  if (!switches_.requests_left) return true;
  if (*switches_.requests_left == 0) return false;
  --*switches_.requests_left;
  return true;
}

}  // namespace userbin::emulator
