// Changes that wait for a bin. The replica's threads go by the machine's clocks: no test here
// depends on how fast they are, and none waits for a time to pass but one of a millisecond.
#include "jsonbin/bin_replica.h"

#include "support/catch.h"
#include "support/inline_executor.h"
#include "support/process.h"
#include "support/sync_on_fakes.h"

using namespace std::chrono_literals;

namespace userbin::jsonbin {

namespace {

using test::Fault;
using test::Log;
using test::Started;
using Names = std::vector<std::string>;

/// Passes everything on, and calls `after_pending` with what was read on its way out.
class PeekedStore final : public store::SyncStore {
 public:
  explicit PeekedStore(store::SyncStore& store) : store_(store) {}
  std::function<void()> after_pending;

  std::vector<store::PendingChange> pending(std::size_t limit) override {
    auto changes = store_.pending(limit);
    if (after_pending) after_pending();
    return changes;
  }
  void set_place(const std::string& place) override { store_.set_place(place); }
  std::string place() override { return store_.place(); }
  std::vector<store::SyncedUser> load() override { return store_.load(); }
  std::size_t count_pending() override { return store_.count_pending(); }
  std::size_t total_bytes() override { return store_.total_bytes(); }
  bool apply(const std::vector<store::SyncChange>& changes) override {
    return store_.apply(changes);
  }
  std::vector<Json::Value> set_aside() override { return store_.set_aside(); }
  std::string state() override { return store_.state(); }
  void set_state(const std::string& state) override { store_.set_state(state); }
  void count_request(std::int64_t hour) override { store_.count_request(hour); }
  std::int64_t requests(std::int64_t since) override { return store_.requests(since); }
  int server_number() override { return store_.server_number(); }

 private:
  store::SyncStore& store_;
};

base::Task<bool> post(base::Executor& executor) {
  struct Posted {
    base::Executor& to;
    bool await_ready() { return false; }
    void await_suspend(std::coroutine_handle<> waiting) { to.post(waiting); }
    void await_resume() {}
  };
  co_await Posted{executor};
  co_return true;
}

struct Followed {
  explicit Followed(BinReplica::Options options = {.wait = 1h})
      : replica(sync, service, peeked, executor, options) {
    service.put("bin1", "[{}]");
  }

  const base::SystemClock clock;
  test::FakeSyncStore store;
  PeekedStore peeked{store};
  test::FakeService service;
  test::TestExecutor executor;
  test::CapturedLog log;
  int hashes = 0;
  Sync sync{service,
            {.key = base::SecretString(test::kKey)},
            store,
            clock,
            test::fake_passwords(hashes),
            {.bin_id = "bin1", .delay = 0ms},
            7};
  BinReplica replica;

