#pragma once

#include "store/database.h"
#include "store/session_store.h"

namespace userbin::store {

/// Within a transaction of the caller.
void insert_session(Connection& connection, const Session& session);
std::size_t remove_sessions(Connection& connection, const std::string& user_key);

/// Sessions in a table of an SQL database. Thread-safe, as SessionStore says.
class SqlSessionStore final : public SessionStore {
 public:
  /// `database` outlives this.
  explicit SqlSessionStore(Database& database) : database_(database) {}

  void insert(const Session& session) override;
  std::optional<Session> find(std::string_view token_hash) override;
  bool remove(std::string_view token_hash) override;
  std::size_t remove_all(std::string_view user_key) override;
  std::vector<Session> list(std::string_view user_key) override;
  void touch(const std::vector<SessionUse>& uses) override;
  std::size_t remove_expired(base::WallTime now) override;

 private:
  Database& database_;
};

}  // namespace userbin::store
