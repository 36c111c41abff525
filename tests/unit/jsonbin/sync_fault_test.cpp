// A store that fails, a program that dies, clocks that are set back, another bin, a budget.
#include <algorithm>
#include <deque>

#include "base/audit.h"
#include "jsonbin/sync.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/sync_on_fakes.h"
#include "support/temporary_folder.h"

using namespace std::chrono_literals;

namespace userbin::jsonbin {

namespace {

using test::FakeSyncStore;
using test::Fault;
using test::Log;
using test::SyncOnFakes;
using Names = std::vector<std::string>;

/// A list to adopt, a change that waits, and a hand edit: a round with everything in it.
struct Busy : SyncOnFakes {
  Busy() {
    settings.delay = 0ms;
    service.put("bin1", R"([{"username":"Ada","password":"plain"},
                            {"username":"Bob","password":"$h","role":"admin"}])");
    add("Eve");
  }
  void check_all_is_well() {
    CHECK(users_in("bin1") == Names{"Ada", "Bob", "Eve"});
    CHECK(store.load().size() == 3);
    CHECK(record("ada")["password"] == test::fake_hash("plain"));
    CHECK(record("bob")["role"] == "admin");
    for (int i = 0; i < 3; ++i) {
      const Json::Value element = service.json("bin1")[i];
      CHECK(element == record(store::user_key(element["username"].asString())));
    }
    CHECK(store.count_pending() == 0);
    CHECK(problem().empty());
  }
};

/// The store behind it, but the second time that something is applied.
class SecondFails final : public store::SyncStore {
 public:
  explicit SecondFails(store::SyncStore& rows) : rows_(rows) {}

  bool apply(const std::vector<store::SyncChange>& changes) override {
    if (++calls_ == 2) throw base::StoreUnavailable("store fake: the second fails");
    return rows_.apply(changes);
  }

  void set_place(const std::string& place) override { rows_.set_place(place); }
  std::string place() override { return rows_.place(); }
  std::vector<store::SyncedUser> load() override { return rows_.load(); }
  std::vector<store::PendingChange> pending(std::size_t limit) override {
    return rows_.pending(limit);
  }
  std::size_t count_pending() override { return rows_.count_pending(); }
  std::size_t total_bytes() override { return rows_.total_bytes(); }
  std::vector<Json::Value> set_aside() override { return rows_.set_aside(); }
  std::string state() override { return rows_.state(); }
  void set_state(const std::string& state) override { rows_.set_state(state); }
  void count_request(std::int64_t hour) override { rows_.count_request(hour); }
  std::int64_t requests(std::int64_t since_hour) override { return rows_.requests(since_hour); }
  int server_number() override { return rows_.server_number(); }

