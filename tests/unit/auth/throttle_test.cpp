#include "auth/throttle.h"

#include <atomic>
#include <thread>

#include "support/catch.h"
#include "support/fake_clock.h"

namespace userbin::auth {

namespace {

using Catch::Generators::table;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using store::ThrottleKind;

constexpr const char* kNameKey = "the secret of these tests";
constexpr const char* kHere = "192.0.2.7";
constexpr const char* kElsewhere = "198.51.100.1";

constexpr ThrottleRules kOff{.login_failures = 0,
                             .failures_per_account = 0,
                             .logins_per_client = 0,
                             .registrations_per_client = 0};

struct Door {
  test::FakeClock clock;
  Throttle throttle;

  explicit Door(const ThrottleRules& rules = {}) : throttle(rules, kNameKey, clock) {}

  /// A wrong password; how many seconds to wait instead, if it may not be tried.
  long wrong(const std::string& name, const std::string& address = kHere) {
    auto attempt = throttle.try_login(name, address);
    attempt.keep();
    return attempt.retry_after().count();
  }
  long right(const std::string& name, const std::string& address = kHere) {
    auto attempt = throttle.try_login(name, address);
    if (attempt.retry_after() == seconds{0}) attempt.succeed();
    return attempt.retry_after().count();
  }
  /// How many seconds to wait; nothing comes of it.
  long wait(const std::string& name, const std::string& address = kHere) {
    return throttle.try_login(name, address).retry_after().count();
  }
  long registration(const std::string& address = kHere) {
    auto attempt = throttle.try_registration(address);
    attempt.keep();
    return attempt.retry_after().count();
  }

