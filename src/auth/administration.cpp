#include "auth/administration.h"

#include <utility>

namespace userbin::auth {

using store::ChangeResult;

namespace {

/// Nothing: the user has changed meanwhile, decide again.
std::optional<AccountResult> result_of(ChangeResult result) {
  switch (result) {
    case ChangeResult::kDone: return AccountResult::kDone;
    case ChangeResult::kLastAdmin: return AccountResult::kLastAdmin;
    case ChangeResult::kStale: break;
  }
  return std::nullopt;
}

/// Whether it was he who was deleted, and not another one of his name, perhaps elsewhere.
bool is_deletion_of(const store::User& user, const store::User& deletion) {
  return store::incarnation_of(user.record()) == store::incarnation_of(deletion.record()) &&
         user.created_at() == deletion.created_at();
}

store::User revived(const store::User& former, const store::User& deletion, base::WallTime now) {
  Json::Value record = former.record();
  record["updated_at"] = deletion.record()["updated_at"];
  store::User user(std::move(record));
  user.succeed(deletion);
  user.touch(now);
  return user;
}

}  // namespace

base::Task<AccountResult> Administration::change_own_password(std::string key,
                                                              base::SecretString current,
                                                              Password next,
                                                              store::Session next_session) {
  std::string hash;
  for (;;) {
    auto stored = find_active(key);
    if (!stored) co_return AccountResult::kNoSuchUser;
    if (!co_await is_password_of(stored->user, current)) co_return AccountResult::kWrongPassword;
    if (hash.empty()) hash = co_await hashes_.hash(next.secret());
    stored->user.set_password_hash(hash);
    stored->user.touch(clock_.now());
    const store::ChangeEffects effects{.ends_sessions = true, .begins = next_session};
    const auto result = result_of(users_.change(stored->user, stored->revision, effects));
    if (result) co_return *result;
  }
}

base::Task<AccountResult> Administration::remove_own(std::string key, base::SecretString current) {
  for (;;) {
    auto stored = find_active(key);
    if (!stored) co_return AccountResult::kNoSuchUser;
    if (!co_await is_password_of(stored->user, current)) co_return AccountResult::kWrongPassword;
    const base::WallTime now = clock_.now();
    stored->user.become_deleted(now);
    const store::ChangeEffects effects{.ends_sessions = true,
                                       .kept_until = now + store::kDeletionKept};
    const auto result = result_of(users_.change(stored->user, stored->revision, effects));
    if (result) co_return *result;
  }
}

base::Task<AccountResult> Administration::change(std::string key, UserPatch patch) {
  std::string hash;
  for (;;) {
    auto stored = users_.find(key);
    if (!stored || stored->user.deleted()) co_return AccountResult::kNoSuchUser;
    if (patch.password && hash.empty()) {
      hash = co_await hashes_.hash(patch.password->secret());
      continue;  // the user may have changed meanwhile
    }
    store::User& user = stored->user;
    const Json::Value before = user.record();
    const bool was_disabled = user.disabled();
    if (patch.role) user.set_role(patch.role->text());
    if (patch.disabled && *patch.disabled != was_disabled) user.set_disabled(*patch.disabled);
    if (patch.password) user.set_password_hash(hash);
    if (user.record() == before) co_return AccountResult::kDone;
    user.touch(clock_.now());
    const bool ends_sessions = patch.password || (user.disabled() && !was_disabled);
    const auto result =
        result_of(users_.change(user, stored->revision, {.ends_sessions = ends_sessions}));
    if (result) co_return *result;
  }
}

AccountResult Administration::remove(const std::string& key) {
  const base::WallTime now = clock_.now();
  users_.forget_deletions(now);
  for (;;) {
    auto stored = users_.find(key);
    if (!stored || stored->user.deleted()) return AccountResult::kNoSuchUser;
    stored->user.become_deleted(now);
    const store::ChangeEffects effects{
        .ends_sessions = true, .kept_until = now + store::kDeletionKept, .keeps_former = true};
    const auto result = result_of(users_.change(stored->user, stored->revision, effects));
    if (result) return *result;
  }
}

RestoreResult Administration::restore(const std::string& key) {
  const base::WallTime now = clock_.now();
  users_.forget_deletions(now);
  for (;;) {
    const auto deleted = users_.find(key);
    if (!deleted) return RestoreResult::kNoSuchUser;
    if (!deleted->user.deleted()) return RestoreResult::kNotDeleted;
    const auto former = users_.former(key);
    if (!former || !is_deletion_of(*former, deleted->user)) return RestoreResult::kNotKept;
    const store::User user = revived(*former, deleted->user, now);
    const auto room = replica_.room_for(user);
    if (!room) return RestoreResult::kListFull;
    const auto result = users_.change(user, deleted->revision, {});
    if (result == ChangeResult::kDone) return RestoreResult::kRestored;
  }
}

std::optional<store::StoredUser> Administration::find_active(const std::string& key) {
  auto stored = users_.find(key);
  if (!stored || stored->user.deleted() || stored->user.disabled()) return std::nullopt;
  return stored;
}

base::Task<bool> Administration::is_password_of(store::User user, base::SecretString password) {
  std::string hash = user.password_hash();
  if (!is_known_hash(hash)) co_return false;
  co_return co_await hashes_.verify(std::move(hash), std::move(password));
}

}  // namespace userbin::auth
