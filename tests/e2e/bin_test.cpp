// The worker and its bin, through nginx on both sides.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <map>
#include <mutex>
#include <optional>
#include <sys/stat.h>
#include <thread>

#include "support/catch.h"
#include "support/site_with_bin.h"
#include "support/text.h"

namespace userbin::test {

namespace {

constexpr const char* kPassword = "tuesday grows heavy";

/// The names that were answered with each status, when `clients` register at once.
struct Burst {
  std::mutex mutex;
  std::map<int, std::set<std::string>> names;  // by status

  Burst(const std::string& url, int count, int clients) {
    std::atomic<int> next = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < clients; ++i) {
      threads.emplace_back([&] {
        HttpClient client(url);
        for (int number = next++; number < count; number = next++) {
          const std::string name = "user" + std::to_string(number);
          const int status = client.post_json("/register", credentials(name, kPassword)).status;
          const std::lock_guard lock(mutex);
          names[status].insert(name);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  std::set<std::string> kept() {
    std::set<std::string> all = names[200];
    all.insert(names[202].begin(), names[202].end());
    return all;
  }
};

bool includes(const std::set<std::string>& all, const std::set<std::string>& some) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

int requests(const Emulator& service) {
  return service.stats()["requests"].asInt();
}

}  // namespace

TEST_CASE("of 1,000 registrations by 64 clients all are in the bin, for fewer than 60 requests") {
  SiteWithBin it("[]", {"--bin-max-bytes=1000000"});
  it.service.set(R"({"latency_ms": 200, "record_limit_bytes": 1000000})");
  it.wait_until_in_step();
  it.service.reset_stats();
  Burst burst(it.site.url(), 1000, 64);
  CHECK(burst.names[200].size() == 1000);
  CHECK(names_in(it.document()) == burst.names[200]);
  CHECK(requests(it.service) < 60);
}

TEST_CASE("a quiet change costs a GET and a PUT, a login costs nothing") {
  SiteWithBin it;
  it.wait_until_in_step();
  it.service.reset_stats();
  HttpClient client(it.site.url());
  CHECK(client.post_json("/register", credentials("ada", kPassword)).status == 200);
  CHECK(it.user("ada")["role"] == "user");
  CHECK(it.service.stats()["verbs"]["read"] == 1);
  CHECK(it.service.stats()["verbs"]["update"] == 1);
  CHECK(client.post_json("/login", credentials("ada", kPassword)).status == 200);
  CHECK(client.post_json("/login", credentials("ada", "wrong")).status == 401);
  CHECK(client.get("/me").status == 200);
  CHECK(requests(it.service) == 2);
}

TEST_CASE("with --bin-exclusive a change costs one request") {
  SiteWithBin it("[{}]", {"--bin-exclusive"});
  it.wait_until_in_step();
  it.service.reset_stats();
  HttpClient client(it.site.url());
  for (const char* name : {"ada", "bob"}) {
    CHECK(client.post_json("/register", credentials(name, kPassword)).status == 200);
  }
  CHECK(names_in(it.document()) == std::set<std::string>{"ada", "bob"});
  CHECK(requests(it.service) == 2);
}

TEST_CASE("a worker killed in the middle of a burst has lost nothing that it answered") {
  SiteWithBin it("[]", {"--bin-max-bytes=1000000"});
  it.service.set(R"({"latency_ms": 100})");
  std::optional<Burst> burst;
  std::thread clients([&] { burst.emplace(it.site.url(), 200, 16); });
  // By this thread: a process ends with the thread that started it.
  wait_until("some have registered", [&] { return names_in(it.document()).size() > 40; });
  it.site.kill_worker();
  it.site.start_worker();
  clients.join();
  it.wait_until_in_step();
  const auto kept = burst->kept();
  CHECK_FALSE(kept.empty());
  CHECK(includes(names_in(it.document()), kept));
}

TEST_CASE("while the service is away changes are answered 202, and reach the bin afterwards") {
  SiteWithBin it("[]", {"--bin-wait=100ms"});
  it.wait_until_in_step();
  it.service.stop();
  Burst burst(it.site.url(), 30, 8);
  CHECK(burst.names[202].size() == 30);
  HttpClient client(it.site.url());
  CHECK(client.post_json("/login", credentials("user7", kPassword)).status == 200);
  const Answer ready = client.get("/readyz");
  CHECK(ready.status == 200);
  CHECK(ready.code() == "bin_away");
  SECTION("") {}
  SECTION("also if the worker is killed meanwhile") {
    it.site.kill_worker();
    it.site.start_worker();
  }
  it.service.start();
  it.wait_until_in_step();
  CHECK(names_in(it.document()) == burst.names[202]);
  CHECK(client.get("/readyz").json()["status"] == "ready");
}

TEST_CASE("a worker whose bin is away at the start serves from its store") {
  SiteWithBin it;
  HttpClient client(it.site.url());
  CHECK(client.post_json("/register", credentials("ada", kPassword)).status == 200);
  it.site.worker().signal(SIGTERM);
  CHECK(it.site.worker().wait() == 0);
  it.service.stop();
  it.site.start_worker();
  CHECK(client.post_json("/login", credentials("ada", kPassword)).status == 200);
}

TEST_CASE("while registrations wait for a slow bin, others are answered before them") {
  SiteWithBin it("[]", {"--bin-wait=10s", "--threads=2"});
  HttpClient client(it.site.url());
  CHECK(client.post_json("/register", credentials("ada", kPassword)).status == 200);
  it.service.set(R"({"latency_ms": 2500})");
  std::atomic<int> answered = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 100; ++i) {
    threads.emplace_back([&, i] {
      HttpClient one(it.site.url());
      const std::string name = "user" + std::to_string(i);
      CHECK(one.post_json("/register", credentials(name, kPassword)).status == 200);
      ++answered;
    });
  }
  wait_until("all of them wait", [&] { return it.status()["pending"] == 100; });
  CHECK(client.post_json("/login", credentials("ada", kPassword)).status == 200);
  for (int i = 0; i < 50; ++i) CHECK(client.get("/me").status == 200);
  CHECK(answered == 0);
  for (std::thread& thread : threads) thread.join();
  CHECK(names_in(it.document()).size() == 101);
}

TEST_CASE("a worker that is told to stop does not wait for a slow bin") {
  SiteWithBin it("[]", {"--bin-wait=50ms"});
  it.wait_until_in_step();
  it.service.set(R"({"latency_ms": 15000})");
  HttpClient client(it.site.url());
  CHECK(client.post_json("/register", credentials("ada", kPassword)).status == 202);
  it.site.worker().signal(SIGTERM);
  CHECK(it.site.worker().wait() == 0);
  CHECK(contains(it.site.log(), "stopped"));
  it.service.set(R"({"latency_ms": 0})");
  it.site.start_worker();
  it.wait_until_in_step();
  CHECK(names_in(it.document()) == std::set<std::string>{"ada"});
}

TEST_CASE("two workers with stores of their own on one bin end up equal") {
  SiteWithBin it("[]", {"--bin-confirm=1s", "--bin-poll=1s"});
  Site other(options_with(bin_flags(it.service, it.id), {"--bin-confirm=1s", "--bin-poll=1s"}));
  it.service.set(R"({"latency_ms": 30})");
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      HttpClient client((i == 0 ? it.site : other).url());
      for (int n = 0; n < 20; ++n) {
        const std::string name = "user" + std::to_string(i) + "." + std::to_string(n);
        const int status = client.post_json("/register", credentials(name, kPassword)).status;
        CHECK((status == 200 || status == 202));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  wait_until("the bin holds all", [&] { return names_in(it.document()).size() == 40; });
  HttpClient here(it.site.url());
  HttpClient there(other.url());
  wait_until("both know the other's users", [&] {
    return here.post_json("/login", credentials("user1.19", kPassword)).status == 200 &&
           there.post_json("/login", credentials("user0.19", kPassword)).status == 200;
  });
}

TEST_CASE("a recipe's bin is adopted: hashes in place of passwords, which are on no disk") {
  Json::Value list(Json::arrayValue);
  for (int i = 0; i < 40; ++i) {
    Json::Value user;
    user["username"] = "old" + std::to_string(i);
    user["password"] = "plain secret " + std::to_string(i);
    user["role"] = i == 3 ? "admin" : "user";
    user["shoe size"] = i;
    list.append(user);
  }
  list.append("not a user");
  SiteWithBin it(list.toStyledString());
  it.wait_until_in_step();
  HttpClient client(it.site.url());
  CHECK(client.post_json("/login", credentials("old3", "plain secret 3")).status == 200);
  CHECK(client.get("/me").json()["role"] == "admin");
  const Json::Value document = it.document();
  REQUIRE(document.size() == 41);
  CHECK(document[40] == "not a user");
  CHECK(document[7]["username"] == "old7");
  CHECK(document[7]["shoe size"] == 7);
  CHECK(document[7]["password"].asString().starts_with("$argon2id$"));
  for (const std::string& file : {it.site.store(), it.site.store() + "-wal"}) {
    CHECK_FALSE(contains(read_file(file), "plain secret"));
  }
  CHECK_FALSE(contains(it.site.log(), "plain secret"));
  CHECK(contains(it.site.log(), "40 passwords hashed"));
}

TEST_CASE("what is no user list is neither believed nor overwritten, and is named") {
  SiteWithBin it("[]", {"--bin-wait=5s"});
  HttpClient client(it.site.url());
  CHECK(client.post_json("/register", credentials("ada", kPassword)).status == 200);
  const auto document = GENERATE(as<std::string>{}, "{\"orders\": [1, 2]}", "[1, 2, 3]",
                                 "{\"message\": \"Bad gateway\"}");
  it.service.set_bin(it.id, document);
  CHECK(client.post_json("/register", credentials("bob", kPassword)).status == 202);
  const Answer ready = client.get("/readyz");
  CHECK(ready.status == 503);
  CHECK(ready.code() == "bin_suspicious");
  CHECK(contains(ready.body, it.id));
  CHECK(SiteWithBin::json_in(it.service.bin(it.id)) == SiteWithBin::json_in(document));
  CHECK(client.post_json("/login", credentials("ada", kPassword)).status == 200);
  it.service.set_bin(it.id, "[]");
  CHECK(it.command({"push"}).status == 0);
  CHECK(names_in(it.document()) == std::set<std::string>{"ada", "bob"});
  it.site.worker().signal(SIGHUP);
  wait_until("the worker has seen it", [&] { return client.get("/readyz").status == 200; });
}

TEST_CASE("a wrong key is said once, in the service's words, and never shown") {
  Emulator service;
  const std::string id = service.create_bin("[]");
  TemporaryFolder folder;
  const std::string key = "$2a$10$not-this-one";
  write_file(folder.file("key"), key + "\n");
  REQUIRE(::chmod(folder.file("key").c_str(), 0600) == 0);
  Site site(options_with({"--bin-id=" + id, "--jsonbin-url=" + service.url(),
                          "--jsonbin-key-file=" + folder.file("key")},
                         {"--bin-wait=100ms"}));
  HttpClient client(site.url());
  wait_until("it was tried", [&] { return client.get("/readyz").status == 503; });
  CHECK(client.get("/readyz").code() == "bin_refused");
  for (int i = 0; i < 5; ++i) {
    const std::string name = "user" + std::to_string(i);
    CHECK(client.post_json("/register", credentials(name, kPassword)).status == 202);
  }
  site.worker().signal(SIGHUP);
  wait_until("it was tried again", [&] { return service.stats()["refused"] == 2; });
  CHECK(count(site.log(), "X-Master-Key is invalid or the bin doesn't belong") == 1);
  CHECK_FALSE(contains(site.log(), key));
  CHECK_FALSE(contains(client.get("/readyz").body, key));
  const std::string process = "/proc/" + std::to_string(site.worker().pid());
  CHECK_FALSE(contains(read_file(process + "/cmdline"), key));
}

TEST_CASE("a full bin refuses registrations before anything is stored") {
  SiteWithBin it("[]", {"--bin-max-bytes=2000"});
  Burst burst(it.site.url(), 30, 8);
  CHECK_FALSE(burst.names[200].empty());
  CHECK(burst.names[200].size() + burst.names[507].size() == 30);
  CHECK(it.service.bin(it.id).size() <= 2000);
  CHECK(names_in(it.document()) == burst.names[200]);
  CHECK(it.status()["pending"] == 0);
  HttpClient client(it.site.url());
  const Answer refused = client.post_json("/register", credentials("late", kPassword));
  CHECK(refused.status == 507);
  CHECK(refused.code() == "user_list_full");
  CHECK(client.post_json("/login", credentials("late", kPassword)).status == 401);
  CHECK(client.get("/readyz").status == 503);
  CHECK(client.get("/readyz").code() == "bin_full");
}

TEST_CASE("when the day's requests are spent, changes wait and it is said why") {
  SiteWithBin it("[]", {"--bin-requests=24/day", "--bin-wait=500ms"});
  HttpClient client(it.site.url());
  int pending = 0;
  for (int i = 0; i < 20; ++i) {
    const std::string name = "user" + std::to_string(i);
    if (client.post_json("/register", credentials(name, kPassword)).status == 202) ++pending;
  }
  CHECK(pending > 0);
  CHECK(it.status()["pending"].asInt() > 0);
  CHECK(it.status()["next_attempt"].isString());
  Finished refused;
  for (int i = 0; i < 30 && refused.status == 0; ++i)
    refused = it.command({"push", "--bin-requests=24/day"});
  CHECK(requests(it.service) == 24);
  CHECK(refused.status == 1);
  CHECK(contains(refused.output, "--bin-requests"));
}

TEST_CASE("with a collection a bin is made when the last one is full") {
  Emulator service;
  const std::string collection = create_collection(service, "people");
  Site site(options_with({"--jsonbin-collection=" + collection, "--jsonbin-url=" + service.url(),
                          "--jsonbin-key-file=" + service.key_file()},
                         {"--bin-max-bytes=2000"}));
  Burst burst(site.url(), 30, 8);
  CHECK(burst.names[200].size() == 30);
  std::set<std::string> found;
  std::size_t bins = 0;
  for (const std::string& id : bins_of(service, collection)) {
    const std::string document = service.bin(id);
    CHECK(document.size() <= 2000);
    for (const std::string& name : names_in(SiteWithBin::json_in(document))) {
      CHECK(found.insert(name).second);
    }
    ++bins;
  }
  CHECK(bins > 2);
  CHECK(found == burst.names[200]);
}

TEST_CASE("lost answers and late writes of the service lose nothing") {
  SiteWithBin it("[]", {"--bin-confirm=1s"});
  it.wait_until_in_step();
  const auto fault = GENERATE(as<std::string>{}, "lost_answer", "cut", "cut_body", "html_502",
                              "too_fast", "stale_read", "late_write");
  CAPTURE(fault);
  const std::string verb = fault == "stale_read" ? "read" : "update";
  it.service.add_fault("{\"fault\": \"" + fault + "\", \"verb\": \"" + verb + "\", \"times\": 2}");
  Burst burst(it.site.url(), 20, 4);
  const auto kept = burst.kept();
  CHECK(kept.size() == 20);
  wait_until("the bin holds all", [&] { return names_in(it.document()) == kept; });
}

}  // namespace userbin::test
