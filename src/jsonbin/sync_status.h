// How the synchronisation is doing, for those who ask: the worker's /readyz, 'userbin bin status'.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <json/value.h>

#include "base/clock.h"
#include "store/replica.h"

namespace userbin::jsonbin {

struct BinSize {
  std::string id;
  /// Of the document as it was last read or written.
  std::size_t bytes = 0;
};

/// A value; not synchronised.
struct SyncStatus {
  std::optional<store::Replica::Problem> problem;
  std::optional<base::WallTime> problem_since;
  /// When the store and the bins were last found, or made, the same.
  std::optional<base::WallTime> last_success;
  /// No request is sent before, if it is later than now.
  std::optional<base::WallTime> next_attempt;
  std::vector<BinSize> bins;
};

Json::Value to_json(const SyncStatus& status);
/// What cannot be read is left empty.
SyncStatus sync_status_from(const Json::Value& value);

}  // namespace userbin::jsonbin
