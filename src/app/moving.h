// What 'userbin import' and 'userbin export' share.
#pragma once

#include <string>
#include <vector>

#include "app/user_file.h"
#include "store/user_store.h"

namespace CLI {
class App;
}

namespace userbin::app {

/// Adds the option --format, which must be given.
void declare_format(CLI::App& app, std::string& format);

/// What --format names.
FileFormat file_format(const std::string& name);

/// All users of a store as they are at one moment, in the order of their keys.
std::vector<store::StoredUser> all_users(store::UserStore& users);

}  // namespace userbin::app
