// Users as 'userbin user' shows them, without their hashes.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <json/value.h>

#include "store/user.h"

namespace userbin::app {

/// The record without the password, and always with "role", "disabled" and "waiting".
Json::Value as_json(const store::User& user);

/// A table with names, roles, states and times.
std::string users_table(const std::vector<store::User>& users);

/// All that is known of a user, a line each. `sessions` is how many he has.
std::string user_details(const store::User& user, std::size_t sessions);

}  // namespace userbin::app