  /// Makes that many wrong tries, each as soon as it may be.
  void fail(int times, const std::string& name = "ada", const std::string& address = kHere) {
    for (int i = 0; i < times; ++i) {
      clock.advance(seconds{wait(name, address)});
      REQUIRE(wrong(name, address) == 0);
    }
  }
};

std::string address_of(int number) {
  return "10.1." + std::to_string(number / 250) + '.' + std::to_string(number % 250 + 1);
}

/// Rules for accounts: at most `count` wrong passwords an hour from newcomers.
ThrottleRules per_account(int count) {
  return {.failures_per_account = count};
}

/// So many wrong passwords for a name, each from an address of its own.
void attack(Door& door, const std::string& name, int count) {
  for (int i = 0; i < count; ++i) REQUIRE(door.wrong(name, address_of(i)) == 0);
}

}  // namespace

TEST_CASE("after five wrong passwords the wait doubles, up to a quarter of an hour") {
  const auto [failures, wait] = GENERATE(table<int, long>({{0, 0},
                                                           {1, 0},
                                                           {4, 0},
                                                           {5, 1},
                                                           {6, 2},
                                                           {7, 4},
                                                           {8, 8},
                                                           {14, 512},
                                                           {15, 900},
                                                           {16, 900},
                                                           {40, 900}}));
  CAPTURE(failures);
  ThrottleRules rules = kOff;
  rules.login_failures = 5;
  Door door(rules);
  door.fail(failures);
  CHECK(door.wait("ada") == wait);
  CHECK(door.right("ada") == wait);  // also for who knows the password
}

TEST_CASE("the figures can be set") {
  const auto [free, longest, failures, wait] =
      GENERATE(table<int, int, int, long>({{1, 900, 1, 1},
                                           {1, 900, 2, 2},
                                           {3, 900, 2, 0},
                                           {3, 900, 3, 1},
                                           {1, 3, 5, 3},
                                           {0, 900, 50, 0}}));
  CAPTURE(free, longest, failures);
  ThrottleRules rules = kOff;
  rules.login_failures = free;
  rules.delay_max = seconds{longest};
  Door door(rules);
  door.fail(failures);
  CHECK(door.wait("ada") == wait);
}

TEST_CASE("a wait runs down, is told in whole seconds, and is not made longer by asking") {
  Door door;
  door.fail(8);
  CHECK(door.wrong("ada") == 8);
  door.clock.advance(milliseconds{1});
  CHECK(door.wrong("ada") == 8);
  door.clock.advance(milliseconds{7998});
  CHECK(door.wrong("ada") == 1);
  door.clock.advance(milliseconds{1});
  CHECK(door.wrong("ada") == 0);
  CHECK(door.wait("ada") == 16);
}

TEST_CASE("a wait is for one name and one client") {
  const auto [name, address, waits] = GENERATE(table<std::string, std::string, bool>({
      {"ada", "2001:db8:1:2::1", true},
      {"ADA", "2001:db8:1:2::1", true},
      {"ada", "2001:db8:1:2:ffff::9", true},
      {"ada", "2001:db8:1:3::1", false},
      {"ada", "192.0.2.7", false},
      {"ada ", "2001:db8:1:2::1", false},
      {"bob", "2001:db8:1:2::1", false},
      {"", "2001:db8:1:2::1", false},
      {std::string(60'000, 'a'), "2001:db8:1:2::1", false},
  }));
  CAPTURE(name.substr(0, 20), address);
  Door door;
  door.fail(10, "Ada", "2001:db8:1:2::1");
  CHECK((door.wait(name, address) > 0) == waits);
}

TEST_CASE("names of any length and with any bytes are counted") {
  const std::string name = GENERATE(as<std::string>(), "", "x", std::string(60'000, 'x'),
                                    std::string("a\0b", 3), "\xff\xfe", "\u00C9mile");
  Door door;
  door.fail(5, name);
  CHECK(door.wait(name) == 1);
  CHECK(door.wait(name + "y") == 0);
}

TEST_CASE("the right password makes the wrong ones before it forgotten") {
  Door door;
  door.fail(7);
  door.clock.advance(seconds{4});
  CHECK(door.right("ada") == 0);
  door.fail(4);
  CHECK(door.wait("ada") == 0);
  door.fail(1);
  CHECK(door.wait("ada") == 1);
}

TEST_CASE("a try that nothing came of counts as none, nor does the wait that it set stay") {
  Door door;
  door.fail(4);
  for (int i = 0; i < 10; ++i) CHECK(door.wait("ada") == 0);
  door.fail(2);
  door.clock.advance(seconds{2});
  CHECK(door.wait("ada") == 0);
  CHECK(door.wrong("ada") == 0);
  CHECK(door.wait("ada") == 4);
}

TEST_CASE("tries made at once get no more than tries made in turn") {
  Door door;
  std::vector<Throttle::Attempt> open;
  int made = 0;
  for (int i = 0; i < 1000; ++i) {
    open.push_back(door.throttle.try_login("ada", kHere));
    if (open.back().retry_after() == seconds{0}) ++made;
  }
  CHECK(made == 5);
  SECTION("when they fail") {
    for (auto& attempt : open) attempt.keep();
    CHECK(door.wait("ada") == 1);
  }
  SECTION("when nothing comes of them") {
    open.clear();
    CHECK(door.wait("ada") == 0);
    CHECK(door.throttle.size() == 0);
  }
  SECTION("when one of them is right") {
    open[2].succeed();
    open.clear();
    CHECK(door.wait("ada") == 0);
  }
}

TEST_CASE("tries made at once by many threads get no more either", "[throttle][threads]") {
  Door door;
  std::atomic<int> made = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 125; ++n) {
        if (door.wrong("ada") == 0) ++made;
        door.wait("bob", address_of(n));
        door.registration(address_of(n));
        door.right("cleo", address_of(n));
        if (n % 25 == 0) door.throttle.put_back(door.throttle.take_changes());
        door.throttle.holds_anybody();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(made == 5);
}

TEST_CASE("wrong passwords are forgotten after an hour, those that led to a wait after a day") {
  const auto [failures, after, wait] =
      GENERATE(table<int, hours, long>({{4, hours{1}, 0}, {9, hours{23}, 32}, {9, hours{24}, 0}}));
  CAPTURE(failures);
  ThrottleRules rules = kOff;
  rules.login_failures = 5;
  Door door(rules);
  door.fail(failures);
  door.clock.advance(after);
  door.wrong("ada");
  CHECK(door.wait("ada") == wait);
}

TEST_CASE("a client has so many wrong passwords an hour, whatever the names") {
  Door door;
  for (int i = 0; i < 100; ++i) REQUIRE(door.wrong("name" + std::to_string(i)) == 0);
  CHECK(door.wrong("another") == 36);
  CHECK(door.wrong("another", kElsewhere) == 0);
  CHECK(door.registration() == 0);
  door.clock.advance(seconds{36});
  CHECK(door.wrong("another") == 0);
  CHECK(door.wrong("yet another") == 36);
  door.clock.advance(hours{1});
  for (int i = 0; i < 100; ++i) REQUIRE(door.wrong("fresh" + std::to_string(i)) == 0);
  CHECK(door.wrong("another") == 36);
}

TEST_CASE("right passwords use up nothing of a client's") {
  Door door;
  for (int i = 0; i < 300; ++i) REQUIRE(door.right("name" + std::to_string(i)) == 0);
}

TEST_CASE("who has logged in from a client gets in, whatever others try from there") {
  Door door;
  REQUIRE(door.right("ada") == 0);
  for (int i = 0; i < 100; ++i) REQUIRE(door.wrong("name" + std::to_string(i)) == 0);
  REQUIRE(door.wait("bob") > 0);
  CHECK(door.wrong("ada") == 0);
  CHECK(door.right("ADA") == 0);
}

TEST_CASE("a client has so many registrations an hour") {
  Door door;
  for (int i = 0; i < 20; ++i) REQUIRE(door.registration("2001:db8::1") == 0);
  CHECK(door.registration("2001:db8::2") == 180);
  CHECK(door.registration("2001:db8:0:1::1") == 0);
  CHECK(door.wrong("ada", "2001:db8::1") == 0);
  door.clock.advance(seconds{179});
  CHECK(door.registration("2001:db8::1") == 1);
  door.clock.advance(seconds{1});
  CHECK(door.registration("2001:db8::1") == 0);
}

TEST_CASE("a registration that nothing came of counts as none") {
  Door door;
  for (int i = 0; i < 100; ++i)
    CHECK(door.throttle.try_registration(kHere).retry_after() == seconds{0});
}

TEST_CASE("when many attack a name, each newcomer has one try, and the right one gets in") {
  Door door;
  attack(door, "ada", 300);
  CHECK(door.wrong("ada", kHere) == 0);
  CHECK(door.wrong("ada", kHere) == 900);
  CHECK(door.wait("ada", kElsewhere) == 0);
  CHECK(door.right("ada", kElsewhere) == 0);
  for (int i = 0; i < 4; ++i) CHECK(door.wrong("ada", kElsewhere) == 0);  // not a newcomer's now
  CHECK(door.right("ada", kElsewhere) == 0);
  CHECK(door.wrong("bob", kHere) == 0);
}

TEST_CASE("the attack on a name is over when its wrong passwords have become fewer") {
  Door door(per_account(60));
  attack(door, "ada", 60);
  CHECK(door.wrong("ada", kHere) == 0);
  CHECK(door.wait("ada", kHere) == 900);
  door.clock.advance(minutes{30});
  CHECK(door.wrong("ada", kElsewhere) == 0);
  CHECK(door.wait("ada", kElsewhere) == 0);
}

TEST_CASE("a name's own figure counts also if wrong passwords from a client cost nothing") {
  ThrottleRules rules = kOff;
  rules.failures_per_account = 10;
  Door door(rules);
  attack(door, "ada", 10);
  CHECK(door.wrong("ada", kHere) == 0);
  CHECK(door.wait("ada", kHere) == 900);
  for (int i = 0; i < 50; ++i) CHECK(door.right("ada", kElsewhere) == 0);
}

TEST_CASE("tries that nothing came of do not make an attack forgotten") {
  Door door(per_account(10));
  attack(door, "ada", 10);
  for (int i = 20; i < 120; ++i) door.wait("ada", address_of(i));
  CHECK(door.wrong("ada", kHere) == 0);
  CHECK(door.wait("ada", kHere) == 900);
}

TEST_CASE("whoever has no address waits for seconds only, as others share the lack") {
  const auto* address = GENERATE("", "unix:", "nonsense");
  Door door;
  door.fail(30, "ada", address);
  CHECK(door.wait("ada", address) == 8);
  for (int i = 0; i < 200; ++i) CHECK(door.wrong("name" + std::to_string(i), address) == 0);
  for (int i = 0; i < 200; ++i) CHECK(door.registration(address) == 0);
  door.right("bob", address);
  CHECK(door.wait("ada", address) == 8);
}

TEST_CASE("without figures nobody waits") {
  Door door(kOff);
  for (int i = 0; i < 500; ++i) {
    CHECK(door.wrong("ada") == 0);
    CHECK(door.registration() == 0);
  }
  CHECK(door.throttle.size() == 0);
}

TEST_CASE("a clock that is set back holds nobody for longer than the longest wait") {
  const auto back = GENERATE(hours{1}, hours{24}, hours{24 * 365 * 20});
  CAPTURE(back.count());
  Door door;
  door.right("cleo");
  door.fail(20, "ada", "192.0.2.1");
  for (int i = 0; i < 100; ++i) door.wrong("name" + std::to_string(i));
  for (int i = 0; i < 20; ++i) door.registration();
  door.clock.advance(-back);
  CHECK(door.wait("ada", "192.0.2.1") <= 900);
  CHECK(door.wait("bob") <= 36);
  CHECK(door.registration() <= 180);
  CHECK(door.right("cleo") == 0);
  door.clock.advance(minutes{15});
  CHECK(door.wait("ada", "192.0.2.1") == 0);
  CHECK(door.wait("bob") == 0);
  CHECK(door.registration() == 0);
}

TEST_CASE("what a clock that ran ahead has left is forgotten in time and can be lifted") {
  Door door;
  door.right("cleo");
  door.clock.advance(hours{24 * 365 * 10});
  door.fail(20, "ada", "192.0.2.1");
  for (int i = 0; i < 100; ++i) door.wrong("name" + std::to_string(i));
  door.clock.advance(-hours{24 * 365 * 10});
  const auto changes = door.throttle.take_changes();
  REQUIRE(!changes.changed.empty());
  for (const store::ThrottleEntry& entry : changes.changed) {
    CHECK(entry.changed_at <= door.clock.now());
    CHECK(entry.held_until <= door.clock.now() + minutes{15});
  }
  SECTION("forgotten") {
    door.clock.advance(hours{24});
    door.throttle.take_changes();
    CHECK(door.throttle.size() == 1);  // that cleo is known here
  }
  SECTION("lifted") {
    door.throttle.lift({{.name = "", .client = "", .at = door.clock.now()}});
    CHECK(door.wait("ada", "192.0.2.1") == 0);
    CHECK(door.wait("bob") == 0);
  }
}

TEST_CASE("a clock that leaps ahead lets everybody try again") {
  Door door;
  door.fail(20);
  for (int i = 0; i < 100; ++i) door.wrong("name" + std::to_string(i), kElsewhere);
  door.clock.advance(hours{24 * 365 * 10});
  CHECK(door.wait("ada") == 0);
  CHECK(door.wait("ada", kElsewhere) == 0);
  door.throttle.take_changes();
  CHECK(door.throttle.size() == 0);
}

TEST_CASE("thousands of wrong passwords fill the table to its bound and lock nobody else out") {
  const bool many_names = GENERATE(false, true);
  CAPTURE(many_names);
  Door door({.max_entries = 50});
  for (int i = 0; i < 10'000; ++i) {
    door.wrong(many_names ? "name" + std::to_string(i) : "ada", address_of(i % 1000));
    REQUIRE(door.throttle.size() <= 250);
  }
  CHECK(door.wait("ada", kHere) == 0);
  CHECK(door.right("ada", kHere) == 0);
  CHECK(door.right("bob", kHere) == 0);
}

TEST_CASE("a wait is not lost by filling the table with what others forget sooner") {
  Door door({.max_entries = 50});
  door.fail(10, "ada", kHere);
  CHECK(door.wait("ada", kHere) == 32);
  for (int i = 0; i < 5000; ++i) {
    door.wrong("name" + std::to_string(i), kHere);
    door.wrong("name" + std::to_string(i), address_of(i));
  }
  CHECK(door.wait("ada", kHere) == 32);
  CHECK(door.wait("bob", kHere) > 0);
  CHECK(door.throttle.size() <= 250);
}

TEST_CASE("who logs in from everywhere does not make others newcomers") {
  Door door({.failures_per_account = 10, .max_entries = 50});
  door.right("ada", kHere);
  for (int i = 0; i < 1000; ++i) door.right("mallory", address_of(i));
  attack(door, "ada", 10);
  for (int i = 0; i < 4; ++i) CHECK(door.wrong("ada", kHere) == 0);
  CHECK(door.right("ada", kHere) == 0);
  CHECK(door.wait("mallory", address_of(999)) == 0);
}

TEST_CASE("what was kept holds after a restart") {
  Door before;
  before.right("cleo");
  before.fail(15, "ada", kElsewhere);
  for (int i = 0; i < 100; ++i) before.wrong("name" + std::to_string(i));
  for (int i = 0; i < 20; ++i) before.registration();
  const auto kept = before.throttle.take_changes();
  CHECK(kept.gone.empty());

  Door after;
  after.clock.advance(before.clock.now() - after.clock.now());
  CHECK_FALSE(after.throttle.holds_anybody());
  after.throttle.adopt({.changed = kept.changed});
  CHECK(after.throttle.holds_anybody());
  CHECK(after.wait("ADA", kElsewhere) == 900);
  CHECK(after.wait("bob") == 36);
  CHECK(after.registration() == 180);
  CHECK(after.right("cleo") == 0);
  CHECK(after.throttle.take_changes().gone.empty());
}

TEST_CASE("names are kept so that nobody reads them without the secret") {
  Door door;
  door.fail(5, "my password by mistake");
  for (const store::ThrottleEntry& entry : door.throttle.take_changes().changed) {
    CHECK(entry.key.name.find("password") == std::string::npos);
    CHECK((entry.key.name.empty() || entry.key.name.size() == 32));
  }
  CHECK(hidden_name_text("key one", "ada") != hidden_name_text("key two", "ada"));
  CHECK(hidden_name_text("key one", "ada") == hidden_name_text("key one", "ADA"));
  CHECK(draw_name_key() != draw_name_key());
}

TEST_CASE("a lift is for a name, for a client, for both, or for all") {
  const auto [name, client, ada_here, ada_there, bob_here] =
      GENERATE(table<std::string, std::string, bool, bool, bool>({
          {"", "", true, true, true},
          {"ada", "", true, true, false},
          {"", kHere, true, false, true},
          {"ada", kHere, true, false, false},
          {"cleo", "", false, false, false},
          {"", "203.0.113.9", false, false, false},
      }));
  CAPTURE(name, client);
  ThrottleRules rules = kOff;
  rules.login_failures = 1;
  Door door(rules);
  door.fail(10, "ada", kHere);
  door.fail(10, "ada", kElsewhere);
  door.fail(10, "bob", kHere);
  for (const auto* who : {"ada", "bob"}) {
    for (const auto* address : {kHere, kElsewhere}) door.wrong(who, address);
  }
  door.throttle.lift({{.name = name.empty() ? "" : hidden_name_text(kNameKey, name),
                       .client = client,
                       .at = door.clock.now()}});
  CHECK((door.wait("ada", kHere) == 0) == ada_here);
  CHECK((door.wait("ada", kElsewhere) == 0) == ada_there);
  CHECK((door.wait("bob", kHere) == 0) == bob_here);
}

TEST_CASE("a lift does not count for what was tried later, and leaves who is known") {
  Door door(per_account(20));
  door.right("cleo");
  const base::WallTime before = door.clock.now();
  door.clock.advance(seconds{1});
  door.fail(10);
  door.throttle.lift({{.name = "", .client = "", .at = before}});
  CHECK(door.wait("ada") == 32);
  door.throttle.lift({{.name = "", .client = "", .at = door.clock.now()}});
  CHECK(door.wait("ada") == 0);
  attack(door, "cleo", 20);
  for (int i = 0; i < 4; ++i) CHECK(door.wrong("cleo") == 0);
}

}  // namespace userbin::auth
