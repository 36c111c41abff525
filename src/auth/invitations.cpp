#include "auth/invitations.h"

#include "auth/token.h"

namespace userbin::auth {

std::string invitation_id(const store::Invitation& invitation) {
  return id_of_token_hash(invitation.token_hash);
}

NewInvitation Invitations::create(const Role& role, const std::string& maker,
                                  std::chrono::days good_for) {
  const base::WallTime now = clock_.now();
  base::SecretString token = draw_token();
  store::Invitation row{.token_hash = hash_of_token(token.reveal()),
                        .role = role.text(),
                        .maker = maker,
                        .created_at = now,
                        .expires_at = now + good_for};
  forget_expired();
  invitations_.insert(row);
  return {.token = std::move(token), .row = std::move(row)};
}

std::optional<store::Invitation> Invitations::find(std::string_view token) {
  if (token.size() != kTokenLength) return std::nullopt;
  auto found = invitations_.find(hash_of_token(token));
  if (!found || clock_.now() >= found->expires_at || !is_by_one_who_may(*found)) {
    return std::nullopt;
  }
  return found;
}

std::vector<store::Invitation> Invitations::list() {
  auto all = invitations_.list();
  std::erase_if(all, [now = clock_.now()](const auto& each) { return now >= each.expires_at; });
  return all;
}

bool Invitations::revoke(std::string_view id) {
  for (const store::Invitation& invitation : list()) {
    if (invitation_id(invitation) == id) return invitations_.remove(invitation.token_hash);
  }
  return false;
}

void Invitations::forget_expired() {
  invitations_.remove_expired(clock_.now());
}

bool Invitations::is_by_one_who_may(const store::Invitation& invitation) {
  if (invitation.maker.empty()) return true;
  const auto maker = users_.find(invitation.maker);
  return maker && maker->user.is_active_admin();
}

}  // namespace userbin::auth
