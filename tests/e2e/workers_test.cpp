// Several workers on one store: one at a time sees to the bin.
#include <csignal>

#include "support/catch.h"
#include "support/owner.h"

namespace userbin::test {

namespace {

constexpr const char* kPassword = "tuesday grows heavy";

bool sees_to_the_bin(const Site& site) {
  const std::string log = site.log();
  const auto taken = log.rfind("this worker sees to the bin");
  const auto lost = log.rfind("another worker sees to the bin");
  return taken != std::string::npos && (lost == std::string::npos || lost < taken);
}

struct Workers {
  /// One of its own, else the first one's.
  std::string store;
  Emulator service;
  std::string bin = service.create_bin("[{}]");
  Site first{on(store)};
  Site second{on(first.store())};
  Site third{on(first.store())};

  Site::Options on(const std::string& place) const {
    Site::Options options = options_with(bin_flags(service, bin), {"--bin-wait=30s"});
    options.store = place;
    return options;
  }

  int register_at(const Site& site, const std::string& name) const {
    HttpClient client(site.url());
    return client.post_json("/register", credentials(name, kPassword)).status;
  }
  std::set<std::string> names() const { return names_in(SiteWithBin::json_in(service.bin(bin))); }
};

}  // namespace

TEST_CASE("whichever worker makes a change, one sees to the bin, and all are answered from there") {
  Workers workers;
  CHECK(sees_to_the_bin(workers.first));
  CHECK_FALSE(sees_to_the_bin(workers.second));
  std::set<std::string> expected;
  int number = 0;
  for (const Site* site : {&workers.first, &workers.second, &workers.third}) {
    for (int i = 0; i < 3; ++i) {
      const std::string name = "user" + std::to_string(++number);
      CHECK(workers.register_at(*site, name) == 200);
      expected.insert(name);
      CHECK(workers.names() == expected);
    }
  }
  HttpClient client(workers.second.url());
  REQUIRE(client.post_json("/login", credentials("user1", kPassword)).status == 200);
  CHECK(client.get("/me").status == 200);
}

TEST_CASE("when the worker dies who sees to the bin, another goes on") {
  Workers workers;
  REQUIRE(workers.register_at(workers.first, "before") == 200);
  workers.first.kill_worker();
  CHECK(workers.register_at(workers.third, "after") == 200);
  CHECK(workers.names() == std::set<std::string>{"before", "after"});
  CHECK(sees_to_the_bin(workers.second) != sees_to_the_bin(workers.third));
  workers.first.start_worker();
  CHECK(workers.register_at(workers.first, "again") == 200);
}

TEST_CASE("a worker that stood still, and believes that it is his turn, does no harm") {
  // Not on SQLite, where whoever is stopped in the middle of a change holds the lock for all.
  const PostgresPlace place;
  Workers workers{.store = place.url()};
  REQUIRE(workers.register_at(workers.first, "before") == 200);
  workers.first.worker().signal(SIGSTOP);
  CHECK(workers.register_at(workers.second, "meanwhile") == 200);
  workers.first.worker().signal(SIGCONT);
  std::set<std::string> expected{"before", "meanwhile"};
  for (int i = 0; i < 5; ++i) {
    for (const Site* site : {&workers.first, &workers.second, &workers.third}) {
      const std::string name = "user" + std::to_string(expected.size());
      CHECK(workers.register_at(*site, name) == 200);
      expected.insert(name);
    }
  }
  CHECK(workers.names() == expected);
  wait_until("the first has noticed", [&] { return !sees_to_the_bin(workers.first); });
}

TEST_CASE("wrong passwords at one worker hold somebody off at the others") {
  Site::Options options;
  options.worker_flags.insert(options.worker_flags.end(),
                              {"--login-failures=3", "--login-delay-max=15min"});
  Site first(options);
  options.store = first.store();
  Site second(options);
  HttpClient here(first.url()), there(second.url());
  REQUIRE(here.post_json("/register", credentials("ada", kPassword)).status == 200);
  for (int i = 0; i < 5; ++i) {
    wait_until("the next try may be made",
               [&] { return here.post_json("/login", credentials("ada", "wrong")).status == 401; });
  }
  wait_until("the other knows", [&] {
    const Answer answer = there.post_json("/login", credentials("ada", "wrong"));
    return answer.code() == "too_many_attempts";
  });
}

}  // namespace userbin::test
