#pragma once

#include "store/database.h"
#include "store/invitation_store.h"

namespace userbin::store {

/// Within a transaction of the caller. False if there is no such invitation, or it has expired.
bool use_invitation(Connection& connection, const InvitationUse& use);

/// Invitations in a table of an SQL database. Thread-safe, as InvitationStore says.
class SqlInvitationStore final : public InvitationStore {
 public:
  /// `database` outlives this.
  explicit SqlInvitationStore(Database& database) : database_(database) {}

  void insert(const Invitation& invitation) override;
  std::optional<Invitation> find(std::string_view token_hash) override;
  std::vector<Invitation> list() override;
  bool remove(std::string_view token_hash) override;
  std::size_t remove_expired(base::WallTime now) override;

 private:
  Database& database_;
};

}  // namespace userbin::store
