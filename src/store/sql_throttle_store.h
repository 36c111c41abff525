#pragma once

#include "store/database.h"
#include "store/throttle_store.h"

namespace userbin::store {

/// In tables of an SQL database. Thread-safe, as ThrottleStore says.
class SqlThrottleStore final : public ThrottleStore {
 public:
  /// `database` outlives this.
  explicit SqlThrottleStore(Database& database) : database_(database) {}

  std::string name_key(const std::string& drawn) override;
  std::vector<ThrottleEntry> load() override;
  void save(const std::vector<ThrottleEntry>& changed, const std::vector<ThrottleKey>& gone,
            const std::string& by = "") override;
  ThrottleNews news(std::int64_t since, const std::string& by) override;
  std::size_t lift(const ThrottleLift& lift) override;
  std::vector<ThrottleLift> lifts() override;

 private:
  Database& database_;
};

}  // namespace userbin::store
