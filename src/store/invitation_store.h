// Where invitations are kept.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace userbin::store {

struct Invitation {
  std::string token_hash;
  /// What who registers with it becomes.
  std::string role;
  /// user_key() of the admin who made it; empty: the owner, by the command line.
  std::string maker;
  base::WallTime created_at{};
  /// From then on it is no good.
  base::WallTime expires_at{};
};

/// That a registration uses an invitation up.
struct InvitationUse {
  std::string token_hash;
  base::WallTime at{};
};

/// Same promises as UserStore: atomic, durable, any thread, base::StoreUnavailable. Used up is an
/// invitation by UserStore::admit().
class InvitationStore {
 public:
  virtual ~InvitationStore() = default;

  virtual void insert(const Invitation& invitation) = 0;
  /// Expired ones are found too, until remove_expired() has taken them away.
  virtual std::optional<Invitation> find(std::string_view token_hash) = 0;
  /// The newest first.
  virtual std::vector<Invitation> list() = 0;
  /// False if there was none.
  virtual bool remove(std::string_view token_hash) = 0;
  virtual std::size_t remove_expired(base::WallTime now) = 0;
};

}  // namespace userbin::store
