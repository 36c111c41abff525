// Registration and login, as rules that know no HTTP.
#pragma once

#include <optional>
#include <string>

#include "auth/hash_pool.h"
#include "auth/password.h"
#include "auth/role.h"
#include "auth/username.h"
#include "base/clock.h"
#include "store/replica.h"
#include "store/user_store.h"

namespace userbin::auth {

enum class RegisterResult {
  kRegistered,
  kNameTaken,
  kListFull,
  /// admit()'s alone: the invitation is good no more.
  kNoInvitation,
};

/// As what somebody is let in who registers himself.
struct Admission {
  Role role;
  /// He is disabled until an admin approves.
  bool waits = false;
  /// Hash of the token of the invitation that is used up; empty: none.
  std::string invitation;
};

/// What came of a name and a password.
struct LoginCheck {
  enum class Outcome { kRight, kUnknownUser, kWrongPassword, kDisabled, kAwaitingApproval };

  Outcome outcome = Outcome::kUnknownUser;
  /// Who has the name, with the hash that the store now has; none for kUnknownUser.
  std::optional<store::User> user;
};

/// Makes users and checks their passwords. Any thread may call; what it is made from outlives it.
/// Every task throws base::StoreUnavailable and base::Overloaded.
class Accounts {
 public:
  Accounts(store::UserStore& users, store::Replica& replica, HashPool& hashes,
           const base::Clock& clock);

  /// When this says kRegistered, the user is on the disk.
  base::Task<RegisterResult> register_user(Username username, Password password, Role role = {});

  /// The same by an invitation, which is used up in the step that makes the user, and stays as good
  /// as it was unless this says kRegistered; or as one who waits.
  base::Task<RegisterResult> admit(Username username, Password password, Admission admission);

  /// As authenticate(), for the owner, who may know why it failed. Somebody who is disabled is told
  /// from a wrong password only if he waits for approval and his password is right.
  base::Task<LoginCheck> check_login(std::string username, base::SecretString password);

  /// The user, if he exists, is not disabled, and the password is his. Takes as long whichever of
  /// these fails (but for a hash of another kind, which takes its own time until it is replaced). A
  /// hash that is not of today's kind is replaced by one that is.
  base::Task<std::optional<store::User>> authenticate(std::string username,
                                                      base::SecretString password);

 private:
  RegisterResult put(const store::User& user, const std::optional<store::StoredUser>& holder,
                     const std::string& invitation);
  /// The user as he is stored afterwards. Failing to replace a hash fails no login; the next one
  /// tries again.
  base::Task<store::User> rehash(store::StoredUser stored, base::SecretString password);

  store::UserStore& users_;
  store::Replica& replica_;
  HashPool& hashes_;
  const base::Clock& clock_;
  const std::string nobodys_hash_;
};

}  // namespace userbin::auth
