// What was asked of the service: a test's proof of what its client did.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include <json/value.h>

#include "support/jsonbin_emulator/target.h"

namespace userbin::emulator {

/// Counts requests. Any thread may call.
class Stats {
 public:
  /// Counted when it is answered; `status` is nginx's 444 for one that is cut.
  void count(const Target& target, int status);
  void reset();

  /// {"requests", "verbs": {verb: n}, "refused" (4xx and 5xx), "cut" (without an answer),
  /// "bins": {id: {verb: n}}}. What has not happened is not in the two maps.
  Json::Value to_json() const;

 private:
  using Counts = std::map<std::string, std::uint64_t>;

  mutable std::mutex mutex_;
  // Guarded by mutex_:
  std::uint64_t requests_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t cut_ = 0;
  Counts verbs_;
  std::map<std::string, Counts> bins_;
};

}  // namespace userbin::emulator
