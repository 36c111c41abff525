#pragma once

#include "store/database.h"
#include "store/user_store.h"

namespace userbin::store {

/// Users in a table of an SQL database. Thread-safe, as UserStore says.
class SqlUserStore final : public UserStore {
 public:
  /// `database` outlives this.
  explicit SqlUserStore(Database& database) : database_(database) {}

  std::optional<StoredUser> find(std::string_view key) override;
  bool insert(const User& user) override;
  bool update(const User& user, std::int64_t revision) override;
  ChangeResult change(const User& user, std::int64_t revision,
                      const ChangeEffects& effects) override;
  AdmitResult admit(const User& user, std::int64_t revision,
                    const InvitationUse& invitation) override;
  std::optional<User> former(std::string_view key) override;
  std::size_t forget_deletions(base::WallTime now) override;
  bool remove(std::string_view key, std::int64_t revision) override;
  ChangeResult import(const std::vector<StoredUser>& users,
                      const std::function<void(std::size_t done)>& progress) override;
  std::vector<StoredUser> list(std::string_view after, std::size_t limit) override;
  std::vector<User> search(const UserFilter& filter, std::string_view after,
                           std::size_t limit) override;
  void check() override;

 private:
  Database& database_;
};

}  // namespace userbin::store
