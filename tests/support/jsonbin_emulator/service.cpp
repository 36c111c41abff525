#include "support/jsonbin_emulator/service.h"

#include "base/log.h"
#include "support/jsonbin_emulator/replies.h"

namespace userbin::emulator {

namespace {

/// The agents that the guard refuses.
bool is_default_agent(const std::string& user_agent) {
  return user_agent.empty() || user_agent.starts_with("python-requests") ||
         user_agent.starts_with("Python-urllib");
}

http::Response replaced_body(const Rule& rule) {
  http::Response response = json_reply(rule.body);
  response.status = static_cast<int>(rule.status);
  response.headers = {{"Content-Type", rule.content_type}};
  return response;
}

}  // namespace

struct Service::Call {
  const http::Request& request;
  Target target;
  Switches switches;
};

Service::Service(const std::filesystem::path& folder, Keys keys, const Switches& switches,
                 const base::Clock& clock, Pause pause)
    : folder_(folder),
      clock_(clock),
      pause_(std::move(pause)),
      bins_(folder, clock),
      api_(bins_, std::move(keys)),
      switches_(switches) {}

Service::~Service() = default;

http::Response Service::answer(const http::Request& request) {
  const Call call{request, target_of(request.method, request.path), switches_.get()};
  if (call.switches.bot_rule && is_default_agent(request.user_agent)) {
    stats_.count(call.target, bot_reply().status);
    return bot_reply();
  }
  const Hit hit = faults_.take(call.target);
  const std::chrono::milliseconds latency(call.switches.latency_ms + hit.latency_ms);
  pause_(latency / 2);
  http::Response response = answer(call, hit.rule);
  pause_(latency - latency / 2);
  stats_.count(call.target, response.status);
  return response;
}

http::Response Service::answer(const Call& call, const std::optional<Rule>& rule) {
  const bool is_cut = rule && rule->fault == Fault::kCut;
  if (is_cut) return cut_reply();
  if (!switches_.charge()) return exhausted_reply();
  return rule ? with_fault(call, *rule) : carry_out(call);
}

http::Response Service::with_fault(const Call& call, const Rule& rule) {
  switch (rule.fault) {
    case Fault::kTooFast: return too_fast_reply(call.switches, clock_.now());
    case Fault::kHtml500: return page(call, rule, 500);
    case Fault::kHtml502: return page(call, rule, 502);
    case Fault::kHtml504: return page(call, rule, 504);
    case Fault::kQuotaSpent: return exhausted_reply();
    case Fault::kCutBody: return cut_in_half(carry_out(call));
    case Fault::kLostAnswer: carry_out(call); return cut_reply();
    case Fault::kLateWrite:
      carry_out_later(call, std::chrono::milliseconds(rule.ms));
      return cut_reply();
    case Fault::kStaleRead:
      return api_.answer(call.request, call.target, call.switches, Api::Freshness::kStale);
    case Fault::kSlowBody: return slowed(carry_out(call), rule.bytes_per_second);
    case Fault::kBody: carry_out(call); return replaced_body(rule);
    case Fault::kHuge: return huge_reply(folder_, rule.bytes);
    case Fault::kLatency:
    case Fault::kCut: break;
  }
  return cut_reply();
}

http::Response Service::page(const Call& call, const Rule& rule, int status) {
  if (rule.applied) carry_out(call);
  return html_reply(status);
}

http::Response Service::carry_out(const Call& call) const {
  return api_.answer(call.request, call.target, call.switches);
}

void Service::carry_out_later(const Call& call, std::chrono::milliseconds delay) {
  ++late_writes_;
  const std::lock_guard lock(threads_mutex_);
  threads_.emplace_back(
      [this, request = call.request, target = call.target, switches = call.switches, delay] {
        pause_(delay);
        try {
          api_.answer(request, target, switches);
        } catch (const std::exception& error) {
          spdlog::error("a late write failed: {}", error.what());
        }
        --late_writes_;
      });
}

}  // namespace userbin::emulator
