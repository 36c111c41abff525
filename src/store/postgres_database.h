#pragma once

#include <atomic>
#include <cstdint>

#include "store/database.h"

namespace userbin::store {

/// A database of PostgreSQL's, or of what speaks its protocol. Of several hosts in the URL, the one
/// that takes changes.
///
/// Work that failed because another transaction came first (SQLSTATE 40001, 40P01) is done again.
/// After a connection that broke, work that only reads is done again on a new one; work that
/// changes something is not, as nobody knows whether it was done. While the server is away, calls
/// fail at once, but for one each second that looks for it.
class PostgresDatabase final : public Database {
 public:
  /// Connects, and brings the schema up to date. Throws base::StoreUnavailable, or base::BadSetting
  /// if the URL has a password in it or the password's file cannot be read.
  explicit PostgresDatabase(const StoreOptions& options);

  /// The URL.
  std::string name() const override { return url_; }
  /// Another one after each change by this program, and each time that `cache_ttl` is over.
  std::uint64_t version() override;
  /// Its own tools look for that.
  std::string find_damage() override { return ""; }

 protected:
  void prepare() override;
  std::unique_ptr<Connection> open_connection() override;
  /// Whether the server has not closed it, nor said anything unasked.
  bool is_fit(Connection& connection) override;
  bool is_at_rest(Connection& connection) override;
  void note_change() override { ++changes_; }
  void note_answer() override;
  bool may_do_again(const soci::soci_error& error, bool is_change, int failures) override;
  std::string explained(const soci::soci_error& error) const override;

 private:
  void bring_schema_up_to_date();

  const std::string url_;
  const std::string connect_string_;
  const std::chrono::milliseconds cache_ttl_;
  std::atomic<std::uint64_t> changes_ = 0;

  std::mutex state_mutex_;
  // Guarded by state_mutex_:
  /// Until then the server is taken to be away.
  std::chrono::steady_clock::time_point away_until_{};
  std::string away_because_;
};

}  // namespace userbin::store
