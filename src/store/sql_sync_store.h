#pragma once

#include "store/database.h"
#include "store/sync_store.h"

namespace userbin::store {

/// The tables beside that of the users. Thread-safe, as SyncStore says.
class SqlSyncStore final : public SyncStore {
 public:
  /// `database` outlives this.
  explicit SqlSyncStore(Database& database) : database_(database) {}

  void set_place(const std::string& place) override;
  std::string place() override;
  std::vector<SyncedUser> load() override;
  std::vector<PendingChange> pending(std::size_t limit) override;
  std::size_t count_pending() override;
  std::size_t total_bytes() override;
  bool apply(const std::vector<SyncChange>& changes) override;
  std::vector<Json::Value> set_aside() override;
  std::string state() override;
  void set_state(const std::string& state) override;
  void count_request(std::int64_t hour) override;
  std::int64_t requests(std::int64_t since_hour) override;
  int server_number() override;

 private:
  std::string value(const std::string& name);

  Database& database_;
};

}  // namespace userbin::store
