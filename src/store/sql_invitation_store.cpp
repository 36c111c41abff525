#include "store/sql_invitation_store.h"

#include "store/binding.h"

namespace userbin::store {

namespace {

using soci::into;

long long to_microseconds(base::WallTime time) {
  return time.time_since_epoch().count();
}

base::WallTime from_microseconds(long long count) {
  return base::WallTime(std::chrono::microseconds(count));
}

/// The invitations that a condition selects; `wanted` is bound to it.
std::vector<Invitation> select(Connection& connection, const std::string& condition,
                               const std::string& wanted) {
  Invitation row;
  long long created_at = 0;
  long long expires_at = 0;
  soci::statement statement =
      (connection.sql().prepare
           << "SELECT token_hash, role, maker, created_at, expires_at FROM invitations WHERE " +
                  condition + " ORDER BY created_at DESC, token_hash",
       into(row.token_hash), into(row.role), into(row.maker), into(created_at), into(expires_at),
       use(wanted));
  std::vector<Invitation> found;
  statement.execute();
  while (statement.fetch()) {
    row.created_at = from_microseconds(created_at);
    row.expires_at = from_microseconds(expires_at);
    found.push_back(row);
  }
  return found;
}

/// How many the statement has changed.
template <typename... Uses>
std::size_t execute(Connection& connection, const std::string& text, Uses... uses) {
  soci::statement statement(connection.sql());
  (statement.exchange(uses), ...);
  statement.alloc();
  statement.prepare(text);
  statement.define_and_bind();
  statement.execute(true);
  return static_cast<std::size_t>(statement.get_affected_rows());
}

}  // namespace

bool use_invitation(Connection& connection, const InvitationUse& wanted) {
  const long long at = to_microseconds(wanted.at);
  return execute(connection,
                 "DELETE FROM invitations WHERE token_hash = :token_hash AND expires_at > :at",
                 use(wanted.token_hash), use(at)) == 1;
}

void SqlInvitationStore::insert(const Invitation& invitation) {
  database_.write([&](Connection& connection) {
    const long long created_at = to_microseconds(invitation.created_at);
    const long long expires_at = to_microseconds(invitation.expires_at);
    execute(connection,
            "INSERT INTO invitations (token_hash, role, maker, created_at, expires_at)"
            " VALUES (:token_hash, :role, :maker, :created_at, :expires_at)",
            use(invitation.token_hash), use(invitation.role), use(invitation.maker),
            use(created_at), use(expires_at));
    return true;
  });
}

std::optional<Invitation> SqlInvitationStore::find(std::string_view token_hash) {
  return database_.read([&](Connection& connection) -> std::optional<Invitation> {
    auto found = select(connection, "token_hash = :wanted", std::string(token_hash));
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
  });
}

std::vector<Invitation> SqlInvitationStore::list() {
  return database_.read(
      [&](Connection& connection) { return select(connection, "token_hash <> :none", ""); });
}

bool SqlInvitationStore::remove(std::string_view token_hash) {
  return database_.write([&](Connection& connection) {
    const std::string wanted(token_hash);
    return execute(connection, "DELETE FROM invitations WHERE token_hash = :wanted", use(wanted)) ==
           1;
  });
}

std::size_t SqlInvitationStore::remove_expired(base::WallTime now) {
  return database_.write([&](Connection& connection) {
    const long long at = to_microseconds(now);
    return execute(connection, "DELETE FROM invitations WHERE expires_at <= :at", use(at));
  });
}

}  // namespace userbin::store
