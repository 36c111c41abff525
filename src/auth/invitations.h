// Who was asked to register.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/role.h"
#include "base/clock.h"
#include "base/secret.h"
#include "store/invitation_store.h"
#include "store/user_store.h"

namespace userbin::auth {

/// How long an invitation may be good, in days.
inline constexpr int kMinInvitationDays = 1;
inline constexpr int kMaxInvitationDays = 90;
inline constexpr int kInvitationDays = 7;

struct NewInvitation {
  /// For the link alone.
  base::SecretString token;
  store::Invitation row;
};

/// Names an invitation to admins: 16 hexadecimal digits, from which no token can be found.
std::string invitation_id(const store::Invitation& invitation);

/// Makes, finds and revokes invitations. Any thread may call; the stores outlive this. Calls throw
/// base::StoreUnavailable.
///
/// An invitation is good for one registration (Accounts::admit uses it up), until it expires, and
/// as long as who made it is an active admin: who no longer may make users can't make them by
/// yesterday's links. The owner's, by the command line, need nobody.
class Invitations {
 public:
  Invitations(store::InvitationStore& invitations, store::UserStore& users,
              const base::Clock& clock)
      : invitations_(invitations), users_(users), clock_(clock) {}

  /// `maker` is a user_key(), or empty for the owner.
  NewInvitation create(const Role& role, const std::string& maker, std::chrono::days good_for);
  /// nullopt unless it is good now.
  std::optional<store::Invitation> find(std::string_view token);
  /// Those that have not expired, the newest first; also such whose maker is no admin now.
  std::vector<store::Invitation> list();
  /// By its invitation_id(). False if there is none.
  bool revoke(std::string_view id);
  /// Forgets those that have expired.
  void forget_expired();

 private:
  bool is_by_one_who_may(const store::Invitation& invitation);

  store::InvitationStore& invitations_;
  store::UserStore& users_;
  const base::Clock& clock_;
};

}  // namespace userbin::auth
