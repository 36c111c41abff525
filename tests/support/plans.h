// Users, bins and plans for the tests of what is done about them.
#pragma once

#include <algorithm>
#include <string>
#include <variant>
#include <vector>

#include "base/json.h"
#include "jsonbin/plan.h"
#include "support/json_text.h"

namespace userbin::test {

using Records = std::vector<Json::Value>;

inline const base::WallTime kNow = *base::parse_rfc3339("2026-01-02T00:00:00Z");

/// "2026-01-01T00:MM:00.000000Z"
inline std::string at(int minute) {
  return base::format_rfc3339(*base::parse_rfc3339("2026-01-01T00:00:00Z") +
                              std::chrono::minutes{minute});
}

/// A user made in minute 0, as of `minute`; `more` is members.
inline Json::Value user(const std::string& name, int minute, const std::string& more = "") {
  Json::Value record = json("{" + more + "}");
  record["username"] = name;
  if (!record.isMember("password")) record["password"] = "$hash";
  record["created_at"] = at(0);
  record["updated_at"] = at(minute);
  return record;
}
inline Json::Value ada(int minute, const std::string& more = "") {
  return user("ada", minute, more);
}
inline Json::Value bob(int minute, const std::string& more = "") {
  return user("bob", minute, more);
}
inline Json::Value eve(int minute, const std::string& name = "eve") {
  return user(name, minute);
}

inline std::string text(const Json::Value& value) {
  return base::to_json(value);
}

inline jsonbin::BinDocument document(const std::string& text) {
  return std::get<jsonbin::BinDocument>(jsonbin::BinDocument::parse(json(text)));
}

inline jsonbin::BinCopy bin(const std::string& id, const Records& records) {
  Json::Value list(Json::arrayValue);
  for (const Json::Value& record : records) list.append(record);
  return {.id = id, .document = document(text(list))};
}
inline jsonbin::BinCopy unread(const std::string& id) {
  return {.id = id, .document = std::nullopt};
}

/// A user of the store, who was written to `bin` as he is if `in_bin` is `revision`.
inline store::SyncedUser in_bin(const std::string& bin, const Json::Value& record,
                                std::int64_t revision = 1, std::int64_t in_bin = 1) {
  return {.user = store::User(record),
          .revision = revision,
          .in_bin = in_bin,
          .notes = {.bin = bin,
                    .common = record["updated_at"].asString(),
                    .written = record["updated_at"].asString()}};
}
/// One who was never in a bin.
inline store::SyncedUser newcomer(const Json::Value& record) {
  return {.user = store::User(record), .revision = 1, .in_bin = 0, .notes = {}};
}

inline const store::SyncChange* change_of(const std::string& key,
                                          const std::vector<store::SyncChange>& changes) {
  const auto found = std::find_if(changes.begin(), changes.end(),
                                  [&](const auto& change) { return change.key == key; });
  return found == changes.end() ? nullptr : &*found;
}
/// nullptr: none.
inline const store::SyncChange* change_of(const std::string& key, const jsonbin::Plan& plan) {
  return change_of(key, plan.changes);
}
inline const store::SyncChange* arrival_of(const std::string& key, const jsonbin::BinWrite& write) {
  return change_of(key, write.on_arrival);
}

/// Where the user lives from now on, if it was `before` until now.
inline std::string home_of(const std::string& key, const jsonbin::Plan& plan,
                           const std::string& before = "") {
  const auto* change = change_of(key, plan);
  return change != nullptr && change->notes ? change->notes->bin : before;
}

/// Their keys, in the document's order.
inline std::vector<std::string> users_in(const jsonbin::BinWrite& write) {
  std::vector<std::string> keys;
  const auto bin = std::get<jsonbin::BinDocument>(jsonbin::BinDocument::parse(write.document));
  for (const auto& element : bin.elements()) {
    if (!element.key.empty()) keys.push_back(element.key);
  }
  return keys;
}

}  // namespace userbin::test
