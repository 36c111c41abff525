#include "auth/accounts.h"

#include "base/failure.h"
#include "base/log.h"
#include "base/text.h"

namespace userbin::auth {

Accounts::Accounts(store::UserStore& users, store::Replica& replica, HashPool& hashes,
                   const base::Clock& clock)
    : users_(users),
      replica_(replica),
      hashes_(hashes),
      clock_(clock),
      nobodys_hash_(hash_of_no_password(hashes.cost())) {}

base::Task<RegisterResult> Accounts::register_user(Username username, Password password,
                                                   Role role) {
  Admission admission{.role = std::move(role), .waits = false, .invitation = ""};
  return admit(std::move(username), std::move(password), std::move(admission));
}

base::Task<RegisterResult> Accounts::admit(Username username, Password password,
                                           Admission admission) {
  const std::string key = store::user_key(username.text());
  // Looked up first to spare the hash; the store decides.
  auto holder = users_.find(key);
  if (holder && !holder->user.deleted()) co_return RegisterResult::kNameTaken;
  const std::string hash = co_await hashes_.hash(password.secret());
  store::User user(username.text(), hash, clock_.now());
  user.set_role(admission.role.text());
  if (admission.waits) user.become_waiting();
  if (holder) user.succeed(holder->user);
  const auto room = replica_.room_for(user);
  if (!room) co_return RegisterResult::kListFull;
  co_return put(user, holder, admission.invitation);
}

RegisterResult Accounts::put(const store::User& user,
                             const std::optional<store::StoredUser>& holder,
                             const std::string& invitation) {
  if (invitation.empty()) {
    const bool is_done =
        holder ? users_.change(user, holder->revision, {}) == store::ChangeResult::kDone
               : users_.insert(user);
    return is_done ? RegisterResult::kRegistered : RegisterResult::kNameTaken;
  }
  const store::InvitationUse use{.token_hash = invitation, .at = clock_.now()};
  switch (users_.admit(user, holder ? holder->revision : 0, use)) {
    case store::AdmitResult::kDone: return RegisterResult::kRegistered;
    case store::AdmitResult::kNameTaken: return RegisterResult::kNameTaken;
    case store::AdmitResult::kNoInvitation: break;
  }
  return RegisterResult::kNoInvitation;
}

base::Task<std::optional<store::User>> Accounts::authenticate(std::string username,
                                                              base::SecretString password) {
  LoginCheck check = co_await check_login(std::move(username), std::move(password));
  if (check.outcome != LoginCheck::Outcome::kRight) co_return std::nullopt;
  co_return std::move(check.user);
}

base::Task<LoginCheck> Accounts::check_login(std::string username, base::SecretString password) {
  using Outcome = LoginCheck::Outcome;
  std::optional<store::StoredUser> stored = users_.find(store::user_key(username));
  if (stored && stored->user.deleted()) stored.reset();
  // What cannot be verified would be answered at once, and tell that the name is known.
  const bool can_match = stored && is_usable_hash(stored->user.password_hash());
  std::string hash = can_match ? stored->user.password_hash() : nobodys_hash_;
  const bool is_right = co_await hashes_.verify(std::move(hash), password) && can_match;
  LoginCheck check;
  if (!stored) co_return check;
  check.outcome = is_right ? Outcome::kRight : Outcome::kWrongPassword;
  if (stored->user.disabled()) {
    const bool waits = is_right && stored->user.waiting();
    check.outcome = waits ? Outcome::kAwaitingApproval : Outcome::kDisabled;
  }
  check.user = stored->user;
  const bool is_outdated = needs_rehash(stored->user.password_hash(), hashes_.cost());
  if (check.outcome == Outcome::kRight && is_outdated) {
    check.user = co_await rehash(*std::move(stored), std::move(password));
  }
  co_return check;
}

base::Task<store::User> Accounts::rehash(store::StoredUser stored, base::SecretString password) {
  store::User renewed = stored.user;
  try {
    const std::string hash = co_await hashes_.hash(std::move(password));
    renewed.set_password_hash(hash);
    renewed.touch(clock_.now());
    if (users_.update(renewed, stored.revision)) co_return renewed;
  } catch (const std::exception& error) {
    spdlog::warn("the password hash of {} is not renewed yet: {}",
                 base::escape_for_log(stored.user.username()), error.what());
  }
  co_return std::move(stored.user);
}

}  // namespace userbin::auth
