#include <atomic>
#include <thread>

#include "base/process_name.h"
#include "store/sql_lease.h"
#include "support/catch.h"
#include "support/postgres.h"

namespace userbin::store {

namespace {

using namespace std::chrono_literals;

/// Nobody dies while the test runs.
constexpr SqlLease::Options kPatient{.beat = 1ms, .expiry = 1h};
/// Whoever is seen twice without a beat has died.
constexpr SqlLease::Options kImpatient{.beat = 1ms, .expiry = 0ms};

}  // namespace

TEMPLATE_TEST_CASE("a lease is held by one, until he gives it back", "", test::OnSqlite,
                   test::OnPostgres) {
  TestType engine;
  SqlLease first(engine.database, "work", kPatient);
  SqlLease second(engine.database, "work", kPatient);
  SqlLease other(engine.database, "other work", kPatient);
  for (int i = 0; i < 3; ++i) {
    for (SqlLease* lease : {&first, &second, &other}) lease->look();
    CHECK(first.is_held());
    CHECK_FALSE(second.is_held());
    CHECK(other.is_held());
  }
  first.stop();
  CHECK_FALSE(first.is_held());
  second.look();
  CHECK(second.is_held());
}

TEMPLATE_TEST_CASE("a lease is taken from who beats no more, and he notices", "", test::OnSqlite,
                   test::OnPostgres) {
  TestType engine;
  SqlLease first(engine.database, "work", kPatient);
  SqlLease second(engine.database, "work", kImpatient);
  first.look();
  second.look();
  CHECK_FALSE(second.is_held());
  first.look();
  second.look();
  CHECK_FALSE(second.is_held());  // there was a beat
  second.look();
  CHECK(second.is_held());
  CHECK(first.is_held());  // he does not know yet
  first.look();
  CHECK_FALSE(first.is_held());
  CHECK(second.is_held());
}

TEMPLATE_TEST_CASE("a lease is taken at once from a program that has ended on this machine", "",
                   test::OnSqlite, test::OnPostgres) {
  TestType engine;
  const auto [holder, is_free] = GENERATE(table<std::string, bool>({
      {"drawn " + base::process_name() + "0", true},  // which began at another time
      {"drawn " + base::process_name(), false},
      {"drawn elsewhere " + base::process_name() + "0", false},
      {"drawn", false},
  }));
  engine.database.write([&, name = holder](Connection& connection) {
    connection.sql() << "INSERT INTO leases (name, holder, beat) VALUES ('work', :holder, 7)",
        soci::use(name);
    return true;
  });
  SqlLease lease(engine.database, "work", kPatient);
  lease.look();
  CHECK(lease.is_held() == is_free);
}

TEMPLATE_TEST_CASE("of many who want a free lease at once one gets it", "", test::OnSqlite,
                   test::OnPostgres) {
  TestType engine;
  std::vector<std::unique_ptr<SqlLease>> leases;
  for (int i = 0; i < 8; ++i) {
    leases.push_back(std::make_unique<SqlLease>(engine.database, "work", kPatient));
  }
  std::vector<std::thread> threads;
  for (const auto& lease : leases) threads.emplace_back([&lease] { lease->look(); });
  for (std::thread& thread : threads) thread.join();
  int holders = 0;
  for (const auto& lease : leases) holders += lease->is_held() ? 1 : 0;
  CHECK(holders == 1);
}

TEST_CASE("a lease whose store is away is lost after its time") {
  auto engine = std::make_unique<test::OnSqlite>();
  SqlLease patient(engine->database, "work", kPatient);
  SqlLease impatient(engine->database, "other work", kImpatient);
  patient.look();
  impatient.look();
  std::filesystem::rename(engine->folder.file("users.db"), engine->folder.file("elsewhere"));
  patient.look();
  impatient.look();
  CHECK(patient.is_held());
  CHECK_FALSE(impatient.is_held());
}

TEST_CASE("a lease's thread takes what others leave, and gives it back at its end") {
  test::OnSqlite engine;
  SqlLease first(engine.database, "work", {.beat = 1ms, .expiry = 1h});
  SqlLease second(engine.database, "work", {.beat = 1ms, .expiry = 1h});
  first.start();
  second.start();
  CHECK(first.is_held());
  CHECK_FALSE(second.is_held());
  first.stop();
  test::wait_until("the second has it", [&] { return second.is_held(); });
}

}  // namespace userbin::store
