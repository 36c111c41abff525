#include "auth/throttle_keeper.h"

#include "base/failure.h"
#include "support/captured_log.h"
#include "support/catch.h"
#include "support/fake_change_watch.h"
#include "support/fake_clock.h"
#include "support/fake_throttle_store.h"

namespace userbin::auth {

namespace {

using std::chrono::seconds;
using test::Fault;

/// A program on a store that others may use.
struct Program {
  test::FakeThrottleStore& store;
  test::FakeClock& clock;
  test::FakeChangeWatch& changes;
  Throttle throttle{{}, name_key_of(store), clock};
  ThrottleKeeper keeper{throttle, store, changes};

  long wait() { return throttle.try_login("ada", "192.0.2.7").retry_after().count(); }
  void fail(int times) {
    for (int i = 0; i < times; ++i) {
      clock.advance(seconds{wait()});
      throttle.try_login("ada", "192.0.2.7").keep();
    }
  }
};

struct Machine {
  test::FakeThrottleStore store;
  test::FakeClock clock;
  test::FakeChangeWatch changes;

  Program start() { return {store, clock, changes}; }
  void lift() {
    clock.advance(seconds{1});
    store.lift({.name = "", .client = "", .at = clock.now()});
    changes.note_change();
  }
};

}  // namespace

TEST_CASE("what a program has counted holds in the next one") {
  Machine machine;
  {
    Program first = machine.start();
    first.fail(9);
    SECTION("as it stops") {
      first.keeper.stop();
    }
    SECTION("also if it is killed, once it was written") {
      first.keeper.flush();
      machine.store.fault.set(Fault::Hits::kChanges);
    }
  }
  machine.store.fault.set(Fault::Hits::kNothing);
  Program second = machine.start();
  CHECK(second.wait() == 16);
}

TEST_CASE("what could not be written is written the next time") {
  Machine machine;
  const test::CapturedLog log;
  Program program = machine.start();
  program.fail(9);
  machine.store.fault.set(Fault::Hits::kChanges);
  program.keeper.flush();
  CHECK(log.text().find("is not written yet") != std::string::npos);
  CHECK(machine.store.load().empty());
  machine.store.fault.set(Fault::Hits::kNothing);
  program.keeper.flush();
  CHECK(machine.start().wait() == 16);
}

TEST_CASE("whom another program lifts may try again") {
  Machine machine;
  machine.changes.is_quiet = true;
  machine.changes.note_change();
  Program program = machine.start();
  program.fail(9);
  program.keeper.flush();
  program.keeper.look();
  CHECK(program.wait() == 16);
  machine.lift();
  program.keeper.look();
  CHECK(program.wait() == 0);
  program.keeper.flush();
  CHECK(machine.store.load().empty());
}

TEST_CASE("a lift holds also for what a program wrote once more before it knew of it") {
  Machine machine;
  {
    Program program = machine.start();
    program.fail(9);
    machine.lift();
    program.keeper.flush();
  }
  REQUIRE(!machine.store.load().empty());
  CHECK(machine.start().wait() == 0);
}

TEST_CASE("a store that is away says so at the start, and is looked at again later") {
  Machine machine;
  Program program = machine.start();
  program.fail(9);
  machine.lift();
  machine.store.fault.set(Fault::Hits::kEverything);
  CHECK_THROWS_AS(machine.start(), base::StoreUnavailable);
  CHECK_THROWS_AS(program.keeper.look(), base::StoreUnavailable);
  machine.store.fault.set(Fault::Hits::kNothing);
  program.keeper.look();
  CHECK(program.wait() == 0);
}

TEST_CASE("what one program counts holds at another after a second") {
  Machine machine;
  Program first = machine.start();
  Program second = machine.start();
  const auto exchange = [&] {
    for (Program* program : {&first, &second, &first, &second}) {
      program->keeper.look();
      program->keeper.flush();
    }
  };
  first.fail(4);
  CHECK(second.wait() == 0);
  exchange();
  second.fail(1);
  CHECK(second.wait() == 1);
  exchange();
  CHECK(first.wait() == 1);
  first.fail(1);
  exchange();
  CHECK(second.wait() == 2);

  SECTION("and is forgotten there when the right password came") {
    machine.clock.advance(seconds{2});
    second.throttle.try_login("ada", "192.0.2.7").succeed();
    exchange();
    machine.clock.advance(seconds{1});
    first.fail(5);
    CHECK(first.wait() == 1);
  }
  SECTION("and is not brought back by who has counted meanwhile") {
    machine.lift();
    first.keeper.look();
    second.keeper.look();
    CHECK(first.wait() == 0);
    CHECK(second.wait() == 0);
    exchange();
    CHECK(first.wait() == 0);
    CHECK(second.wait() == 0);
  }
}

TEST_CASE("of what two programs count in the same second the larger is believed") {
  Machine machine;
  Program first = machine.start();
  Program second = machine.start();
  for (int i = 0; i < 6; ++i) first.throttle.try_login("ada", "192.0.2.7").keep();
  for (int i = 0; i < 3; ++i) second.throttle.try_login("ada", "192.0.2.7").keep();
  first.keeper.flush();
  second.keeper.look();
  CHECK(second.wait() == first.wait());
  second.keeper.flush();
  first.keeper.look();
  CHECK(first.wait() == 1);
}

TEST_CASE("the keeper's thread starts and stops", "[throttle][threads]") {
  Machine machine;
  {
    Program program = machine.start();
    program.keeper.start();
    program.fail(9);
    program.keeper.stop();
    program.keeper.stop();
  }
  CHECK(machine.start().wait() == 16);
}

}  // namespace userbin::auth
