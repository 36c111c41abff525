// One user, as the JSON record that the owner sees.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <json/value.h>

#include "base/clock.h"

namespace userbin::store {

/// How names are compared: without case (ASCII).
std::string user_key(std::string_view username);

/// How many users of this name there were before, as far as a list of users must know: one more
/// than that of the deletion it still held when the record was made. 0 if it does not say.
std::int64_t incarnation_of(const Json::Value& record);
bool is_deleted(const Json::Value& record);
/// How long a deletion is kept, so that no old copy of the list brings the user back.
inline constexpr std::chrono::days kDeletionKept{30};
/// What remains of `record` when its user is deleted under `stamp`: the name, the times and the
/// incarnation, with "role": "deleted" and "password": "!".
Json::Value deletion_of(const Json::Value& record, const std::string& stamp);
/// `record`, a new user, made the successor of `deletion`, which had its name.
Json::Value successor_of(const Json::Value& deletion, Json::Value record);

/// A user's record: a JSON object with the members below, and any others, which are kept as they
/// are. A value; not synchronised.
class User {
 public:
  /// A new user with the role "user" and both times at `now`.
  User(const std::string& username, const std::string& password_hash, base::WallTime now);

  /// Takes a record as it was stored. Throws std::invalid_argument unless it is an object with a
  /// non-empty "username" and a "password" that are texts.
  explicit User(Json::Value record);

  /// As it was registered, with its case.
  std::string username() const;
  std::string key() const { return user_key(username()); }
  /// A PHC string or a hash in a foreign scheme.
  std::string password_hash() const;
  std::string role() const;
  bool disabled() const;
  /// Whether he registered himself, and is disabled until an admin approves of it. In the record a
  /// mark, "waiting": true, beside "disabled".
  bool waiting() const;
  /// What remains of a user who was deleted ("role": "deleted"), so that no old copy of the list
  /// brings him back. He is no user any more: his name is free.
  bool deleted() const;
  /// Whether he may do what needs the role "admin".
  bool is_active_admin() const { return role() == "admin" && !disabled() && !deleted(); }
  /// Empty if the record does not say.
  std::string created_at() const;

  /// Makes this new user the successor of one who was deleted and had the name.
  void succeed(const User& deleted);
  void set_password_hash(const std::string& hash);
  void set_role(const std::string& role) { record_["role"] = role; }
  /// Either way, he waits no longer.
  void set_disabled(bool disabled);
  /// Disabled until an admin approves.
  void become_waiting();
  /// Leaves of this user what a deletion is, stamped as touch() does.
  void become_deleted(base::WallTime now);
  /// Stamps the record as changed at `now`, and always later than the stamp it has
  /// (base::stamp_after).
  void touch(base::WallTime now);

  /// The record without the password, and always with "role", "disabled" and "waiting".
  Json::Value public_record() const;

  const Json::Value& record() const { return record_; }

 private:
  Json::Value record_;
};

/// Reads a record as it is stored, in JSON. Throws base::StoreUnavailable if it is none.
User decode_user(const std::string& record);

}  // namespace userbin::store
