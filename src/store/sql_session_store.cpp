#include "store/sql_session_store.h"

#include <algorithm>

#include "store/binding.h"
#include "store/session_limit.h"

namespace userbin::store {

namespace {

using soci::into;

long long to_microseconds(base::WallTime time) {
  return time.time_since_epoch().count();
}

base::WallTime from_microseconds(long long count) {
  return base::WallTime(std::chrono::microseconds(count));
}

/// The columns of a session, as variables for SOCI to bind.
struct Row {
  std::string token_hash, name, client, user_agent;
  long long created_at = 0, last_seen_at = 0, expires_at = 0;
  int remember = 0;

  Session session() const {
    return {.token_hash = token_hash,
            .user_key = name,
            .created_at = from_microseconds(created_at),
            .last_seen_at = from_microseconds(last_seen_at),
            .expires_at = from_microseconds(expires_at),
            .remember = remember != 0,
            .client = client,
            .user_agent = user_agent};
  }
};

struct InsertSession {
  Row row;
  soci::statement statement;
  explicit InsertSession(soci::session& sql)
      : statement(
            (sql.prepare << "INSERT INTO sessions (token_hash, name, created_at, last_seen_at,"
                            " expires_at, remember, client, user_agent) VALUES (:token_hash, :name,"
                            " :created_at, :last_seen_at, :expires_at, :remember, :client, :agent)",
             use(row.token_hash), use(row.name), use(row.created_at), use(row.last_seen_at),
             use(row.expires_at), use(row.remember), use(row.client), use(row.user_agent))) {}
};

/// Sessions by the value of one column.
struct SelectSessions {
  std::string wanted;
  Row row;
  soci::statement statement;
  SelectSessions(soci::session& sql, const std::string& condition)
      : statement((sql.prepare << "SELECT token_hash, name, created_at, last_seen_at, expires_at,"
                                  " remember, client, user_agent FROM sessions WHERE " +
                                      condition,
                   into(row.token_hash), into(row.name), into(row.created_at),
                   into(row.last_seen_at), into(row.expires_at), into(row.remember),
                   into(row.client), into(row.user_agent), use(wanted))) {}

  std::vector<Session> run(std::string_view value) {
    wanted = value;
    std::vector<Session> sessions;
    statement.execute();
    while (statement.fetch()) sessions.push_back(row.session());
    return sessions;
  }
};

struct SelectByToken : SelectSessions {
  explicit SelectByToken(soci::session& sql) : SelectSessions(sql, "token_hash = :wanted") {}
};

struct SelectByUser : SelectSessions {
  explicit SelectByUser(soci::session& sql)
      : SelectSessions(sql, "name = :wanted ORDER BY created_at, token_hash") {}
};

/// Deletes sessions by the value of one column.
template <typename Value>
struct DeleteSessions {
  Value wanted{};
  soci::statement statement;
  DeleteSessions(soci::session& sql, const std::string& condition)
      : statement((sql.prepare << "DELETE FROM sessions WHERE " + condition, use(wanted))) {}

  std::size_t run(Value value) {
    wanted = std::move(value);
    statement.execute(true);
    return static_cast<std::size_t>(statement.get_affected_rows());
  }
};

struct DeleteByToken : DeleteSessions<std::string> {
  explicit DeleteByToken(soci::session& sql) : DeleteSessions(sql, "token_hash = :wanted") {}
};

struct DeleteByUser : DeleteSessions<std::string> {
  explicit DeleteByUser(soci::session& sql) : DeleteSessions(sql, "name = :wanted") {}
};

/// Those of a user that must go so that there is room for one more.
struct DeleteLeastUsed {
  std::string name;
  long long offset = kMaxSessionsPerUser - 1;
  soci::statement statement;
  explicit DeleteLeastUsed(soci::session& sql)
      : statement((sql.prepare << "DELETE FROM sessions WHERE token_hash IN (SELECT token_hash FROM"
                                  " sessions WHERE name = :name ORDER BY last_seen_at DESC,"
                                  " token_hash LIMIT 1000000 OFFSET :offset)",
                   use(name), use(offset))) {}
};

struct DeleteExpired : DeleteSessions<long long> {
  explicit DeleteExpired(soci::session& sql) : DeleteSessions(sql, "expires_at <= :wanted") {}
};

struct TouchSession {
  std::string token_hash;
  long long seen_at = 0, expires_at = 0;
  soci::statement statement;
  explicit TouchSession(soci::session& sql)
      : statement(
            (sql.prepare << "UPDATE sessions SET last_seen_at = :seen_at, expires_at = :expires"
                            " WHERE token_hash = :token_hash AND last_seen_at < :seen_at_too",
             use(seen_at), use(expires_at), use(token_hash), use(seen_at))) {}
};

}  // namespace

void insert_session(Connection& connection, const Session& session) {
  auto& make_room = connection.prepared<DeleteLeastUsed>();
  make_room.name = session.user_key;
  make_room.statement.execute(true);
  auto& insert = connection.prepared<InsertSession>();
  insert.row = {.token_hash = session.token_hash,
                .name = session.user_key,
                .client = session.client,
                .user_agent = session.user_agent,
                .created_at = to_microseconds(session.created_at),
                .last_seen_at = to_microseconds(session.last_seen_at),
                .expires_at = to_microseconds(session.expires_at),
                .remember = session.remember ? 1 : 0};
  insert.statement.execute(true);
}

std::size_t remove_sessions(Connection& connection, const std::string& user_key) {
  return connection.prepared<DeleteByUser>().run(user_key);
}

void SqlSessionStore::insert(const Session& session) {
  database_.write([&](Connection& connection) {
    soci::transaction transaction(connection.sql());
    insert_session(connection, session);
    transaction.commit();
    return true;
  });
}

std::optional<Session> SqlSessionStore::find(std::string_view token_hash) {
  return database_.read([&](Connection& connection) -> std::optional<Session> {
    auto found = connection.prepared<SelectByToken>().run(token_hash);
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
  });
}

bool SqlSessionStore::remove(std::string_view token_hash) {
  return database_.write([&](Connection& connection) {
    return connection.prepared<DeleteByToken>().run(std::string(token_hash)) == 1;
  });
}

std::size_t SqlSessionStore::remove_all(std::string_view user_key) {
  return database_.write(
      [&](Connection& connection) { return remove_sessions(connection, std::string(user_key)); });
}

std::vector<Session> SqlSessionStore::list(std::string_view user_key) {
  return database_.read(
      [&](Connection& connection) { return connection.prepared<SelectByUser>().run(user_key); });
}

void SqlSessionStore::touch(const std::vector<SessionUse>& uses) {
  if (uses.empty()) return;
  // In one order, so that no two programs wait for each other's rows.
  std::vector<SessionUse> ordered = uses;
  std::sort(ordered.begin(), ordered.end(),
            [](const auto& a, const auto& b) { return a.token_hash < b.token_hash; });
  database_.write([&](Connection& connection) {
    soci::transaction transaction(connection.sql());
    auto& touch = connection.prepared<TouchSession>();
    for (const SessionUse& session_use : ordered) {
      touch.token_hash = session_use.token_hash;
      touch.seen_at = to_microseconds(session_use.seen_at);
      touch.expires_at = to_microseconds(session_use.expires_at);
      touch.statement.execute(true);
    }
    transaction.commit();
    return true;
  });
}

std::size_t SqlSessionStore::remove_expired(base::WallTime now) {
  return database_.write([&](Connection& connection) {
    return connection.prepared<DeleteExpired>().run(to_microseconds(now));
  });
}

}  // namespace userbin::store
