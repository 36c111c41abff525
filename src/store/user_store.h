// Where users are kept.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "store/invitation_store.h"
#include "store/session_store.h"
#include "store/user.h"

namespace userbin::store {

/// A user as it was read: `revision` counts its changes.
struct StoredUser {
  User user;
  std::int64_t revision = 1;
};

/// Which users search() finds; what is empty leaves out nobody.
struct UserFilter {
  /// How their keys begin.
  std::string key_prefix = {};
  std::string role = {};
  /// Only those who wait for approval.
  bool is_waiting = false;
};

/// What goes with a change of a user, in the same transaction.
struct ChangeEffects {
  /// All sessions of the user end.
  bool ends_sessions = false;
  /// Begins after that.
  std::optional<Session> begins;
  /// For a deletion: forget_deletions() forgets it from then on.
  std::optional<base::WallTime> kept_until;
  /// With `kept_until`: the record as it was before can be asked for until then.
  bool keeps_former = false;
};

enum class ChangeResult {
  kDone,
  /// A user is gone, or his revision is another: read again and decide again.
  kStale,
  /// There is an active admin, and none would remain.
  kLastAdmin,
};

enum class AdmitResult {
  kDone,
  kNameTaken,
  /// It was used, has expired or was revoked.
  kNoInvitation,
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

  /// Replaces the record, and does what goes with it. Unless it says kDone, nothing has changed.
  /// Whether another active admin remains is decided here, where one change follows another, also
  /// if another program makes it. What a deletion had kept ends with the next change of that user.
  virtual ChangeResult change(const User& user, std::int64_t revision,
                              const ChangeEffects& effects) = 0;

  /// Inserts a user, or, with a `revision` that is not 0, puts him in the place of the deletion
  /// that was read at it; and uses up an invitation. Unless it says kDone, nothing has changed: the
  /// invitation is as good as before.
  virtual AdmitResult admit(const User& user, std::int64_t revision,
                            const InvitationUse& invitation) = 0;

  /// The record that was kept when the user was deleted. nullopt: none was, or no longer.
  virtual std::optional<User> former(std::string_view key) = 0;

  /// Forgets the deletions whose time has come, with what they kept; those that were made by
  /// change() only. How many there were.
  virtual std::size_t forget_deletions(base::WallTime now) = 0;

  /// False, and nothing changed, as for update().
  virtual bool remove(std::string_view key, std::int64_t revision) = 0;

  /// Inserts the users whose revision is 0, and replaces the others, who were read at theirs and
  /// whose sessions end. All or, unless it says kDone, none. `progress` is told how many are done,
  /// while everybody else who writes waits.
  virtual ChangeResult import(const std::vector<StoredUser>& users,
                              const std::function<void(std::size_t done)>& progress) = 0;

  /// Up to `limit` users in the order of their keys (by bytes), those after `after` only.
  virtual std::vector<StoredUser> list(std::string_view after, std::size_t limit) = 0;

  /// Up to `limit` users who fit, none of them deleted, in the order of their keys, those after
  /// `after` only.
  virtual std::vector<User> search(const UserFilter& filter, std::string_view after,
                                   std::size_t limit) = 0;

  /// Returns if users can be read and written now.
  virtual void check() = 0;
};

}  // namespace userbin::store
