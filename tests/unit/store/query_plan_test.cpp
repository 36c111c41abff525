// What a login, a verification, a registration and a page of the list cost must not grow with the
// number of users: each of their queries stands on an index.
#include <functional>
#include <regex>
#include <set>
#include <sstream>

#include "store/sql_invitation_store.h"
#include "store/sql_session_store.h"
#include "store/sql_sync_store.h"
#include "store/sql_user_store.h"
#include "support/catch.h"
#include "support/postgres.h"

namespace userbin::store {

namespace {

constexpr base::WallTime kNow{std::chrono::seconds{1'795'455'000}};
constexpr int kUsers = 20'000;

/// Both keep to one connection, whose queries are seen.
struct PlansOfSqlite {
  test::TemporaryFolder folder;
  SqliteDatabase database{{.path = folder.file("users.db"), .max_connections = 1}};

  static constexpr const char* kExplain = "EXPLAIN QUERY PLAN ";
  /// "SCAN users"; "SCAN users USING INDEX users_pending" goes through that alone.
  static bool is_scan(const std::string& line) {
    return line.find("SCAN") != std::string::npos && line.find("USING") == std::string::npos;
  }
  /// The last of four columns.
  static std::string line_of(const soci::row& row) { return row.get<std::string>(3); }
};

struct PlansOfPostgres {
  test::PostgresPlace place;
  PostgresDatabase database{{.place = place.url(), .max_connections = 1}};

  static constexpr const char* kExplain = "EXPLAIN ";
  static bool is_scan(const std::string& line) {
    return line.find("Seq Scan") != std::string::npos;
  }
  static std::string line_of(const soci::row& row) { return row.get<std::string>(0); }
};

void fill(Database& database) {
  std::vector<StoredUser> users;
  for (int i = 0; i < kUsers; ++i) {
    users.push_back({User("user" + std::to_string(i), "!", kNow), 0});
  }
  REQUIRE(SqlUserStore(database).import(users, [](std::size_t) {}) == ChangeResult::kDone);
}

/// The queries that `work` prepares, each once.
std::set<std::string> queries_of(Database& database, const std::function<void()>& work) {
  std::ostringstream log;
  const auto watch = [&](std::ostream* stream) {
    database.read([&](Connection& connection) {
      connection.sql().set_log_stream(stream);
      return true;
    });
  };
  watch(&log);
  work();
  watch(nullptr);
  std::set<std::string> queries;
  std::istringstream lines(log.str());
  for (std::string line; std::getline(lines, line);) {
    const bool has_plan = line.starts_with("SELECT") || line.starts_with("UPDATE") ||
                          line.starts_with("DELETE") || line.starts_with("INSERT");
    // The one row that changes wait for, and the few admins, who are sought by who takes one away.
    const bool is_exempt = line.find("schema_version") != std::string::npos;
    if (has_plan && !is_exempt) queries.insert(line);
  }
  return queries;
}

/// The lines of the plan that say how a table is read.
template <typename Plans>
std::vector<std::string> plan_of(Database& database, const std::string& query) {
  const std::string filled = std::regex_replace(query, std::regex(":[a-z_]+"), "'1'");
  return database.read([&](Connection& connection) {
    std::vector<std::string> plan;
    const soci::rowset<soci::row> rows = (connection.sql().prepare << Plans::kExplain + filled);
    for (const soci::row& row : rows) plan.push_back(Plans::line_of(row));
    return plan;
  });
}

}  // namespace

TEMPLATE_TEST_CASE("what is asked for at every request stands on an index", "", PlansOfSqlite,
                   PlansOfPostgres) {
  TestType engine;
  Database& database = engine.database;
  fill(database);
  SqlUserStore users(database);
  SqlSessionStore sessions(database);
  SqlInvitationStore invitations(database);
  SqlSyncStore bins(database);
  const auto queries = queries_of(database, [&] {
    users.find("user7");
    users.insert(User("new", "!", kNow));
    users.update(User("new", "?", kNow), 1);
    users.change(User("new", "!!", kNow), 2, {.ends_sessions = true});
    users.list("user5", 50);
    users.search({.key_prefix = "user19"}, "user191", 50);
    sessions.insert({.token_hash = "a", .user_key = "new"});
    sessions.find("a");
    sessions.list("new");
    sessions.touch({{.token_hash = "a", .seen_at = kNow, .expires_at = kNow}});
    sessions.remove("a");
    sessions.remove_expired(kNow);
    invitations.find("a");
    users.admit(User("guest", "!", kNow), 0, {.token_hash = "a", .at = kNow});
    bins.pending(10);
  });
  CHECK(queries.size() >= 12);
  // As the planner sees them once there is something in every table.
  database.write([&](Connection& connection) {
    connection.sql()
        << "INSERT INTO sessions (token_hash, name, created_at, last_seen_at, expires_at,"
           " remember, client, user_agent) SELECT name, name, 1, 1, 1000, 0, '', '' FROM users";
    connection.sql() << "INSERT INTO invitations (token_hash, role, maker, created_at, expires_at)"
                        " SELECT name, 'user', '', 1, 1 FROM users";
    connection.sql() << "INSERT INTO bin_notes (name, bin, common, written, merged)"
                        " SELECT name, '', '', '', '' FROM users";
    connection.sql() << "INSERT INTO deletions (name, kept_until, former)"
                        " SELECT name, 1, '' FROM users";
    connection.sql() << "UPDATE users SET in_bin = revision WHERE name <> 'new'";
    return true;
  });
  database.write([&](Connection& connection) {
    connection.sql() << "ANALYZE";
    return true;
  });
  for (const std::string& query : queries) {
    for (const std::string& line : plan_of<TestType>(database, query)) {
      CAPTURE(query, line);
      CHECK_FALSE(TestType::is_scan(line));
    }
  }
}

}  // namespace userbin::store
