// Which requests go wrong, and how.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <json/value.h>

#include "support/jsonbin_emulator/target.h"

namespace userbin::emulator {

enum class Fault {
  /// `ms` more latency. All rules of this kind add up, and another fault may come on top.
  kLatency,
  /// 429.
  kTooFast,
  /// An outage's page in HTML. With `applied`, the request was carried out all the same.
  kHtml500,
  kHtml502,
  kHtml504,
  /// 403 as if the plan's requests were used up, whatever is left of them.
  kQuotaSpent,
  /// The connection is closed without an answer, and nothing is done. (libcurl sends a request that
  /// was cut on a kept connection again by itself, PUTs and POSTs too: so may others.)
  kCut,
  /// Carried out, and half of the answer's body is sent.
  kCutBody,
  /// Carried out, and the connection is closed without an answer.
  kLostAnswer,
  /// The connection is closed without an answer, and `ms` later the change is carried out.
  kLateWrite,
  /// A read gives the document before the latest.
  kStaleRead,
  /// Carried out; the answer, headers included, comes at `bytes_per_second`, in steps of a second.
  kSlowBody,
  /// Carried out; the answer is `status` with `body` as `content_type`.
  kBody,
  /// Not carried out; the answer is 200 with a JSON array of `bytes` bytes.
  kHuge,
};

/// Applies to the requests with `verb` (none: any) to `bin` (empty: any): passes over the first
/// `after` of them, then hits `times` (0: until it is cleared). A fault that has no meaning for a
/// verb does not hit it: kLateWrite is for changes, kStaleRead for reads.
struct Rule {
  Fault fault = Fault::kLatency;
  std::optional<Verb> verb;
  std::string bin;
  std::uint64_t times = 0;
  std::uint64_t after = 0;

  std::uint64_t ms = 0;
  std::uint64_t bytes = 50'000'000;
  std::uint64_t bytes_per_second = 100;
  std::uint64_t status = 200;
  bool applied = false;
  std::string body;
  std::string content_type = "application/json; charset=utf-8";

  /// It has hit all of its `times`.
  bool is_spent = false;
};

/// What a request meets.
struct Hit {
  std::uint64_t latency_ms = 0;
  /// Never one of kLatency.
  std::optional<Rule> rule;
};

/// The rules in force, in the order in which they were added. Any thread may call.
class Faults {
 public:
  /// `rules` is one or an array of them; the members are called as Rule's, the faults "latency",
  /// "too_fast", "html_500", "html_502", "html_504", "quota_spent", "cut", "cut_body",
  /// "lost_answer", "late_write", "stale_read", "slow_body", "body" and "huge". Throws BadInput,
  /// and adds none, if there is a mistake.
  void add(const Json::Value& rules);
  void clear();
  /// The rules that are left: {"fault", "verb", "bin", "times", "after"}.
  Json::Value list() const;

  /// Counts a request: all of the latency that fits, and the first other rule that does.
  Hit take(const Target& target);

 private:
  mutable std::mutex mutex_;
  std::vector<Rule> rules_;  // guarded by mutex_
};

}  // namespace userbin::emulator