  static store::User user(const std::string& name) { return {name, "$hash", {}}; }
  void add(const std::string& name) { REQUIRE(store.insert(user(name))); }
  /// Waits for a change.
  bool arrives(const std::string& key) { return wait_for(replica.arrival(key), executor); }
  /// Everything that is posted until now goes on.
  void run_posted() { wait_for(post(executor), executor); }
  /// The problem goes a moment after the change has arrived.
  void is_well_at_last() {
    while (replica.problem()) std::this_thread::yield();
  }
  /// Asks again and again: for one who does not wait for long.
  void arrives_at_last(const std::string& key) {
    while (!arrives(key)) {
    }
  }
};

}  // namespace

TEST_CASE("a change that arrives in the bin is waited for") {
  Followed bin;
  bin.replica.start();
  bin.add("Ada");
  CHECK(bin.arrives("ada"));
  CHECK(bin.service.json("bin1")[0]["username"] == "Ada");
  CHECK(bin.store.count_pending() == 0);
  CHECK_FALSE(bin.replica.problem());

  bin.add("Bob");
  CHECK(bin.arrives("bob"));
  CHECK(bin.service.json("bin1")[1]["username"] == "Bob");
  CHECK(bin.arrives("ada"));  // who is there already
}

TEST_CASE("a change that does not arrive in time goes on, and arrives later") {
  Followed bin({.wait = 1ms});
  bin.service.hold(true);
  bin.replica.start();
  bin.add("Ada");
  CHECK_FALSE(bin.arrives("ada"));
  CHECK(bin.store.count_pending() == 1);
  bin.service.hold(false);
  bin.arrives_at_last("ada");
  CHECK(bin.service.json("bin1")[0]["username"] == "Ada");
}

TEST_CASE("nobody waits while the service is left alone for longer than that") {
  Followed bin({.wait = 20s});
  bin.service.fail({"GET", HttpResponse{429, "3600", ""}});
  bin.replica.start();
  bin.add("Ada");
  CHECK_FALSE(bin.arrives("ada"));
  const auto problem = bin.replica.problem();
  REQUIRE(problem);
  CHECK(problem->word == "slow_down");
  CHECK(problem->is_passing);

  const Started<bool> later([&] {
    bin.add("Bob");
    return bin.replica.arrival("bob");
  }());
  CHECK(later.done());
  CHECK(bin.service.log().size() == 1);

  bin.replica.retry();
  bin.arrives_at_last("bob");
  bin.is_well_at_last();
}

TEST_CASE("of many who wait for one PUT each goes on once") {
  Followed bin;
  bin.service.hold(true);
  bin.replica.start();
  bin.service.wait_until_asked();
  std::vector<std::unique_ptr<Started<bool>>> waiting;
  for (int i = 0; i < 100; ++i) {
    const std::string name = "user" + std::to_string(i);
    bin.add(name);
    waiting.push_back(std::make_unique<Started<bool>>(bin.replica.arrival(name)));
    REQUIRE_FALSE(waiting.back()->done());
  }
  bin.service.hold(false);
  for (const auto& one : waiting) CHECK(one->result(bin.executor));
  CHECK(bin.service.json("bin1").size() == 100);
  const Log log = bin.service.log();
  CHECK(std::count(log.begin(), log.end(), "PUT bin1") == 1);
}

TEST_CASE("a change made after the store was looked at has not arrived by that") {
  Followed bin;
  std::unique_ptr<Started<bool>> late;
  bin.peeked.after_pending = [&] {
    if (late) return;
    bin.add("Bob");
    late = std::make_unique<Started<bool>>(bin.replica.arrival("bob"));
    bin.service.hold(true);  // nothing of him can be in the bin
  };
  bin.add("Ada");
  Started<bool> first(bin.replica.arrival("ada"));
  bin.replica.start();
  bin.service.wait_until_asked();
  bin.run_posted();
  CHECK_FALSE(late->done());
  bin.service.hold(false);
  CHECK(first.result(bin.executor));
  CHECK(late->result(bin.executor));
  const Json::Value list = bin.service.json("bin1");
  CHECK(list.size() == 2);
}

TEST_CASE("the end comes at once although requests hang and changes wait") {
  Followed bin;
  bin.service.hold(true);
  bin.replica.start();
  bin.add("Ada");
  bin.add("Bob");
  Started<bool> ada(bin.replica.arrival("ada"));
  Started<bool> bob(bin.replica.arrival("bob"));
  bin.service.wait_until_asked();
  bin.replica.stop();
  CHECK_FALSE(ada.result(bin.executor));
  CHECK_FALSE(bob.result(bin.executor));
  CHECK(bin.store.count_pending() == 2);

  Started<bool> late(bin.replica.arrival("ada"));
  CHECK(late.done());
  CHECK_FALSE(late.result(bin.executor));
  bin.replica.stop();
}

TEST_CASE("a replica that never started ends too") {
  Followed bin;
  bin.add("Ada");
  Started<bool> ada(bin.replica.arrival("ada"));
  bin.replica.stop();
  CHECK_FALSE(ada.result(bin.executor));
}

TEST_CASE("a bin that looks wrong is a problem until it is mended") {
  Followed bin({.wait = 20s});
  bin.service.put("bin1", "{}");
  bin.replica.start();
  bin.add("Ada");
  CHECK_FALSE(bin.arrives("ada"));
  const auto problem = bin.replica.problem();
  REQUIRE(problem);
  CHECK(problem->word == "suspicious");
  CHECK_FALSE(problem->is_passing);
  bin.service.put("bin1", "[{}]");
  bin.replica.retry();
  bin.arrives_at_last("ada");
  bin.is_well_at_last();
}

TEST_CASE("a store that fails is logged once, and the replica goes on when it works again") {
  Followed bin({.wait = 1ms});
  bin.store.fault.set(Fault::Hits::kEverything);
  bin.replica.start();
  for (int i = 0; i < 3; ++i) CHECK_FALSE(bin.arrives("ada"));
  test::wait_until("the store has failed", [&] { return bin.store.fault.has_struck(); });
  bin.store.fault.clear();
  bin.add("Ada");
  bin.arrives_at_last("ada");
  bin.replica.stop();
  CHECK(bin.log.count("the synchronisation with the bin pauses: store fake") == 1);
}

TEST_CASE("a room is held as long as it lives, and no two find the place of one") {
  const std::size_t each = wire_bytes(Followed::user("Ada").record());
  Followed bin({.wait = 1h, .max_bytes = 2 * each + each / 2});
  bin.add("Bob");
  auto first = bin.replica.room_for(Followed::user("Ada"));
  CHECK(first);
  CHECK_FALSE(bin.replica.room_for(Followed::user("Eve")));
  CHECK_FALSE(bin.replica.room_for(Followed::user("Eve")));
  CHECK(bin.log.count("no room for further users") == 1);
  first.reset();
  const auto second = bin.replica.room_for(Followed::user("Eve"));
  CHECK(second);
  bin.store.fault.set(Fault::Hits::kEverything);
  CHECK_THROWS_AS(bin.replica.room_for(Followed::user("Ada")), base::StoreUnavailable);
}

TEST_CASE("what the bin holds besides users takes room too") {
  const std::size_t each = wire_bytes(Followed::user("Ada").record());
  Followed bin({.wait = 1h, .max_bytes = 4 * each});
  const std::string note(3 * each, 'x');
  bin.service.put("bin1", R"({"users":[],"note":")" + note + "\"}");
  CHECK(bin.replica.room_for(Followed::user("Ada")));
  bin.replica.start();
  bin.add("Bob");
  REQUIRE(bin.arrives("bob"));
  CHECK_FALSE(bin.replica.room_for(Followed::user("Ada")));
}

TEST_CASE("a bin without room for another user is a problem") {
  Followed bin({.wait = 1h, .max_bytes = 600});
  CHECK_FALSE(bin.replica.problem());
  for (const char* name : {"Ada", "Bob", "Eve"}) bin.add(name);
  const auto problem = bin.replica.problem();
  REQUIRE(problem);
  CHECK(problem->word == "full");
  CHECK_FALSE(problem->is_passing);
  CHECK(problem->sentence.find("--bin-max-bytes") != std::string::npos);
}

TEST_CASE("a collection has room for everybody") {
  Followed bin({.wait = 1h, .max_bytes = std::nullopt});
  Json::Value record = Followed::user("Ada").record();
  record["note"] = std::string(1'000'000, 'x');
  CHECK(bin.replica.room_for(store::User(record)));
  CHECK_FALSE(bin.replica.problem());
}

}  // namespace userbin::jsonbin
