#include "app/user_view.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "app/bin_tools.h"
#include "app/table.h"
#include "auth/password_hash.h"
#include "base/json.h"

namespace userbin::app {

namespace {

constexpr std::array<std::string_view, 8> kSaidOtherwise{"username",   "password",   "role",
                                                         "disabled",   "waiting",    "created_at",
                                                         "updated_at", "incarnation"};

std::string state_of(const store::User& user) {
  if (user.deleted()) return "deleted";
  if (user.waiting()) return "waiting";
  return user.disabled() ? "disabled" : "enabled";
}

std::string text_of(const Json::Value& record, const char* name) {
  const Json::Value& value = record[name];
  return value.isString() ? value.asString() : "";
}

std::string describe_password(const std::string& hash) {
  if (!auth::is_known_hash(hash)) return "none that opens anything";
  if (hash.starts_with("$argon2id$")) return "set";
  return "set, by another program; its hash is made anew at the next login";
}

std::string line(const std::string& name, const std::string& value) {
  return as_table({shown(name) + std::string(name.size() < 9 ? 9 - name.size() : 0, ' '), value},
                  {});
}

}  // namespace

std::string users_table(const std::vector<store::User>& users) {
  std::vector<TableRow> rows;
  for (const store::User& user : users) {
    rows.push_back({shown(user.username()), shown(user.role()), state_of(user),
                    short_time(user.created_at()),
                    short_time(text_of(user.record(), "updated_at"))});
  }
  return as_table({"NAME", "ROLE", "STATE", "CREATED", "CHANGED"}, rows);
}

std::string user_details(const store::User& user, std::size_t sessions) {
  const Json::Value& record = user.record();
  std::string text = line("name", shown(user.username())) + line("role", shown(user.role())) +
                     line("state", state_of(user)) +
                     line("created", short_time(user.created_at())) +
                     line("changed", short_time(text_of(record, "updated_at"))) +
                     line("password", describe_password(user.password_hash())) +
                     line("sessions", std::to_string(sessions));
  for (const std::string& name : record.getMemberNames()) {
    const bool is_said =
        std::find(kSaidOtherwise.begin(), kSaidOtherwise.end(), name) != kSaidOtherwise.end();
    const Json::Value& value = record[name];
    if (!is_said)
      text += line(name, shown(value.isString() ? value.asString() : base::to_json(value)));
  }
  return text;
}

}  // namespace userbin::app
