#include "store/sql_sync_store.h"

#include <map>
#include <random>

#include "base/failure.h"
#include "base/json.h"
#include "store/binding.h"

namespace userbin::store {

namespace {

using soci::into;

constexpr const char* kPlace = "place";
constexpr const char* kState = "state";
constexpr const char* kServer = "server";
constexpr int kServers = 1000;

struct LoadUsers {
  std::string name, record, bin, common, written, merged;
  long long revision = 0, in_bin = 0;
  soci::statement statement;
  explicit LoadUsers(soci::session& sql)
      : statement((sql.prepare << "SELECT u.name, u.record, u.revision, u.in_bin,"
                                  " COALESCE(n.bin, ''), COALESCE(n.common, ''),"
                                  " COALESCE(n.written, ''), COALESCE(n.merged, '')"
                                  " FROM users u LEFT JOIN bin_notes n ON n.name = u.name"
                                  " ORDER BY u.name",
                   into(name), into(record), into(revision), into(in_bin), into(bin), into(common),
                   into(written), into(merged))) {}
};

struct LoadVersions {
  std::string name, record;
  soci::statement statement;
  explicit LoadVersions(soci::session& sql)
      : statement((sql.prepare << "SELECT name, record FROM bin_versions ORDER BY name, number",
                   into(name), into(record))) {}
};

struct ListPending {
  std::string name, bin;
  long long limit = 0, revision = 0;
  soci::statement statement;
  explicit ListPending(soci::session& sql)
      : statement((sql.prepare << "SELECT u.name, u.revision, COALESCE(n.bin, '') FROM users u"
                                  " LEFT JOIN bin_notes n ON n.name = u.name"
                                  " WHERE u.revision <> u.in_bin ORDER BY u.name LIMIT :limit",
                   into(name), into(revision), into(bin), use(limit))) {}
};

struct CountPending {
  long long count = 0;
  soci::statement statement;
  explicit CountPending(soci::session& sql)
      : statement(
            (sql.prepare << "SELECT COUNT(*) FROM users WHERE revision <> in_bin", into(count))) {}
};

struct SumBytes {
  long long bytes = 0;
  soci::statement statement;
  explicit SumBytes(soci::session& sql)
      : statement(
            (sql.prepare << "SELECT COALESCE(SUM(" + bytes_of_record(sql) + " + 1), 0) FROM users",
             into(bytes))) {}
  /// LENGTH() counts what each takes for characters.
  static std::string bytes_of_record(soci::session& sql) {
    return sql.get_backend_name() == "postgresql" ? "OCTET_LENGTH(record)"
                                                  : "LENGTH(CAST(record AS BLOB))";
  }
};

struct InsertRecord {
  std::string name, record;
  soci::statement statement;
  explicit InsertRecord(soci::session& sql)
      : statement((sql.prepare << "INSERT INTO users (name, record, revision) VALUES (:name,"
                                  " :record, 1) ON CONFLICT (name) DO NOTHING",
                   use(name), use(record))) {}
};

struct ReplaceRecord {
  std::string name, record;
  long long revision = 0;
  soci::statement statement;
  explicit ReplaceRecord(soci::session& sql)
      : statement((sql.prepare << "UPDATE users SET record = :record, revision = revision + 1"
                                  " WHERE name = :name AND revision = :revision",
                   use(record), use(name), use(revision))) {}
};

struct DropRecord {
  std::string name;
  long long revision = 0;
  soci::statement statement;
  explicit DropRecord(soci::session& sql)
      : statement((sql.prepare << "DELETE FROM users WHERE name = :name AND revision = :revision",
                   use(name), use(revision))) {}
};

struct RaiseInBin {
  std::string name;
  long long in_bin = 0, again = 0;
  soci::statement statement;
  explicit RaiseInBin(soci::session& sql)
      : statement((sql.prepare << "UPDATE users SET in_bin = :in_bin WHERE name = :name"
                                  " AND in_bin < :again",
                   use(in_bin), use(name), use(again))) {}
};

struct PutNotes {
  std::string name, bin, common, written, merged;
  soci::statement statement;
  explicit PutNotes(soci::session& sql)
      : statement((sql.prepare << "INSERT INTO bin_notes (name, bin, common, written, merged)"
                                  " VALUES (:name, :bin, :common, :written, :merged)"
                                  " ON CONFLICT (name) DO UPDATE SET bin = excluded.bin,"
                                  " common = excluded.common, written = excluded.written,"
                                  " merged = excluded.merged",
                   use(name), use(bin), use(common), use(written), use(merged))) {}
};

struct PutVersion {
  std::string name, record;
  int number = 0;
  soci::statement statement;
  explicit PutVersion(soci::session& sql)
      : statement((sql.prepare << "INSERT INTO bin_versions (name, number, record)"
                                  " VALUES (:name, :number, :record)",
                   use(name), use(number), use(record))) {}
};

/// Deletes what belongs to a user.
struct DropOf {
  std::string name;
  soci::statement statement;
  DropOf(soci::session& sql, const std::string& table)
      : statement((sql.prepare << "DELETE FROM " + table + " WHERE name = :name", use(name))) {}
  void run(const std::string& key) {
    name = key;
    statement.execute(true);
  }
};
struct DropVersions : DropOf {
  explicit DropVersions(soci::session& sql) : DropOf(sql, "bin_versions") {}
};
struct DropNotes : DropOf {
  explicit DropNotes(soci::session& sql) : DropOf(sql, "bin_notes") {}
};
struct DropSessions : DropOf {
  explicit DropSessions(soci::session& sql) : DropOf(sql, "sessions") {}
};

struct PutValue {
  std::string name, value;
  soci::statement statement;
  explicit PutValue(soci::session& sql)
      : statement((sql.prepare << "INSERT INTO bin_state (name, value) VALUES (:name, :value)"
                                  " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                   use(name), use(value))) {}
  void run(const char* put_name, const std::string& put_value) {
    name = put_name;
    value = put_value;
    statement.execute(true);
  }
};

/// False if the user is no longer as the change was made from.
bool put_record(Connection& connection, const SyncChange& change) {
  const std::string record = base::to_json(*change.record);
  if (change.revision == 0) {
    auto& insert = connection.prepared<InsertRecord>();
    insert.name = change.key;
    insert.record = record;
    insert.statement.execute(true);
    return insert.statement.get_affected_rows() == 1;
  }
  auto& replace = connection.prepared<ReplaceRecord>();
  replace.name = change.key;
  replace.record = record;
  replace.revision = change.revision;
  replace.statement.execute(true);
  return replace.statement.get_affected_rows() == 1;
}

bool drop_user(Connection& connection, const SyncChange& change) {
  auto& drop = connection.prepared<DropRecord>();
  drop.name = change.key;
  drop.revision = change.revision;
  drop.statement.execute(true);
  if (drop.statement.get_affected_rows() != 1) return false;
  connection.prepared<DropNotes>().run(change.key);
  connection.prepared<DropVersions>().run(change.key);
  connection.prepared<DropSessions>().run(change.key);
  return true;
}

void put_notes(Connection& connection, const std::string& key, const SyncNotes& notes) {
  auto& put = connection.prepared<PutNotes>();
  put.name = key;
  put.bin = notes.bin;
  put.common = notes.common;
  put.written = notes.written;
  put.merged = notes.merged;
  put.statement.execute(true);
  connection.prepared<DropVersions>().run(key);
  auto& version = connection.prepared<PutVersion>();
  version.name = key;
  for (version.number = 0; version.number < static_cast<int>(notes.versions.size());
       ++version.number) {
    version.record = base::to_json(notes.versions[static_cast<std::size_t>(version.number)]);
    version.statement.execute(true);
  }
}

bool apply_one(Connection& connection, const SyncChange& change) {
  if (change.remove) return drop_user(connection, change);
  if (change.record && !put_record(connection, change)) return false;
  if (change.in_bin) {
    auto& raise = connection.prepared<RaiseInBin>();
    raise.name = change.key;
    raise.in_bin = raise.again = *change.in_bin;
    raise.statement.execute(true);
  }
  if (change.notes) put_notes(connection, change.key, *change.notes);
  if (change.ends_sessions) connection.prepared<DropSessions>().run(change.key);
  if (change.set_aside) {
    const std::string record = base::to_json(*change.set_aside);
    execute_once(connection.sql(),
                 "INSERT INTO bin_set_aside (name, record) VALUES (:name, :record)"
                 " ON CONFLICT (name, record) DO NOTHING",
                 use(change.key), use(record));
  }
  return true;
}

Json::Value decoded(const std::string& text) {
  auto value = base::from_json(text);
  if (!value) throw base::StoreUnavailable("a version of a user cannot be read: it is not JSON");
  return *std::move(value);
}

std::string value_of(Connection& connection, const std::string& name) {
  std::string value;
  execute_once(connection.sql(),
               "SELECT COALESCE(MAX(value), '') FROM bin_state WHERE name = :name", into(value),
               use(name));
  return value;
}

}  // namespace

void SqlSyncStore::set_place(const std::string& place) {
  if (value(kPlace) == place) return;
  database_.write([&](Connection& connection) {
    soci::transaction transaction(connection.sql());
    execute_once(connection.sql(), "UPDATE users SET in_bin = 0 WHERE in_bin <> 0");
    execute_once(connection.sql(), "DELETE FROM bin_notes");
    execute_once(connection.sql(), "DELETE FROM bin_versions");
    connection.prepared<PutValue>().run(kState, "");
    connection.prepared<PutValue>().run(kPlace, place);
    transaction.commit();
    return true;
  });
}

std::string SqlSyncStore::place() {
  return value(kPlace);
}

std::vector<SyncedUser> SqlSyncStore::load() {
  return database_.read([&](Connection& connection) {
    soci::transaction one_snapshot(connection.sql());
    std::map<std::string, std::vector<Json::Value>, std::less<>> versions;
    auto& load_versions = connection.prepared<LoadVersions>();
    load_versions.statement.execute();
    while (load_versions.statement.fetch()) {
      versions[load_versions.name].push_back(decoded(load_versions.record));
    }
    std::vector<SyncedUser> users;
    auto& load = connection.prepared<LoadUsers>();
    load.statement.execute();
    while (load.statement.fetch()) {
      users.push_back({.user = decode_user(load.record),
                       .revision = load.revision,
                       .in_bin = load.in_bin,
                       .notes = {.bin = load.bin,
                                 .common = load.common,
                                 .written = load.written,
                                 .merged = load.merged,
                                 .versions = std::move(versions[load.name])}});
    }
    return users;
  });
}

std::vector<PendingChange> SqlSyncStore::pending(std::size_t limit) {
  return database_.read([&](Connection& connection) {
    auto& list = connection.prepared<ListPending>();
    list.limit = static_cast<long long>(limit);
    std::vector<PendingChange> changes;
    list.statement.execute();
    while (list.statement.fetch()) changes.push_back({list.name, list.revision, list.bin});
    return changes;
  });
}

std::size_t SqlSyncStore::count_pending() {
  return database_.read([](Connection& connection) {
    auto& count = connection.prepared<CountPending>();
    count.statement.execute();
    while (count.statement.fetch()) {
    }
    return static_cast<std::size_t>(count.count);
  });
}

std::size_t SqlSyncStore::total_bytes() {
  return database_.read([](Connection& connection) {
    auto& sum = connection.prepared<SumBytes>();
    sum.statement.execute();
    while (sum.statement.fetch()) {
    }
    return static_cast<std::size_t>(sum.bytes);
  });
}

bool SqlSyncStore::apply(const std::vector<SyncChange>& changes) {
  if (changes.empty()) return true;
  return database_.write([&](Connection& connection) {
    soci::transaction transaction(connection.sql());
    for (const SyncChange& change : changes) {
      if (!apply_one(connection, change)) return false;
    }
    transaction.commit();
    return true;
  });
}

std::vector<Json::Value> SqlSyncStore::set_aside() {
  return database_.read([](Connection& connection) {
    std::vector<Json::Value> records;
    const soci::rowset<std::string> rows =
        (connection.sql().prepare << "SELECT record FROM bin_set_aside ORDER BY name, record");
    for (const std::string& record : rows) records.push_back(decoded(record));
    return records;
  });
}

std::string SqlSyncStore::state() {
  return value(kState);
}

void SqlSyncStore::set_state(const std::string& state) {
  database_.write([&](Connection& connection) {
    connection.prepared<PutValue>().run(kState, state);
    return true;
  });
}

void SqlSyncStore::count_request(std::int64_t hour) {
  database_.write([&](Connection& connection) {
    const auto at = static_cast<long long>(hour);
    execute_once(connection.sql(),
                 "INSERT INTO bin_requests (hour, count) VALUES (:hour, 1)"
                 " ON CONFLICT (hour) DO UPDATE SET count = bin_requests.count + 1",
                 use(at));
    return true;
  });
}

std::int64_t SqlSyncStore::requests(std::int64_t since_hour) {
  return database_.read([&](Connection& connection) {
    const auto since = static_cast<long long>(since_hour);
    long long count = 0;
    execute_once(connection.sql(),
                 "SELECT COALESCE(SUM(count), 0) FROM bin_requests WHERE hour >= :since",
                 into(count), use(since));
    return static_cast<std::int64_t>(count);
  });
}

int SqlSyncStore::server_number() {
  return database_.write([](Connection& connection) {
    soci::transaction transaction(connection.sql());
    const std::string drawn = std::to_string(std::random_device{}() % kServers);
    execute_once(connection.sql(),
                 "INSERT INTO bin_state (name, value) VALUES ('server', :drawn)"
                 " ON CONFLICT (name) DO NOTHING",
                 use(drawn));
    const std::string number = value_of(connection, kServer);
    transaction.commit();
    return std::stoi(number);
  });
}

std::string SqlSyncStore::value(const std::string& name) {
  return database_.read([&](Connection& connection) { return value_of(connection, name); });
}

}  // namespace userbin::store
