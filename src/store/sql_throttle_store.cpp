#include "store/sql_throttle_store.h"

namespace userbin::store {

namespace {

using soci::into;
using soci::use;

long long to_microseconds(base::WallTime time) {
  return time.time_since_epoch().count();
}

base::WallTime from_microseconds(long long count) {
  return base::WallTime(std::chrono::microseconds(count));
}

/// The columns of an entry, as variables for SOCI to bind.
struct Row {
  int kind = 0, failures = 0;
  std::string name, client;
  long long changed_at = 0, held_until = 0, forget_at = 0;

  void set_key(const ThrottleKey& key) {
    kind = static_cast<int>(key.kind);
    name = key.name;
    client = key.client;
  }

  void set(const ThrottleEntry& entry) {
    set_key(entry.key);
    failures = entry.failures;
    changed_at = to_microseconds(entry.changed_at);
    held_until = to_microseconds(entry.held_until);
    forget_at = to_microseconds(entry.forget_at);
  }

  ThrottleEntry entry() const {
    return {.key = {.kind = static_cast<ThrottleKind>(kind), .name = name, .client = client},
            .failures = failures,
            .changed_at = from_microseconds(changed_at),
            .held_until = from_microseconds(held_until),
            .forget_at = from_microseconds(forget_at)};
  }
};

struct SelectEntries {
  Row row;
  soci::statement statement;
  explicit SelectEntries(soci::session& sql)
      : statement((sql.prepare << "SELECT kind, name, client, failures, changed_at, held_until,"
                                  " forget_at FROM throttle ORDER BY kind, name, client",
                   into(row.kind), into(row.name), into(row.client), into(row.failures),
                   into(row.changed_at), into(row.held_until), into(row.forget_at))) {}
};

struct PutEntry {
  Row row;
  soci::statement statement;
  explicit PutEntry(soci::session& sql)
      : statement((sql.prepare << "INSERT INTO throttle (kind, name, client, failures, changed_at,"
                                  " held_until, forget_at) VALUES (:kind, :name, :client,"
                                  " :failures, :changed_at, :held_until, :forget_at)"
                                  " ON CONFLICT (kind, name, client) DO UPDATE SET"
                                  " failures = excluded.failures,"
                                  " changed_at = excluded.changed_at,"
                                  " held_until = excluded.held_until,"
                                  " forget_at = excluded.forget_at",
                   use(row.kind), use(row.name), use(row.client), use(row.failures),
                   use(row.changed_at), use(row.held_until), use(row.forget_at))) {}
};

struct DeleteEntry {
  Row row;
  soci::statement statement;
  explicit DeleteEntry(soci::session& sql)
      : statement((sql.prepare << "DELETE FROM throttle WHERE kind = :kind AND name = :name"
                                  " AND client = :client",
                   use(row.kind), use(row.name), use(row.client))) {}
};

std::vector<ThrottleEntry> load_entries(Connection& connection) {
  auto& select = connection.prepared<SelectEntries>();
  std::vector<ThrottleEntry> entries;
  select.statement.execute();
  while (select.statement.fetch()) entries.push_back(select.row.entry());
  return entries;
}

void delete_entry(Connection& connection, const ThrottleKey& key) {
  auto& remove = connection.prepared<DeleteEntry>();
  remove.row.set_key(key);
  remove.statement.execute(true);
}

}  // namespace

std::string SqlThrottleStore::name_key(const std::string& drawn) {
  return database_.write([&](Connection& connection) {
    soci::session& sql = connection.sql();
    soci::transaction transaction(sql);
    sql << "INSERT INTO throttle_state (name, value) VALUES ('name_key', :drawn)"
           " ON CONFLICT (name) DO NOTHING",
        use(drawn);
    std::string kept;
    sql << "SELECT value FROM throttle_state WHERE name = 'name_key'", into(kept);
    transaction.commit();
    return kept;
  });
}

std::vector<ThrottleEntry> SqlThrottleStore::load() {
  return database_.read(load_entries);
}

void SqlThrottleStore::save(const std::vector<ThrottleEntry>& changed,
                            const std::vector<ThrottleKey>& gone) {
  if (changed.empty() && gone.empty()) return;
  database_.write([&](Connection& connection) {
    soci::transaction transaction(connection.sql());
    auto& put = connection.prepared<PutEntry>();
    for (const ThrottleEntry& entry : changed) {
      put.row.set(entry);
      put.statement.execute(true);
    }
    for (const ThrottleKey& key : gone) delete_entry(connection, key);
    transaction.commit();
    return true;
  });
}

std::size_t SqlThrottleStore::lift(const ThrottleLift& lift) {
  return database_.write([&](Connection& connection) {
    soci::session& sql = connection.sql();
    soci::transaction transaction(sql);
    const long long at = to_microseconds(lift.at);
    const long long day_before = to_microseconds(lift.at - std::chrono::days{1});
    // A write first, so that what is read then cannot be changed by another program.
    sql << "DELETE FROM throttle_lifts WHERE lifted_at < :day_before", use(day_before);
    sql << "INSERT INTO throttle_lifts (name, client, lifted_at) VALUES (:name, :client, :at)",
        use(lift.name), use(lift.client), use(at);
    std::size_t held = 0;
    for (const ThrottleEntry& entry : load_entries(connection)) {
      if (!lift.covers(entry.key, entry.changed_at)) continue;
      delete_entry(connection, entry.key);
      if (entry.held_until > lift.at) ++held;
    }
    transaction.commit();
    return held;
  });
}

std::vector<ThrottleLift> SqlThrottleStore::lifts() {
  return database_.read([](Connection& connection) {
    ThrottleLift lift;
    long long at = 0;
    soci::statement select =
        (connection.sql().prepare << "SELECT name, client, lifted_at FROM throttle_lifts ORDER BY "
                                     "lifted_at, name, client",
         into(lift.name), into(lift.client), into(at));
    std::vector<ThrottleLift> lifts;
    select.execute();
    while (select.fetch()) {
      lift.at = from_microseconds(at);
      lifts.push_back(lift);
    }
    return lifts;
  });
}

}  // namespace userbin::store
