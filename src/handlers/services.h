// What the handlers work with.
#pragma once

#include <string>

#include "auth/accounts.h"
#include "auth/administration.h"
#include "auth/invitations.h"
#include "auth/password.h"
#include "auth/registration_policy.h"
#include "auth/sessions.h"
#include "auth/throttle.h"
#include "handlers/stats.h"
#include "store/replica.h"
#include "store/user_store.h"

namespace userbin::handlers {

/// Where the site's pages are, relative to the mount.
struct Pages {
  std::string home = "/account";
  std::string login = "/login";
  std::string registration = "/register";
  /// One's own account, with its sessions.
  std::string account = "/account";
  /// Where it gets another password, and where it is deleted.
  std::string password = "/account/password";
  std::string deletion = "/account/delete";
};

/// Everything a handler may ask; made once, outlives the requests. All of it is thread-safe.
struct Services {
  auth::Accounts& accounts;
  auth::Administration& administration;
  auth::Invitations& invitations;
  auth::Sessions& sessions;
  auth::Throttle& throttle;
  store::UserStore& users;
  store::Replica& replica;
  AccountStats& stats;
  auth::PasswordRules password_rules;
  Pages pages;
  /// "https://example.org"; empty: the host that is asked for.
  std::string public_origin;
  auth::RegistrationPolicy registration = auth::RegistrationPolicy::kOpen;
};

}  // namespace userbin::handlers
