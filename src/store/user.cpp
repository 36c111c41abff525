#include "store/user.h"

#include <algorithm>
#include <stdexcept>

#include "base/text.h"

namespace userbin::store {

std::string user_key(std::string_view username) {
  return base::to_lower_ascii(username);
}

User::User(const std::string& username, const std::string& password_hash, base::WallTime now) {
  record_["username"] = username;
  record_["password"] = password_hash;
  record_["role"] = "user";
  record_["created_at"] = base::format_rfc3339(now);
  record_["updated_at"] = base::format_rfc3339(now);
}

User::User(Json::Value record) : record_(std::move(record)) {
  if (!record_.isObject() || !record_["username"].isString() || !record_["password"].isString() ||
      username().empty()) {
    throw std::invalid_argument("not a user record");
  }
}

std::string User::username() const {
  return record_["username"].asString();
}

std::string User::password_hash() const {
  return record_["password"].asString();
}

std::string User::role() const {
  const Json::Value& role = record_["role"];
  return role.isString() ? role.asString() : "user";
}

bool User::disabled() const {
  const Json::Value& disabled = record_["disabled"];
  return !disabled.isNull() && !(disabled.isBool() && !disabled.asBool());
}

std::string User::created_at() const {
  const Json::Value& created_at = record_["created_at"];
  return created_at.isString() ? created_at.asString() : "";
}

void User::set_password_hash(const std::string& hash) {
  record_["password"] = hash;
}

void User::touch(base::WallTime now) {
  const Json::Value& stamp = record_["updated_at"];
  if (const auto last = base::parse_rfc3339(stamp.isString() ? stamp.asString() : "")) {
    now = std::max(now, *last + std::chrono::microseconds{1});
  }
  record_["updated_at"] = base::format_rfc3339(now);
}

}  // namespace userbin::store
