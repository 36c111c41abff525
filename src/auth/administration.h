// What becomes of accounts after their registration, as rules that know no HTTP.
#pragma once

#include <optional>
#include <string>

#include "auth/hash_pool.h"
#include "auth/password.h"
#include "auth/role.h"
#include "base/clock.h"
#include "store/replica.h"
#include "store/user_store.h"

namespace userbin::auth {

enum class AccountResult {
  kDone,
  kNoSuchUser,
  kWrongPassword,
  /// No active admin would remain.
  kLastAdmin,
};

enum class RestoreResult {
  kRestored,
  /// Nobody of this name was deleted within store::kDeletionKept.
  kNoSuchUser,
  /// There is a user of this name, who isn't deleted.
  kNotDeleted,
  /// That he was deleted is known, his record is not: he deleted himself, or was deleted in a bin
  /// or by another server.
  kNotKept,
  kListFull,
};

/// What an admin changes of a user; what is nullopt stays.
struct UserPatch {
  std::optional<Role> role;
  std::optional<bool> disabled;
  std::optional<Password> password;
};

/// Changes users and deletes them. Any thread may call; what it is made from outlives it. `key` is
/// a user_key() throughout. Everything throws base::StoreUnavailable, what hashes base::Overloaded.
///
/// A new password, disabling and deleting end the user's sessions, in the same transaction. The
/// last active admin stays one, whoever asks and however many at once.
class Administration {
 public:
  Administration(store::UserStore& users, store::Replica& replica, HashPool& hashes,
                 const base::Clock& clock)
      : users_(users), replica_(replica), hashes_(hashes), clock_(clock) {}

  /// Gives a user who knows his password another one. All his sessions end, `next_session` begins.
  base::Task<AccountResult> change_own_password(std::string key, base::SecretString current,
                                                Password next, store::Session next_session);
  /// Deletes a user who knows his password. Nothing of him is kept that could be restored.
  base::Task<AccountResult> remove_own(std::string key, base::SecretString current);

  /// All of the patch or nothing. A patch that changes nothing is done.
  base::Task<AccountResult> change(std::string key, UserPatch patch);
  /// What is left is a deletion. For store::kDeletionKept it can be undone by restore().
  AccountResult remove(const std::string& key);
  /// Brings a user who was deleted by remove() back, with his password and role: as the successor
  /// of his deletion, so that it reaches the bin and other servers.
  RestoreResult restore(const std::string& key);

 private:
  /// nullopt: no such user, or he is disabled or deleted.
  std::optional<store::StoredUser> find_active(const std::string& key);
  base::Task<bool> is_password_of(store::User user, base::SecretString password);

  store::UserStore& users_;
  store::Replica& replica_;
  HashPool& hashes_;
  const base::Clock& clock_;
};

}  // namespace userbin::auth
