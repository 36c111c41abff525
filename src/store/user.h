// One user, as the JSON record that the owner sees.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <json/value.h>

#include "base/clock.h"

namespace userbin::store {

/// How names are compared: without case (ASCII).
std::string user_key(std::string_view username);

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
  /// Empty if the record does not say.
  std::string created_at() const;

  void set_password_hash(const std::string& hash);
  /// Stamps the record as changed at `now`, and always later than the stamp it has.
  void touch(base::WallTime now);

  const Json::Value& record() const { return record_; }

 private:
  Json::Value record_;
};

}  // namespace userbin::store
