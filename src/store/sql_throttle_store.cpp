#include "store/sql_throttle_store.h"

#include "store/binding.h"

namespace userbin::store {

namespace {

using soci::into;

/// How many saves later a removal is still told; each program saves once a second at most.
constexpr long long kStampsGoneIsTold = 100'000;

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

struct SelectNews {
  Row row;
  long long since = 0;
  std::string by;
  soci::statement statement;
  explicit SelectNews(soci::session& sql)
      : statement((
            sql.prepare << "SELECT kind, name, client, failures, changed_at, held_until,"
                           " forget_at FROM throttle WHERE stamp > :since AND saved_by <> :by",
            into(row.kind), into(row.name), into(row.client), into(row.failures),
            into(row.changed_at), into(row.held_until), into(row.forget_at), use(since), use(by))) {
  }
};

/// Those that were not made anew since.
struct SelectGone {
  Row row;
  long long since = 0;
  std::string by;
  soci::statement statement;
  explicit SelectGone(soci::session& sql)
      : statement((sql.prepare << "SELECT g.kind, g.name, g.client FROM throttle_gone g"
                                  " WHERE g.stamp > :since AND g.saved_by <> :by AND NOT EXISTS"
                                  " (SELECT 1 FROM throttle t WHERE t.kind = g.kind AND"
                                  " t.name = g.name AND t.client = g.client)",
                   into(row.kind), into(row.name), into(row.client), use(since), use(by))) {}
};

struct PutGone {
  Row row;
  long long stamp = 0;
  std::string by;
  soci::statement statement;
  explicit PutGone(soci::session& sql)
      : statement((sql.prepare << "INSERT INTO throttle_gone (kind, name, client, stamp, saved_by)"
                                  " VALUES (:kind, :name, :client, :stamp, :by)"
                                  " ON CONFLICT (kind, name, client) DO UPDATE SET"
                                  " stamp = excluded.stamp, saved_by = excluded.saved_by",
                   use(row.kind), use(row.name), use(row.client), use(stamp), use(by))) {}
};

/// As a writer's first step it makes others wait, so that a stamp is only seen after all smaller
/// ones.
long long draw_stamp(soci::session& sql) {
  long long stamp = 0;
  execute_once(sql, "UPDATE throttle_stamp SET stamp = stamp + 1 WHERE id = 1");
  execute_once(sql, "SELECT stamp FROM throttle_stamp WHERE id = 1", into(stamp));
  return stamp;
}

struct PutEntry {
  Row row;
  long long stamp = 0;
  std::string by;
  soci::statement statement;
  explicit PutEntry(soci::session& sql)
      : statement((sql.prepare << "INSERT INTO throttle (kind, name, client, failures, changed_at,"
                                  " held_until, forget_at, stamp, saved_by) VALUES (:kind,"
                                  " :name, :client, :failures, :changed_at, :held_until,"
                                  " :forget_at, :stamp, :by)"
                                  " ON CONFLICT (kind, name, client) DO UPDATE SET"
                                  " failures = excluded.failures,"
                                  " changed_at = excluded.changed_at,"
                                  " held_until = excluded.held_until,"
                                  " forget_at = excluded.forget_at,"
                                  " stamp = excluded.stamp, saved_by = excluded.saved_by",
                   use(row.kind), use(row.name), use(row.client), use(row.failures),
                   use(row.changed_at), use(row.held_until), use(row.forget_at), use(stamp),
                   use(by))) {}
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
    execute_once(sql,
                 "INSERT INTO throttle_state (name, value) VALUES ('name_key', :drawn)"
                 " ON CONFLICT (name) DO NOTHING",
                 use(drawn));
    std::string kept;
    execute_once(sql, "SELECT value FROM throttle_state WHERE name = 'name_key'", into(kept));
    transaction.commit();
    return kept;
  });
}

std::vector<ThrottleEntry> SqlThrottleStore::load() {
  return database_.read(load_entries);
}

void SqlThrottleStore::save(const std::vector<ThrottleEntry>& changed,
                            const std::vector<ThrottleKey>& gone, const std::string& by) {
  if (changed.empty() && gone.empty()) return;
  database_.write([&](Connection& connection) {
    soci::transaction transaction(connection.sql());
    const long long stamp = draw_stamp(connection.sql());
    auto& put = connection.prepared<PutEntry>();
    put.stamp = stamp;
    put.by = by;
    for (const ThrottleEntry& entry : changed) {
      put.row.set(entry);
      put.statement.execute(true);
    }
    auto& put_gone = connection.prepared<PutGone>();
    put_gone.stamp = stamp;
    put_gone.by = by;
    for (const ThrottleKey& key : gone) {
      delete_entry(connection, key);
      put_gone.row.set_key(key);
      put_gone.statement.execute(true);
    }
    const long long forgotten = stamp - kStampsGoneIsTold;
    execute_once(connection.sql(), "DELETE FROM throttle_gone WHERE stamp < :forgotten",
                 use(forgotten));
    transaction.commit();
    return true;
  });
}

ThrottleNews SqlThrottleStore::news(std::int64_t since, const std::string& by) {
  return database_.read([&](Connection& connection) {
    ThrottleNews news;
    long long stamp = 0;
    // Before the rows: what is saved meanwhile is told once more the next time.
    execute_once(connection.sql(), "SELECT stamp FROM throttle_stamp WHERE id = 1", into(stamp));
    news.stamp = stamp;
    if (stamp == since) return news;
    auto& select = connection.prepared<SelectNews>();
    select.since = since;
    select.by = by;
    select.statement.execute();
    while (select.statement.fetch()) news.changed.push_back(select.row.entry());
    auto& gone = connection.prepared<SelectGone>();
    gone.since = since;
    gone.by = by;
    gone.statement.execute();
    while (gone.statement.fetch()) news.gone.push_back(gone.row.entry().key);
    return news;
  });
}

std::size_t SqlThrottleStore::lift(const ThrottleLift& lift) {
  return database_.write([&](Connection& connection) {
    soci::session& sql = connection.sql();
    soci::transaction transaction(sql);
    const long long at = to_microseconds(lift.at);
    const long long day_before = to_microseconds(lift.at - std::chrono::days{1});
    // A write first, so that what is read then cannot be changed by another program.
    execute_once(sql, "DELETE FROM throttle_lifts WHERE lifted_at < :day_before", use(day_before));
    execute_once(
        sql, "INSERT INTO throttle_lifts (name, client, lifted_at) VALUES (:name, :client, :at)",
        use(lift.name), use(lift.client), use(at));
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
