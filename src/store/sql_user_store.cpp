#include "store/sql_user_store.h"

#include "base/json.h"
#include "base/text.h"
#include "store/binding.h"
#include "store/sql_invitation_store.h"
#include "store/sql_session_store.h"

namespace userbin::store {

namespace {

using soci::into;

struct FindUser {
  std::string key, record;
  long long revision = 0;
  soci::statement statement;
  explicit FindUser(soci::session& sql)
      : statement((sql.prepare << "SELECT record, revision FROM users WHERE name = :key",
                   into(record), into(revision), use(key))) {}
};

struct InsertUser {
  std::string key, record;
  soci::statement statement;
  explicit InsertUser(soci::session& sql)
      : statement((sql.prepare << "INSERT INTO users (name, record, revision)"
                                  " VALUES (:key, :record, 1) ON CONFLICT (name) DO NOTHING",
                   use(key), use(record))) {}
};

struct UpdateUser {
  std::string key, record;
  long long revision = 0;
  soci::statement statement;
  explicit UpdateUser(soci::session& sql)
      : statement((sql.prepare << "UPDATE users SET record = :record, revision = revision + 1"
                                  " WHERE name = :key AND revision = :revision",
                   use(record), use(key), use(revision))) {}
};

struct RemoveUser {
  std::string key;
  long long revision = 0;
  soci::statement statement;
  explicit RemoveUser(soci::session& sql)
      : statement((sql.prepare << "DELETE FROM users WHERE name = :key AND revision = :revision",
                   use(key), use(revision))) {}
};

struct ListUsers {
  std::string after, record;
  long long limit = 0, revision = 0;
  soci::statement statement;
  explicit ListUsers(soci::session& sql)
      : statement((sql.prepare << "SELECT record, revision FROM users WHERE name > :after"
                                  " ORDER BY name LIMIT :limit",
                   into(record), into(revision), use(after), use(limit))) {}
};

/// Users by their names alone are found by the key of the table; of those, what is not the role or
/// the mark in question can't have the letters in it with which to_json() writes them.
struct SearchUsers {
  std::string after, first, end, role, waiting, record;
  long long limit = 0;
  soci::statement statement;
  explicit SearchUsers(soci::session& sql)
      : statement((sql.prepare << "SELECT record FROM users WHERE name > :after"
                                  " AND name >= :first AND name < :end AND record LIKE :role"
                                  " AND record LIKE :waiting ORDER BY name LIMIT :limit",
                   into(record), use(after), use(first), use(end), use(role), use(waiting),
                   use(limit))) {}
};

/// A row that every change holds until it ends, so that no two look at the list at once. As the
/// first of a transaction it takes SQLite's lock, too.
struct LockChanges {
  soci::statement statement;
  explicit LockChanges(soci::session& sql)
      : statement(sql.prepare << "UPDATE schema_version SET version = version WHERE version = 1") {}
};

struct ListAdmins {
  std::string key, record;
  soci::statement statement;
  /// As to_json() writes it; what else has these letters in it is told apart by decoding it.
  explicit ListAdmins(soci::session& sql)
      : statement((sql.prepare << "SELECT record FROM users WHERE name <> :key"
                                  " AND record LIKE '%\"role\":\"admin\"%'",
                   into(record), use(key))) {}
};

struct PutDeletion {
  std::string key, former;
  long long kept_until = 0;
  soci::statement statement;
  explicit PutDeletion(soci::session& sql)
      : statement((sql.prepare << "INSERT INTO deletions (name, kept_until, former)"
                                  " VALUES (:key, :kept_until, :former)",
                   use(key), use(kept_until), use(former))) {}
};

struct FindFormer {
  std::string key, former;
  soci::statement statement;
  explicit FindFormer(soci::session& sql)
      : statement((sql.prepare << "SELECT former FROM deletions WHERE name = :key", into(former),
                   use(key))) {}
};

struct ListForgettable {
  std::string key;
  long long now = 0;
  soci::statement statement;
  explicit ListForgettable(soci::session& sql)
      : statement((sql.prepare << "SELECT name FROM deletions WHERE kept_until <= :now", into(key),
                   use(now))) {}
};

/// For LIKE: what is in every record of a user with this role.
std::string pattern_of_role(const std::string& role) {
  const std::string text = base::to_json(Json::Value(role));
  // A record that says no role is a user's; a backslash means something to LIKE.
  const bool has_pattern = !role.empty() && role != "user" && text.find('\\') == std::string::npos;
  return has_pattern ? "%\"role\":" + text + "%" : "%";
}

bool fits(const User& user, const UserFilter& filter) {
  return !user.deleted() && (filter.role.empty() || user.role() == filter.role) &&
         (!filter.is_waiting || user.waiting());
}

/// Deletes what a table has of a user.
void drop_of(Connection& connection, const std::string& table, const std::string& key) {
  execute_once(connection.sql(), "DELETE FROM " + table + " WHERE name = :key", use(key));
}

StoredUser decode(const std::string& record, long long revision) {
  return {decode_user(record), revision};
}

/// What no engine can keep is nobody's name: to PostgreSQL it would be another one, or an error.
bool may_be_key(std::string_view key) {
  return key.find('\0') == std::string_view::npos && base::is_utf8(key);
}

std::optional<StoredUser> find_user(Connection& connection, std::string_view key) {
  auto& find = connection.prepared<FindUser>();
  find.key = key;
  if (!find.statement.execute(true)) return std::nullopt;
  StoredUser found = decode(find.record, find.revision);
  // A statement that was not read to its end would hold this connection to an old snapshot.
  while (find.statement.fetch()) {
  }
  return found;
}

bool insert_user(Connection& connection, const std::string& key, const std::string& record) {
  auto& insert = connection.prepared<InsertUser>();
  insert.key = key;
  insert.record = record;
  insert.statement.execute(true);
  return insert.statement.get_affected_rows() == 1;
}

bool update_user(Connection& connection, const std::string& key, const std::string& record,
                 std::int64_t revision) {
  auto& update = connection.prepared<UpdateUser>();
  update.key = key;
  update.record = record;
  update.revision = revision;
  update.statement.execute(true);
  return update.statement.get_affected_rows() == 1;
}

bool remove_user(Connection& connection, const std::string& key, std::int64_t revision) {
  auto& remove = connection.prepared<RemoveUser>();
  remove.key = key;
  remove.revision = revision;
  remove.statement.execute(true);
  return remove.statement.get_affected_rows() == 1;
}

/// Whether there is one beside the user with this key.
bool has_active_admin(Connection& connection, const std::string& except = "") {
  auto& list = connection.prepared<ListAdmins>();
  list.key = except;
  bool has_one = false;
  list.statement.execute();
  while (list.statement.fetch()) has_one = has_one || decode_user(list.record).is_active_admin();
  return has_one;
}

void take_effect(Connection& connection, const User& before, const ChangeEffects& effects) {
  const std::string key = before.key();
  if (effects.ends_sessions) remove_sessions(connection, key);
  if (effects.begins) insert_session(connection, *effects.begins);
  drop_of(connection, "deletions", key);
  if (!effects.kept_until) return;
  auto& put = connection.prepared<PutDeletion>();
  put.key = key;
  put.kept_until = effects.kept_until->time_since_epoch().count();
  put.former = effects.keeps_former ? base::to_json(before.record()) : "";
  put.statement.execute(true);
}

bool replace_user(Connection& connection, const std::string& key, const std::string& record,
                  std::int64_t revision) {
  remove_sessions(connection, key);
  drop_of(connection, "deletions", key);
  return update_user(connection, key, record, revision);
}

/// All that there is of a user who was deleted; who has the name since stays.
void forget_deletion(Connection& connection, const std::string& key) {
  drop_of(connection, "deletions", key);
  const auto found = find_user(connection, key);
  if (!found || !found->user.deleted()) return;
  if (!remove_user(connection, key, found->revision)) return;
  for (const char* table : {"bin_notes", "bin_versions", "sessions"}) {
    drop_of(connection, table, key);
  }
}

}  // namespace

std::optional<StoredUser> SqlUserStore::find(std::string_view key) {
  if (!may_be_key(key)) return std::nullopt;
  return database_.read([&](Connection& connection) { return find_user(connection, key); });
}

bool SqlUserStore::insert(const User& user) {
  return database_.write([&](Connection& connection) {
    return insert_user(connection, user.key(), base::to_json(user.record()));
  });
}

bool SqlUserStore::update(const User& user, std::int64_t revision) {
  return database_.write([&](Connection& connection) {
    return update_user(connection, user.key(), base::to_json(user.record()), revision);
  });
}

ChangeResult SqlUserStore::change(const User& user, std::int64_t revision,
                                  const ChangeEffects& effects) {
  return database_.write([&](Connection& connection) {
    soci::transaction transaction(connection.sql());
    connection.prepared<LockChanges>().statement.execute(true);
    const std::string key = user.key();
    const auto before = find_user(connection, key);
    if (!before || before->revision != revision) return ChangeResult::kStale;
    const bool loses_admin = before->user.is_active_admin() && !user.is_active_admin();
    if (loses_admin && !has_active_admin(connection, key)) return ChangeResult::kLastAdmin;
    if (!update_user(connection, key, base::to_json(user.record()), revision)) {
      return ChangeResult::kStale;  // by a change that needs no lock
    }
    take_effect(connection, before->user, effects);
    transaction.commit();
    return ChangeResult::kDone;
  });
}

AdmitResult SqlUserStore::admit(const User& user, std::int64_t revision,
                                const InvitationUse& invitation) {
  return database_.write([&](Connection& connection) {
    soci::transaction transaction(connection.sql());
    connection.prepared<LockChanges>().statement.execute(true);
    if (!use_invitation(connection, invitation)) return AdmitResult::kNoInvitation;
    const std::string key = user.key();
    const std::string record = base::to_json(user.record());
    const bool is_free = revision == 0 ? insert_user(connection, key, record)
                                       : replace_user(connection, key, record, revision);
    if (!is_free) return AdmitResult::kNameTaken;
    transaction.commit();
    return AdmitResult::kDone;
  });
}

std::optional<User> SqlUserStore::former(std::string_view key) {
  if (!may_be_key(key)) return std::nullopt;
  return database_.read([&](Connection& connection) -> std::optional<User> {
    auto& find = connection.prepared<FindFormer>();
    find.key = key;
    std::string former;
    find.statement.execute();
    while (find.statement.fetch()) former = find.former;
    if (former.empty()) return std::nullopt;
    return decode_user(former);
  });
}

std::size_t SqlUserStore::forget_deletions(base::WallTime now) {
  return database_.write([&](Connection& connection) {
    soci::transaction transaction(connection.sql());
    connection.prepared<LockChanges>().statement.execute(true);
    auto& list = connection.prepared<ListForgettable>();
    list.now = now.time_since_epoch().count();
    std::vector<std::string> keys;
    list.statement.execute();
    while (list.statement.fetch()) keys.push_back(list.key);
    for (const std::string& key : keys) forget_deletion(connection, key);
    transaction.commit();
    return keys.size();
  });
}

ChangeResult SqlUserStore::import(const std::vector<StoredUser>& users,
                                  const std::function<void(std::size_t done)>& progress) {
  // Made before the lock is taken, for others wait for it.
  std::vector<std::string> records;
  records.reserve(users.size());
  for (const StoredUser& user : users) records.push_back(base::to_json(user.user.record()));
  return database_.write([&](Connection& connection) {
    soci::transaction transaction(connection.sql());
    connection.prepared<LockChanges>().statement.execute(true);
    const bool had_admin = has_active_admin(connection);
    for (std::size_t i = 0; i < users.size(); ++i) {
      const auto& [user, revision] = users[i];
      const bool is_done = revision == 0
                               ? insert_user(connection, user.key(), records[i])
                               : replace_user(connection, user.key(), records[i], revision);
      if (!is_done) return ChangeResult::kStale;
      progress(i + 1);
    }
    if (had_admin && !has_active_admin(connection)) return ChangeResult::kLastAdmin;
    transaction.commit();
    return ChangeResult::kDone;
  });
}

bool SqlUserStore::remove(std::string_view key, std::int64_t revision) {
  return database_.write(
      [&](Connection& connection) { return remove_user(connection, std::string(key), revision); });
}

std::vector<StoredUser> SqlUserStore::list(std::string_view after, std::size_t limit) {
  after = after.substr(0, after.find('\0'));  // behind it is who is behind this
  return database_.read([&](Connection& connection) {
    auto& list = connection.prepared<ListUsers>();
    list.after = after;
    list.limit = static_cast<long long>(limit);
    std::vector<StoredUser> users;
    list.statement.execute();
    while (list.statement.fetch()) users.push_back(decode(list.record, list.revision));
    return users;
  });
}

std::vector<User> SqlUserStore::search(const UserFilter& filter, std::string_view after,
                                       std::size_t limit) {
  if (!may_be_key(filter.key_prefix)) return {};
  after = after.substr(0, after.find('\0'));
  // Behind whatever begins with the prefix.
  constexpr const char* kLastCodePoint = "\xF4\x8F\xBF\xBF";
  return database_.read([&](Connection& connection) {
    auto& search = connection.prepared<SearchUsers>();
    search.after = after;
    search.first = filter.key_prefix;
    search.end = filter.key_prefix + kLastCodePoint;
    search.role = pattern_of_role(filter.role);
    search.waiting = filter.is_waiting ? "%\"waiting\":true%" : "%";
    search.limit = static_cast<long long>(limit);
    std::vector<User> users;
    // The patterns may let somebody pass who does not fit, so one round may find too few.
    for (;;) {
      std::size_t rows = 0;
      std::string last;
      search.statement.execute();
      while (search.statement.fetch()) {
        User user = decode_user(search.record);
        last = user.key();
        ++rows;
        if (users.size() < limit && fits(user, filter)) users.push_back(std::move(user));
      }
      if (rows < limit || users.size() >= limit) return users;
      search.after = last;
    }
  });
}

void SqlUserStore::check() {
  // Takes the lock of a writer and changes nothing, which finds a lock, a read-only file, a removed
  // or a broken one. A full disk is found by the change that it refuses, and from then on by this.
  const bool must_write = database_.take_refusal();
  database_.write([&](Connection& connection) {
    soci::transaction transaction(connection.sql());
    if (must_write)
      execute_once(connection.sql(), "INSERT INTO schema_version (version) VALUES (-1)");
    execute_once(connection.sql(), "DELETE FROM schema_version WHERE version < 0");
    connection.prepared<ListUsers>();
    transaction.commit();
    return true;
  });
}

}  // namespace userbin::store
