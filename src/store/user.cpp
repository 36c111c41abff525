#include "store/user.h"

#include <algorithm>
#include <stdexcept>

#include "base/failure.h"
#include "base/json.h"
#include "base/text.h"

namespace userbin::store {

std::string user_key(std::string_view username) {
  return base::to_lower_ascii(username);
}

std::int64_t incarnation_of(const Json::Value& record) {
  const Json::Value& incarnation = record["incarnation"];
  return incarnation.isInt64() ? std::max(incarnation.asInt64(), Json::Int64{0}) : 0;
}

bool is_deleted(const Json::Value& record) {
  return record["role"] == "deleted";
}

Json::Value deletion_of(const Json::Value& record, const std::string& stamp) {
  Json::Value deletion;
  deletion["username"] = record["username"];
  deletion["password"] = "!";
  deletion["role"] = "deleted";
  deletion["updated_at"] = stamp;
  const Json::Value& created_at = record["created_at"];
  if (created_at.isString() && !created_at.asString().empty()) deletion["created_at"] = created_at;
  const std::int64_t incarnation = incarnation_of(record);
  if (incarnation > 0) deletion["incarnation"] = Json::Int64{incarnation};
  return deletion;
}

Json::Value successor_of(const Json::Value& deletion, Json::Value record) {
  record["incarnation"] = Json::Int64{incarnation_of(deletion) + 1};
  return record;
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

bool User::waiting() const {
  return disabled() && !deleted() && record_["waiting"] == true;
}

std::string User::created_at() const {
  const Json::Value& created_at = record_["created_at"];
  return created_at.isString() ? created_at.asString() : "";
}

bool User::deleted() const {
  return is_deleted(record_);
}

void User::succeed(const User& deleted) {
  record_ = successor_of(deleted.record(), record_);
}

void User::set_password_hash(const std::string& hash) {
  record_["password"] = hash;
}

void User::set_disabled(bool disabled) {
  record_.removeMember("waiting");
  if (disabled) {
    record_["disabled"] = true;
  } else {
    record_.removeMember("disabled");
  }
}

void User::become_waiting() {
  record_["disabled"] = true;
  record_["waiting"] = true;
}

void User::become_deleted(base::WallTime now) {
  touch(now);
  record_ = deletion_of(record_, record_["updated_at"].asString());
}

void User::touch(base::WallTime now) {
  const Json::Value& stamp = record_["updated_at"];
  if (const auto last = base::parse_rfc3339(stamp.isString() ? stamp.asString() : "")) {
    now = base::stamp_after(*last, now);
  }
  record_["updated_at"] = base::format_rfc3339(now);
}

Json::Value User::public_record() const {
  Json::Value value = record_;
  value.removeMember("password");
  value["role"] = role();
  value["disabled"] = disabled();
  value["waiting"] = waiting();
  return value;
}

User decode_user(const std::string& record) {
  try {
    return User(base::from_json(record).value_or(Json::Value()));
  } catch (const std::exception& error) {
    throw base::StoreUnavailable(std::string("a user's record cannot be read: ") + error.what());
  }
}

}  // namespace userbin::store
