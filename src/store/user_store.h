// Where users are kept.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/user.h"

namespace userbin::store {

/// A user as it was read: `revision` counts its changes.
struct StoredUser {
  User user;
  std::int64_t revision = 1;
};

enum class ImportResult {
  kDone,
  /// A user is no longer as the import was made from: read again and decide again.
  kStale,
  /// There is an enabled admin, and there would be none.
  kLastAdmin,
};

/// The list of users. Keys are user_key()s. Each call is atomic and, when it returns, durable. Any
/// thread may call. Every call throws base::StoreUnavailable if the store cannot be reached;
/// nothing has changed then, unless the store died in the middle of a commit.
class UserStore {
 public:
  virtual ~UserStore() = default;

  virtual std::optional<StoredUser> find(std::string_view key) = 0;

  /// False, and nothing changed, if there is a user with this key.
  virtual bool insert(const User& user) = 0;

  /// Replaces the record. False, and nothing changed, if the user is gone or his revision is no
  /// longer `revision`: read again and decide again.
  virtual bool update(const User& user, std::int64_t revision) = 0;

  /// False, and nothing changed, as for update().
  virtual bool remove(std::string_view key, std::int64_t revision) = 0;

  /// Inserts the users whose revision is 0, and replaces the others, who were read at theirs and
  /// whose sessions end. All or, unless it says kDone, none. `progress` is told how many are done,
  /// while everybody else who writes waits.
  virtual ImportResult import(const std::vector<StoredUser>& users,
                              const std::function<void(std::size_t done)>& progress) = 0;

  /// Up to `limit` users in the order of their keys (by bytes), those after `after` only.
  virtual std::vector<StoredUser> list(std::string_view after, std::size_t limit) = 0;

  /// Returns if users can be read and written now.
  virtual void check() = 0;
};

}  // namespace userbin::store
