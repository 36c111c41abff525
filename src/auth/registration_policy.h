#pragma once

#include <optional>
#include <string_view>

namespace userbin::auth {

/// Who may register himself. An invitation opens all doors but a closed one.
enum class RegistrationPolicy {
  kOpen,
  /// Who has an invitation.
  kInvite,
  /// Anybody, but who has no invitation waits for an admin's approval.
  kApproval,
  /// Nobody.
  kClosed,
};

/// "open", "invite", "approval" or "closed".
std::optional<RegistrationPolicy> registration_policy_of(std::string_view word);

}  // namespace userbin::auth
