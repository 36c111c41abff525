#include "support/snapshot.h"

#include <filesystem>

#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include "base/json.h"
#include "store/user.h"
#include "support/process.h"
#include "support/temporary_folder.h"

namespace userbin::test {

namespace {

using soci::into;

bool is_url(const std::string& store) {
  return store.starts_with("postgresql:");
}

void open(soci::session& sql, const std::string& store) {
  if (is_url(store)) {
    sql.open(soci::postgresql, store);
  } else {
    sql.open(soci::sqlite3, "db=" + store);
    sql << "PRAGMA busy_timeout = 10000";
  }
}

template <typename Take, typename... Values>
void each_row(soci::session& sql, const std::string& query, Take take, Values&... values) {
  soci::statement statement(sql);
  (statement.exchange(into(values)), ...);
  statement.alloc();
  statement.prepare(query);
  statement.define_and_bind();
  statement.execute();
  while (statement.fetch()) take();
}

void await_end_of_others(soci::session& sql) {
  wait_until("the killed program's connections have ended", [&] {
    int others = 0;
    sql << "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()"
           " AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
        into(others);
    return others == 0;
  });
}

void check_file(soci::session& sql, Snapshot& snapshot) {
  std::string found;
  each_row(
      sql, "PRAGMA integrity_check",
      [&] {
        if (found != "ok") snapshot.flaws.push_back("integrity_check: " + found);
      },
      found);
}

/// As a program leaves it that was killed before it made them.
bool is_without_tables(soci::session& sql) {
  int tables = 0;
  sql << "SELECT COUNT(*) FROM sqlite_master WHERE name = 'users'", into(tables);
  return tables == 0;
}

void read_users(soci::session& sql, Snapshot& snapshot) {
  std::string name, text;
  each_row(
      sql, "SELECT name, record FROM users",
      [&] {
        auto record = base::from_json(text);
        if (!record || !record->isObject() ||
            store::user_key((*record)["username"].asString()) != name) {
          snapshot.flaws.push_back("user " + name + " has the record " + text);
          return;
        }
        snapshot.users[name].record = *std::move(record);
      },
      name, text);
}

void read_sessions(soci::session& sql, Snapshot& snapshot) {
  std::string token_hash, name;
  each_row(
      sql, "SELECT token_hash, name FROM sessions",
      [&] { snapshot.users[name].sessions.insert(token_hash); }, token_hash, name);
  for (const auto& [key, user] : snapshot.users) {
    const bool may_have_one = user.record && !store::is_deleted(*user.record);
    if (!user.sessions.empty() && !may_have_one) {
      snapshot.flaws.push_back("there are sessions of " + key + ", who is no user");
    }
  }
}

void read_rest(soci::session& sql, Snapshot& snapshot) {
  std::string name, text;
  each_row(
      sql, "SELECT name, former FROM deletions",
      [&] { snapshot.users[name].has_former = !text.empty(); }, name, text);
  each_row(
      sql, "SELECT maker, token_hash FROM invitations",
      [&] { snapshot.invitations[name].insert(text); }, name, text);
}

}  // namespace

Snapshot read_snapshot(const std::string& store) {
  Snapshot snapshot;
  TemporaryFolder folder;
  std::string place = store;
  if (!is_url(store)) {
    place = folder.file("copy.db");
    for (const char* suffix : {"", "-wal"}) {
      if (std::filesystem::exists(store + suffix)) {
        std::filesystem::copy_file(store + suffix, place + suffix);
      }
    }
  }
  soci::session sql;
  open(sql, place);
  if (is_url(store)) {
    await_end_of_others(sql);
  } else {
    sql << "PRAGMA synchronous = OFF";  // the copy goes anyway
    check_file(sql, snapshot);
    if (is_without_tables(sql)) return snapshot;
  }
  read_users(sql, snapshot);
  read_sessions(sql, snapshot);
  read_rest(sql, snapshot);
  return snapshot;
}

BinState read_bin_state(const std::string& store) {
  soci::session sql;
  open(sql, store);
  BinState state;
  std::string name, record;
  int is_pending = 0;
  each_row(
      sql, "SELECT name, record, CASE WHEN revision <> in_bin THEN 1 ELSE 0 END FROM users",
      [&] {
        state.records[name] = base::from_json(record).value_or(Json::Value());
        state.pending += static_cast<std::size_t>(is_pending);
      },
      name, record, is_pending);
  return state;
}

}  // namespace userbin::test
