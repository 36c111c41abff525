// What an import makes of a file and of the users who are there. Pure functions, but for hashing.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "app/user_file.h"
#include "base/clock.h"
#include "base/secret.h"
#include "store/user_store.h"

namespace userbin::app {

struct ImportPolicy {
  /// Whether users who are there are replaced. What the file does not speak of stays, and so do
  /// "created_at" and "incarnation": they say which user this is.
  bool replace = false;
  /// Whether a password that has not the look of a hash is one in plain text.
  bool plain_passwords = false;
  /// For those of whom the file says none. Empty: "user".
  std::string role;
};

/// Looks at every user by himself, and takes those out of `file` who cannot be imported: a problem
/// each. Problems are in the order of lines then. Of a name that comes twice the first one counts.
void check_users(UserFile& file, const ImportPolicy& policy);

/// A user who stays as he is.
struct SkippedUser {
  std::size_t line = 0;
  std::string username;
  std::string why;
};

struct ImportPlan {
  /// As store::UserStore::import() takes them.
  std::vector<store::StoredUser> users;
  /// Which FileUser each of them was.
  std::vector<std::size_t> sources;
  std::vector<SkippedUser> skipped;
  std::size_t added = 0;
  std::size_t replaced = 0;
  /// Users who were given today's date in the place of one that could not be read.
  std::size_t redated = 0;
  /// Whether there is an enabled admin, and would be none.
  bool leaves_no_admin = false;
};

/// `file` was checked; `existing` are all users of the store. `now` stamps what changes.
ImportPlan plan_import(const UserFile& file, const std::vector<store::StoredUser>& existing,
                       const ImportPolicy& policy, base::WallTime now);

/// Puts hashes in the place of the passwords in plain text of those who are to be imported, in
/// `file` and in `plan`, on `threads` threads. `progress` is called on this thread, now and then
/// and at the end. How many there were. Throws what `hash` throws.
std::size_t hash_plain_passwords(
    UserFile& file, ImportPlan& plan, std::size_t threads,
    const std::function<std::string(const base::SecretString& password)>& hash,
    const std::function<void(std::size_t done, std::size_t total)>& progress);

}  // namespace userbin::app
