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
    auto& insert = connection.prepared<InsertUser>();
    insert.key = user.key();
    insert.record = base::to_json(user.record());
    insert.statement.execute(true);
    return insert.statement.get_affected_rows() == 1;
  });
}

bool SqlUserStore::update(const User& user, std::int64_t revision) {
  return database_.write([&](Connection& connection) {
    auto& update = connection.prepared<UpdateUser>();
    update.key = user.key();
    update.record = base::to_json(user.record());
    update.revision = revision;
    update.statement.execute(true);
    return update.statement.get_affected_rows() == 1;
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
