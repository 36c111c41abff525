#include "store/sql_user_store.h"

#include "base/json.h"

namespace userbin::store {

namespace {

using soci::into;
using soci::use;

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

struct EndSessions {
  std::string key;
  soci::statement statement;
  explicit EndSessions(soci::session& sql)
      : statement((sql.prepare << "DELETE FROM sessions WHERE name = :key", use(key))) {}
};

/// All admins, and perhaps others.
struct FindAdmins {
  std::string record;
  soci::statement statement;
  explicit FindAdmins(soci::session& sql)
      : statement((sql.prepare << "SELECT record FROM users WHERE record LIKE '%\"admin\"%'",
                   into(record))) {}
};

bool has_enabled_admin(Connection& connection) {
  auto& find = connection.prepared<FindAdmins>();
  bool has_one = false;
  find.statement.execute();
  while (find.statement.fetch()) has_one = has_one || is_enabled_admin(decode_user(find.record));
  return has_one;
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

bool replace_user(Connection& connection, const std::string& key, const std::string& record,
                  std::int64_t revision) {
  auto& end = connection.prepared<EndSessions>();
  end.key = key;
  end.statement.execute(true);
  return update_user(connection, key, record, revision);
}

StoredUser decode(const std::string& record, long long revision) {
  return {decode_user(record), revision};
}

}  // namespace

std::optional<StoredUser> SqlUserStore::find(std::string_view key) {
  return database_.read([&](Connection& connection) -> std::optional<StoredUser> {
    auto& find = connection.prepared<FindUser>();
    find.key = key;
    if (!find.statement.execute(true)) return std::nullopt;
    StoredUser found = decode(find.record, find.revision);
    // A statement that was not read to its end would hold this connection to an old snapshot.
    while (find.statement.fetch()) {
    }
    return found;
  });
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

ImportResult SqlUserStore::import(const std::vector<StoredUser>& users,
                                  const std::function<void(std::size_t done)>& progress) {
  // Made before the lock is taken, for others wait for it.
  std::vector<std::string> records;
  records.reserve(users.size());
  for (const StoredUser& user : users) records.push_back(base::to_json(user.user.record()));
  return database_.write([&](Connection& connection) {
    soci::transaction transaction(connection.sql());
    // A write first: what is read then is what will be changed.
    connection.sql() << "DELETE FROM schema_version WHERE version < 0";
    const bool had_admin = has_enabled_admin(connection);
    for (std::size_t i = 0; i < users.size(); ++i) {
      const auto& [user, revision] = users[i];
      const bool is_done = revision == 0
                               ? insert_user(connection, user.key(), records[i])
                               : replace_user(connection, user.key(), records[i], revision);
      if (!is_done) return ImportResult::kStale;
      progress(i + 1);
    }
    if (had_admin && !has_enabled_admin(connection)) return ImportResult::kLastAdmin;
    transaction.commit();
    return ImportResult::kDone;
  });
}

bool SqlUserStore::remove(std::string_view key, std::int64_t revision) {
  return database_.write([&](Connection& connection) {
    auto& remove = connection.prepared<RemoveUser>();
    remove.key = key;
    remove.revision = revision;
    remove.statement.execute(true);
    return remove.statement.get_affected_rows() == 1;
  });
}

std::vector<StoredUser> SqlUserStore::list(std::string_view after, std::size_t limit) {
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

void SqlUserStore::check() {
  // Takes the lock of a writer and changes nothing: finds a full disk only once there is something
  // to write, but a lock, a read-only file, a removed or a broken one at once.
  database_.write([](Connection& connection) {
    connection.sql() << "DELETE FROM schema_version WHERE version < 0";
    connection.prepared<ListUsers>();
    return true;
  });
}

}  // namespace userbin::store
