#include "auth/registration_policy.h"

namespace userbin::auth {

std::optional<RegistrationPolicy> registration_policy_of(std::string_view word) {
  if (word == "open") return RegistrationPolicy::kOpen;
  if (word == "invite") return RegistrationPolicy::kInvite;
  if (word == "approval") return RegistrationPolicy::kApproval;
  if (word == "closed") return RegistrationPolicy::kClosed;
  return std::nullopt;
}

}  // namespace userbin::auth
