// What PostgreSQL does other than SQLite: servers that go and come, conflicts, passwords.
#include "store/postgres_database.h"

#include <atomic>
#include <barrier>
#include <memory>
#include <thread>

#include <soci/postgresql/soci-postgresql.h>

#include "base/text.h"
#include "store/sql_user_store.h"
#include "support/catch.h"
#include "support/postgres.h"
#include "support/store_on_disk.h"

namespace userbin::store {

namespace {

using test::contains;
using test::failure_of;
using test::user_named;

/// A server of its own, which the test may end.
struct OwnServer {
  test::PostgresServer server;
  StoreOptions options{.place = server.url_of("postgres"),
                       .max_connections = 4,
                       .patience = std::chrono::seconds{10}};
};

std::string refusal_of(const StoreOptions& options) {
  try {
    PostgresDatabase database(options);
  } catch (const base::BadSetting& refused) {
    return refused.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a URL with a password in it is refused, without saying the password") {
  const auto url = GENERATE(
      as<std::string>{}, "postgresql://bob:hunter2@localhost/db", "postgres://bob:hunter2@a,b/db",
      "postgresql://localhost/db?user=bob&password=hunter2", "postgresql:///db?password=hunter2");
  const std::string refusal = refusal_of({.place = url});
  CHECK(contains(refusal, "--store-password-file"));
  CHECK_FALSE(contains(refusal, "hunter2"));
}

TEST_CASE("a password's file that can't be read is named") {
  CHECK(contains(refusal_of({.place = "postgresql:///db", .password_file = "/no/such/file"}),
                 "--store-password-file: /no/such/file"));
}

TEST_CASE("a server that is not there is said to be away, with the mend and without the password") {
  const test::TemporaryFolder folder;
  test::write_file(folder.file("password"), "hunter2\n");
  const std::string place =
      "postgresql://userbin@/db?host=" + base::percent_encode(folder.path().string(), "");
  const std::string failure = failure_of([&] {
    PostgresDatabase database({.place = place, .password_file = folder.file("password")});
  });
  CAPTURE(failure);
  CHECK(contains(failure, "store " + place + ": "));
  CHECK(contains(failure, "is the server running"));
  CHECK_FALSE(contains(failure, "hunter2"));
}

TEST_CASE("a password is taken from the file that is named") {
  OwnServer own;
  own.server.run("CREATE ROLE bob LOGIN PASSWORD 'seven green & lanterns'");
  own.server.run("CREATE DATABASE bobs OWNER bob");
  own.server.ask_for_passwords();
  const test::TemporaryFolder folder;
  std::string place = own.server.url_of("bobs");
  place.replace(place.find("userbin@"), 8, "bob@");
  CHECK(contains(failure_of([&] { PostgresDatabase database({.place = place}); }), "password"));
  test::write_file(folder.file("password"), "wrong\n");
  const StoreOptions options{.place = place, .password_file = folder.file("password")};
  CHECK(contains(failure_of([&] { PostgresDatabase database(options); }),
                 "password authentication failed"));
  test::write_file(folder.file("password"), "seven green & lanterns\n");
  PostgresDatabase database(options);
  CHECK(SqlUserStore(database).insert(user_named("ada")));
}

TEST_CASE("TLS is as strict as sslmode says") {
  OwnServer own;
  const int port = test::free_port();
  const std::string certificate = own.server.make_certificate();
  own.server.stop();
  own.server.start({"ssl=on", "listen_addresses=localhost"}, port);
  const std::string place =
      "postgresql://userbin@localhost:" + std::to_string(port) + "/postgres?sslmode=";
  const std::string trusting = "&sslrootcert=" + base::percent_encode(certificate, "");
  PostgresDatabase database({.place = place + "verify-full" + trusting});
  CHECK(database.read([](Connection& connection) {
    std::string version;
    connection.sql() << "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
        soci::into(version);
    return version;
  }) == "TLSv1.3");
  CHECK(contains(failure_of([&] {
                   PostgresDatabase nobody({.place = place + "verify-full&sslrootcert=/no/such"});
                 }),
                 "/no/such"));
  std::string elsewhere = place + "verify-full" + trusting;
  elsewhere.replace(elsewhere.find("localhost"), 9, "127.0.0.1");
  CHECK(contains(failure_of([&] { PostgresDatabase nobody({.place = elsewhere}); }),
                 "does not match host name"));
}

TEST_CASE("of many programs that open a new database at once each finds it made") {
  const test::PostgresPlace place;
  std::atomic<int> made = 0;
  std::barrier start(8);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      start.arrive_and_wait();
      PostgresDatabase database(place.options());
      SqlUserStore(database).check();
      ++made;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(made == 8);
}

TEST_CASE("work that another transaction made fail is done again") {
  const test::PostgresPlace place;
  test::PostgresServer::shared().run("ALTER DATABASE " + place.name() +
                                     " SET default_transaction_isolation = 'serializable'");
  PostgresDatabase first(place.options());
  PostgresDatabase second(place.options());
  SqlUserStore users(first);
  REQUIRE(users.insert(user_named("ada")));
  std::atomic<int> changes = 0;
  std::vector<std::thread> threads;
  for (PostgresDatabase* database : {&first, &second, &first, &second}) {
    threads.emplace_back([&changes, database] {
      SqlUserStore here(*database);
      for (int done = 0; done < 25;) {
        const auto stored = here.find("ada");
        const auto result = here.change(stored->user, stored->revision, {});
        if (result != ChangeResult::kDone) continue;
        ++done;
        ++changes;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(changes == 100);
  CHECK(users.find("ada")->revision == 101);
}

TEST_CASE("after its server was started anew the store goes on by itself") {
  OwnServer own;
  PostgresDatabase database(own.options);
  SqlUserStore users(database);
  REQUIRE(users.insert(user_named("ada")));
  own.server.stop();
  CHECK(contains(failure_of([&] { users.find("ada"); }), "store postgresql://"));
  CHECK_FALSE(failure_of([&] { users.insert(user_named("bob")); }).empty());
  own.server.start();
  test::wait_until("the store is back",
                   [&] { return failure_of([&] { users.find("ada"); }).empty(); });
  CHECK(users.find("ada"));
  CHECK(users.insert(user_named("carl")));
}

TEST_CASE("a restart that nobody noticed costs no call its success") {
  OwnServer own;
  PostgresDatabase database(own.options);
  SqlUserStore users(database);
  REQUIRE(users.insert(user_named("ada")));
  own.server.stop();
  own.server.start();
  CHECK(users.insert(user_named("bob")));
  CHECK(users.find("ada"));
}

TEST_CASE("a connection that the server ends in the middle is not used again") {
  const test::PostgresPlace place;
  PostgresDatabase database(place.options());
  SqlUserStore users(database);
  REQUIRE(users.insert(user_named("ada")));
  int attempts = 0;
  const bool is_there = database.read([&](Connection& connection) {
    if (++attempts == 1) {
      test::PostgresServer::shared().run(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" +
          place.name() + "'");
    }
    long long count = 0;
    connection.sql() << "SELECT COUNT(*) FROM users", soci::into(count);
    return count == 1;
  });
  CHECK(is_there);
  CHECK(attempts == 2);
}

TEST_CASE("connections that the server ends while they are idle cost no call its success") {
  OwnServer own;
  own.server.run("ALTER SYSTEM SET idle_session_timeout = '500ms'");
  own.server.run("SELECT pg_reload_conf()");
  PostgresDatabase database(own.options);
  SqlUserStore users(database);
  for (const char* name : {"ada", "bob", "carl"}) {
    CHECK(users.insert(user_named(name)));
    test::wait_until("nobody is connected", [&] {
      long long count = 0;
      soci::session(soci::postgresql, own.server.url_of("postgres"))
          << "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'userbin'",
          soci::into(count);
      return count == 0;
    });
  }
}

TEST_CASE("a server without connections left is said to be full, and used once it has some") {
  OwnServer own;
  own.server.stop();
  own.server.start({"max_connections=4", "superuser_reserved_connections=0"});
  PostgresDatabase database(own.options);
  SqlUserStore users(database);
  REQUIRE(users.insert(user_named("ada")));
  std::vector<std::unique_ptr<soci::session>> others;
  test::wait_until("others have the rest", [&] {
    try {
      others.push_back(
          std::make_unique<soci::session>(soci::postgresql, own.server.url_of("postgres")));
    } catch (const soci::soci_error&) {
      // One that has just been closed may still count.
    }
    return others.size() == 3;
  });
  database.read([&](Connection&) {
    const std::string failure = failure_of([&] { users.find("ada"); });
    CAPTURE(failure);
    CHECK(contains(failure, "out of room or of connections"));
    return true;
  });
  CHECK(users.find("ada"));
  others.clear();
  test::wait_until("there is room", [&] {
    return database.read(
        [&](Connection&) { return failure_of([&] { users.find("ada"); }).empty(); });
  });
}

TEST_CASE("a server that lets nobody write fails changes, and takes them when it does again") {
  OwnServer own;
  PostgresDatabase database(own.options);
  SqlUserStore users(database);
  REQUIRE(users.insert(user_named("ada")));
  own.server.run("ALTER SYSTEM SET default_transaction_read_only = on");
  own.server.run("SELECT pg_reload_conf()");
  std::string failure;
  int number = 0;
  test::wait_until("it is read-only", [&] {
    failure = failure_of([&] { users.insert(user_named("user" + std::to_string(++number))); });
    return !failure.empty();
  });
  CAPTURE(failure);
  CHECK(contains(failure, "read-only"));
  CHECK(contains(failure, "can't be written to"));
  CHECK_FALSE(failure_of([&] { users.check(); }).empty());
  own.server.run("ALTER SYSTEM RESET default_transaction_read_only");
  own.server.run("SELECT pg_reload_conf()");
  test::wait_until("it may be written to",
                   [&] { return failure_of([&] { users.check(); }).empty(); });
  CHECK(users.insert(user_named("carl")));
}

TEST_CASE("a change whose connection broke is not made twice") {
  const test::PostgresPlace place;
  PostgresDatabase database(place.options());
  int attempts = 0;
  CHECK_FALSE(failure_of([&] {
                database.write([&](Connection& connection) {
                  ++attempts;
                  test::PostgresServer::shared().run(
                      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" +
                      place.name() + "'");
                  connection.sql() << "DELETE FROM users";
                  return true;
                });
              }).empty());
  CHECK(attempts == 1);
  CHECK(SqlUserStore(database).insert(user_named("ada")));
}

TEST_CASE("what is known of the store is old after the time to live, or after an own change") {
  const test::PostgresPlace place;
  StoreOptions options = place.options();
  SECTION("which may be long") {
    options.cache_ttl = std::chrono::hours{24 * 365 * 100};
    PostgresDatabase database(options);
    const auto version = database.version();
    CHECK(database.version() == version);
    REQUIRE(SqlUserStore(database).insert(user_named("ada")));
    CHECK(database.version() != version);
  }
  SECTION("or nothing") {
    options.cache_ttl = std::chrono::milliseconds{0};
    PostgresDatabase database(options);
    CHECK(database.version() != database.version());
  }
  SECTION("or pass") {
    options.cache_ttl = std::chrono::milliseconds{1};
    PostgresDatabase database(options);
    const auto version = database.version();
    test::wait_until("it is over", [&] { return database.version() != version; });
  }
}

}  // namespace userbin::store
