// Users as 'userbin user' shows them, without their hashes.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "store/user.h"

namespace userbin::app {

/// A table with names, roles, states and times.
std::string users_table(const std::vector<store::User>& users);

/// All that is known of a user, a line each. `sessions` is how many he has.
std::string user_details(const store::User& user, std::size_t sessions);

}  // namespace userbin::app