 private:
  store::SyncStore& rows_;
  int calls_ = 0;
};

std::size_t lines_of(const std::string& file) {
  const std::string text = test::read_file(file);
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_CASE("what was stored of a bin is told, also where the rest could not be") {
  FakeSyncStore rows;
  SecondFails store(rows);
  const test::TemporaryFolder folder;
  base::open_audit({.target = base::AuditOptions::Target::kFile, .file = folder.file("audit")});
  SyncOnFakes fakes;
  fakes.settings.delay = 0ms;
  Json::Value document(Json::arrayValue);
  for (int i = 0; i < 100; ++i) {
    Json::Value user;
    user["username"] = "user" + std::to_string(i);
    user["password"] = "$h";
    document.append(user);
  }
  fakes.service.put("bin1", base::to_json(document));
  fakes.sync = std::make_unique<Sync>(
      fakes.service, Client::Settings{.key = base::SecretString(test::kKey)}, store, fakes.clock,
      test::fake_passwords(fakes.hashes), fakes.settings, 7);
  CHECK_THROWS_AS(fakes.settle(), base::StoreUnavailable);
  const std::size_t stored = rows.load().size();
  CHECK(stored == 64);
  CHECK(fakes.log.count("from the bin: user") == static_cast<int>(stored));
  CHECK(lines_of(folder.file("audit")) == stored);

  fakes.run(1min);
  CHECK(rows.load().size() == 100);
  CHECK(fakes.log.count("from the bin: user") == 100);
  CHECK(lines_of(folder.file("audit")) == 100);
  base::open_audit({});
}

TEST_CASE("a store that fails in the middle is an exception, and then it goes on") {
  const int step = GENERATE(range(0, 12));
  const auto hits = GENERATE(Fault::Hits::kChanges, Fault::Hits::kEverything);
  CAPTURE(step);
  Busy fakes;
  fakes.start();
  for (int i = 0; i < step; ++i) fakes.sync->step();
  fakes.change("eve", "n", 1);
  fakes.store.fault.set(hits);
  int failures = 0;
  for (int i = 0; i < 5; ++i) {
    fakes.clock.advance(1s);
    try {
      fakes.sync->step();
    } catch (const base::StoreUnavailable&) {
      ++failures;
      CHECK(fakes.sync->is_idle());
    }
  }
  CHECK(failures >= 2);
  fakes.store.fault.clear();
  fakes.run(2min);
  fakes.check_all_is_well();
}

TEST_CASE("a program that dies at any moment goes on after its restart") {
  const int change = GENERATE(range(1, 14));
  const auto moment =
      GENERATE(FakeSyncStore::Moment::kBeforeChange, FakeSyncStore::Moment::kAfterChange);
  CAPTURE(change);
  Busy fakes;
  int seen = 0;
  fakes.store.hook = [&](FakeSyncStore::Moment at) {
    if (at == moment && ++seen == change) throw test::Crash();
  };
  bool has_died = false;
  try {
    fakes.start();
    fakes.run(2min);
  } catch (const test::Crash&) {
    has_died = true;
  }
  CHECK(has_died == (change < 10));
  fakes.store.hook = nullptr;
  fakes.start();
  fakes.run(2min);
  fakes.check_all_is_well();
}

TEST_CASE("a program that dies before a PUT or in it goes on after its restart") {
  const bool is_done = GENERATE(false, true);
  Busy fakes;
  if (is_done) {
    fakes.service.fail({"PUT", Away{"gone", true}, 1, true});
  } else {
    fakes.service.fail({"PUT", Away{"gone"}});
  }
  fakes.start();
  while (fakes.problem().empty()) fakes.sync->step();
  fakes.service.take_log();
  fakes.start();
  fakes.settle();
  CHECK(fakes.service.take_log() == (is_done ? Log{"GET bin1"} : Log{"GET bin1", "PUT bin1"}));
  fakes.check_all_is_well();
}

TEST_CASE("another bin gets everybody, and nothing is believed of what the first one held") {
  SyncOnFakes fakes;
  fakes.start_with({"Ada", "Bob"});
  fakes.service.put("bin2", R"([{"username":"Eve","password":"$h"}])");
  fakes.settings.bin_id = "bin2";
  fakes.start();
  fakes.sync->step();
  CHECK(fakes.store.count_pending() == 2);
  fakes.settle();
  CHECK(fakes.service.take_log() == Log{"GET bin2", "PUT bin2"});
  CHECK(fakes.users_in("bin2") == Names{"Eve", "Ada", "Bob"});
  CHECK(fakes.users_in("bin1") == Names{"Ada", "Bob"});
  CHECK(fakes.store.count_pending() == 0);
  CHECK(fakes.store.load()[0].notes.bin == "bin2");
}

TEST_CASE("a restart looks into the bin, and writes nothing if all is there") {
  SyncOnFakes fakes;
  fakes.start_with({"Ada", "Bob"});
  const std::string before = fakes.dump();
  fakes.start();
  fakes.run(10min);
  CHECK(fakes.service.take_log() == Log{"GET bin1"});
  CHECK(fakes.dump() == before);
}

TEST_CASE("a clock that is set back stalls nothing") {
  const auto back = GENERATE(std::chrono::seconds{30}, 1h, 24h, 25h, 24h * 400);
  CAPTURE(back.count());
  SyncOnFakes fakes;
  fakes.start_with({"Ada"});

  SECTION("at rest") {}
  SECTION("within the delay of a change") {
    fakes.change("ada", "n", 0);
    fakes.run(100ms);
  }
  SECTION("before a change is confirmed") {
    fakes.change("ada", "n", 0);
    fakes.run(1s);
  }
  SECTION("while an error is waited for") {
    fakes.service.fail({"GET", Away{"Could not connect"}, 3});
    fakes.change("ada", "n", 0);
    fakes.run(2s);
  }
  fakes.clock.advance(-back);
  fakes.change("ada", "n", 1);
  fakes.run(1min);
  CHECK(fakes.service.json("bin1")[0]["n"] == 1);
  CHECK(fakes.store.count_pending() == 0);
  fakes.run(2min);
  CHECK(fakes.service.take_log().back() == "GET bin1");  // the confirmation
}

TEST_CASE("a clock that is set back stalls neither the budget's distance nor a full bin's users") {
  SyncOnFakes fakes;
  SECTION("distance") {
    fakes.settings.requests_per_day = 100;
    fakes.start_with({"Ada"});
    for (int i = 0; i < 20; ++i) {
      fakes.change("ada", "n", i);
      fakes.run(2s);
    }
    REQUIRE(fakes.store.count_pending() == 1);
    REQUIRE(fakes.hold() > 10min);
    fakes.clock.advance(-24h);
    fakes.run(1h);
    CHECK(fakes.store.count_pending() == 0);
  }
  SECTION("a full bin") {
    fakes.settings.max_bytes = 200;
    fakes.start_with({"Ada", "Bob"});
    REQUIRE(fakes.store.count_pending() == 1);
    fakes.clock.advance(-24h);
    REQUIRE(fakes.store.apply({{.key = "ada", .revision = 1, .remove = true}}));
    fakes.service.put("bin1", "[{}]");
    fakes.run(15min);
    CHECK(fakes.users_in("bin1") == Names{"Bob"});
  }
}

TEST_CASE("a day's requests hold for any 24 hours; changes wait, and it is told until when") {
  SyncOnFakes fakes;
  fakes.settings.requests_per_day = GENERATE(10, 24, 100);
  std::deque<base::WallTime> sent;
  std::size_t most = 0;
  fakes.service.on_request = [&](const std::string&) {
    sent.push_back(fakes.clock.now());
    while (sent.front() <= fakes.clock.now() - 24h) sent.pop_front();
    most = std::max(most, sent.size());
  };
  fakes.service.put("bin1", "[{}]");
  fakes.add("Ada");
  fakes.start();
  bool has_waited = false;
  for (int i = 0; i < 3 * 24 * 6; ++i) {
    fakes.change("ada", "n", i);
    fakes.run(10min);
    if (fakes.store.count_pending() == 0) continue;
    has_waited = true;
    REQUIRE(fakes.sync->status().next_attempt);
    CHECK(*fakes.sync->status().next_attempt > fakes.clock.now() - 1s);
  }
  CHECK(has_waited);
  CHECK(most <= static_cast<std::size_t>(fakes.settings.requests_per_day));
  CHECK(most >= static_cast<std::size_t>(fakes.settings.requests_per_day / 3));
  fakes.run(25h);
  CHECK(fakes.store.count_pending() == 0);
  CHECK(fakes.problem().empty());
  CHECK(fakes.service.json("bin1")[0]["n"] == 3 * 24 * 6 - 1);
}

TEST_CASE("a budget that is used up is a problem, and a restart does not give a new one") {
  SyncOnFakes fakes;
  fakes.settings.requests_per_day = 3;
  fakes.service.put("bin1", "[{}]");
  fakes.start();
  fakes.run(1s);
  for (int i = 0; i < 5; ++i) {
    fakes.start();
    fakes.run(1s);
  }
  CHECK(fakes.service.take_log().size() == 3);
  CHECK(fakes.problem() == "out_of_requests");
  CHECK(fakes.sync->status().problem->sentence.find("--bin-requests") != std::string::npos);
  fakes.run(26h);
  CHECK(fakes.problem().empty());
  CHECK(fakes.service.take_log() == Log{"GET bin1"});
}

}  // namespace userbin::jsonbin
