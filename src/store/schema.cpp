#include "store/schema.h"

#include <string>
#include <string_view>
#include <vector>

#include "base/failure.h"
#include "store/binding.h"

namespace userbin::store {

namespace {

/// What each version adds, as single statements. A version that was released is never changed; a
/// new one goes at the end. SQL that PostgreSQL and its relatives run too.
const std::vector<std::vector<const char*>> kMigrations{
    {
        "CREATE TABLE users ("
        " name TEXT PRIMARY KEY,"      // user_key()
        " record TEXT NOT NULL,"       // the JSON record
        " revision BIGINT NOT NULL)",  // counts its changes
        "CREATE TABLE sessions ("
        " token_hash TEXT PRIMARY KEY,"
        " name TEXT NOT NULL,"  // user_key()
        " created_at BIGINT NOT NULL,"
        " last_seen_at BIGINT NOT NULL,"  // times: microseconds since 1970, UTC
        " expires_at BIGINT NOT NULL,"
        " remember INTEGER NOT NULL,"
        " client TEXT NOT NULL,"
        " user_agent TEXT NOT NULL)",
        "CREATE INDEX sessions_by_name ON sessions (name, created_at)",
        "CREATE INDEX sessions_by_expiry ON sessions (expires_at)",
    },
    {
        // The latest revision that was in the bin.
        "ALTER TABLE users ADD COLUMN in_bin BIGINT NOT NULL DEFAULT 0",
        "CREATE INDEX users_pending ON users (name) WHERE revision <> in_bin",
        "CREATE TABLE bin_notes ("  // SyncNotes
        " name TEXT PRIMARY KEY,"   // user_key()
        " bin TEXT NOT NULL,"
        " common TEXT NOT NULL,"
        " written TEXT NOT NULL,"
        " merged TEXT NOT NULL)",
        "CREATE TABLE bin_versions ("
        " name TEXT NOT NULL,"
        " number INTEGER NOT NULL,"  // from 0, the oldest
        " record TEXT NOT NULL,"
        " PRIMARY KEY (name, number))",
        "CREATE TABLE bin_set_aside ("
        " name TEXT NOT NULL,"
        " record TEXT NOT NULL,"
        " PRIMARY KEY (name, record))",
        "CREATE TABLE bin_requests ("
        " hour BIGINT PRIMARY KEY,"  // since 1970
        " count BIGINT NOT NULL)",
        "CREATE TABLE bin_state ("
        " name TEXT PRIMARY KEY,"  // 'place', 'state', 'server'
        " value TEXT NOT NULL)",
    },
    {
        "CREATE TABLE deletions ("
        " name TEXT PRIMARY KEY,"       // user_key()
        " kept_until BIGINT NOT NULL,"  // microseconds since 1970, UTC
        " former TEXT NOT NULL)",       // the record before, or empty
    },
    {
        "CREATE TABLE throttle ("  // ThrottleEntry
        " kind INTEGER NOT NULL,"  // ThrottleKind
        " name TEXT NOT NULL,"     // hidden_name()
        " client TEXT NOT NULL,"
        " failures INTEGER NOT NULL,"
        " changed_at BIGINT NOT NULL,"
        " held_until BIGINT NOT NULL,"
        " forget_at BIGINT NOT NULL,"
        " PRIMARY KEY (kind, name, client))",
        "CREATE TABLE throttle_lifts ("  // ThrottleLift
        " name TEXT NOT NULL,"
        " client TEXT NOT NULL,"
        " lifted_at BIGINT NOT NULL)",
        "CREATE TABLE throttle_state ("
        " name TEXT PRIMARY KEY,"  // 'name_key'
        " value TEXT NOT NULL)",
    },
    {
        "CREATE TABLE invitations ("  // Invitation
        " token_hash TEXT PRIMARY KEY,"
        " role TEXT NOT NULL,"
        " maker TEXT NOT NULL,"
        " created_at BIGINT NOT NULL,"
        " expires_at BIGINT NOT NULL)",
    },
    {
        // When, in an order that programs on one store agree upon, and by which of them.
        "ALTER TABLE throttle ADD COLUMN stamp BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE throttle ADD COLUMN saved_by TEXT NOT NULL DEFAULT ''",
        "CREATE INDEX throttle_by_stamp ON throttle (stamp)",
        "CREATE TABLE throttle_gone ("  // entries that were removed
        " kind INTEGER NOT NULL,"
        " name TEXT NOT NULL,"
        " client TEXT NOT NULL,"
        " stamp BIGINT NOT NULL,"
        " saved_by TEXT NOT NULL,"
        " PRIMARY KEY (kind, name, client))",
        "CREATE INDEX throttle_gone_by_stamp ON throttle_gone (stamp)",
        "CREATE TABLE throttle_stamp ("  // the last one, in one row
        " id INTEGER PRIMARY KEY,"
        " stamp BIGINT NOT NULL)",
        "INSERT INTO throttle_stamp (id, stamp) VALUES (1, 0)",
        "CREATE TABLE leases ("  // SqlLease
        " name TEXT PRIMARY KEY,"
        " holder TEXT NOT NULL,"
        " beat BIGINT NOT NULL)",
    },
};

/// The statement, with the engine's type for a text.
std::string with_type(std::string statement, const std::string& text) {
  constexpr std::string_view kText = " TEXT";
  for (auto at = statement.find(kText); at != std::string::npos;
       at = statement.find(kText, at + text.size())) {
    statement.replace(at + 1, kText.size() - 1, text);
  }
  return statement;
}

}  // namespace

void migrate(soci::session& sql, const std::string& text) {
  const int newest = static_cast<int>(kMigrations.size());
  int version = 0;
  execute_once(sql, "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)");
  execute_once(sql, "SELECT COALESCE(MAX(version), 0) FROM schema_version", soci::into(version));
  if (version == newest) return;
  if (version > newest) {
    throw base::StoreUnavailable("the store has schema version " + std::to_string(version) +
                                 ", this program knows " + std::to_string(newest) +
                                 ": install the newer userbin that wrote it");
  }
  soci::transaction transaction(sql);
  // A write first, so that a second program waits here; then look again.
  execute_once(sql, "DELETE FROM schema_version WHERE version < 0");
  execute_once(sql, "SELECT COALESCE(MAX(version), 0) FROM schema_version", soci::into(version));
  for (; version < newest; ++version) {
    for (const char* statement : kMigrations[static_cast<std::size_t>(version)]) {
      execute_once(sql, with_type(statement, text));
    }
    const int reached = version + 1;
    execute_once(sql, "INSERT INTO schema_version (version) VALUES (:version)", soci::use(reached));
  }
  transaction.commit();
}

}  // namespace userbin::store
