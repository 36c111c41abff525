// What was answered 200 is there afterwards, whatever happens in between.
#include <atomic>
#include <fcntl.h>
#include <optional>
#include <thread>
#include <unistd.h>

#include "support/faults.h"

using namespace userbin::test;

namespace {

std::string password_of(const std::string& name) {
  return "quite unguessable " + name;
}

/// Another program that holds the lock on a store until release().
class Locker {
 public:
  explicit Locker(const Site& site) {
    // For as long as its standard input is open.
    REQUIRE(::pipe2(ends_, O_CLOEXEC) == 0);
    const std::string output = site.file("sqlite3.out");
    program_.emplace(std::vector<std::string>{"sqlite3", site.store()},
                     Process::Options{.output_file = output, .standard_input = ends_[0]});
    ::close(ends_[0]);
    const std::string commands = "BEGIN EXCLUSIVE;\nSELECT 'locked';\n";
    REQUIRE(::write(ends_[1], commands.data(), commands.size()) > 0);
    wait_until("the lock is held", [&] { return !read_file(output).empty(); });
  }

  void release() {
    ::close(ends_[1]);
    program_->wait();
  }

 private:
  int ends_[2] = {-1, -1};
  std::optional<Process> program_;
};

/// The store's file is not there.
void check_is_missed(const Site& site, const std::string& known, const std::string& unknown) {
  check_is_unavailable(register_at(site, "bob"));
  check_is_unavailable(log_in_at(site, "alice"));
  CHECK(status_of(site, "/readyz") == 503);
  CHECK(status_of(site, "/healthz") == 200);
  CHECK(verified(site, known) == 401);
  CHECK(verified(site, unknown) == 401);
  CHECK(has_logged(site, site.store() + ": No such file or directory; put the file back, or restart"
                                        " userbin for an empty one"));
  CHECK_FALSE(std::filesystem::exists(site.store()));
}

}  // namespace

TEST_CASE("one name, registered from many sides at once, goes to exactly one") {
  Site site;
  std::atomic<int> successes = 0, taken = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 10; ++i) {
    threads.emplace_back([&, i] {
      HttpClient client(site.url());
      const std::string name = i % 2 == 0 ? "Wanted" : "wanteD";
      const Answer answer = client.post_json("/register", credentials(name, password_of("zebra")));
      if (answer.status == 200) ++successes;
      if (answer.code() == "username_taken") ++taken;
    });
  }
  threads.clear();
  CHECK(successes == 1);
  CHECK(taken == 9);
}

TEST_CASE("a locked store is said to be away, and serves again once it is free", "[sqlite]") {
  Site site({.worker_flags = {"--hash-memory=8", "--hash-passes=1", "--allow-weak-hashing",
                              "--store-patience=100ms"}});
  HttpClient client(site.url());
  REQUIRE(client.get("/readyz").status == 200);
  const std::string body = credentials("alice", password_of("zebra"));
  Locker locker(site);
  const Answer answer = client.post_json("/register", body);
  CHECK(answer.status == 503);
  CHECK(answer.code() == "store_unavailable");
  CHECK(answer.header("Retry-After") == "5");
  CHECK(client.get("/readyz").status == 503);
  CHECK(client.get("/healthz").status == 200);
  CHECK(site.log().find(site.store() + ": database is locked") != std::string::npos);
  locker.release();
  CHECK(client.get("/readyz").status == 200);
  CHECK(client.post_json("/register", body).status == 200);
}

TEST_CASE("who waits for the store keeps nobody waiting who does not need it", "[sqlite]") {
  Site site({.worker_flags = {"--threads=4", "--store-patience=60s"}});
  HttpClient client(site.url());
  REQUIRE(client.get("/readyz").status == 200);
  Locker locker(site);
  std::atomic<int> waiting = 3;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      HttpClient other(site.url());
      other.get("/readyz");  // writes
      --waiting;
    });
  }
  int answered = 0;
  for (int i = 0; i < 200; ++i) {
    if (client.get("/healthz").status == 200 && waiting == 3) ++answered;
  }
  CHECK(answered == 200);
  locker.release();
}

TEST_CASE("a corrupt store is named in the log, and a good one in its place is taken up",
          "[sqlite]") {
  Site site;
  HttpClient client(site.url());
  const std::string alice = credentials("alice", password_of("zebra"));
  REQUIRE(client.post_json("/register", alice).status == 200);
  const Finished backup =
      run_command({"sqlite3", site.store(), ".backup " + site.file("backup.db")});
  REQUIRE(backup.status == 0);

  write_file(site.file("broken.db"), std::string(40'000, 'x'));
  for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(site.store() + suffix);
  std::filesystem::rename(site.file("broken.db"), site.store());
  const Answer answer = client.post_json("/login", alice);
  CHECK(answer.status == 503);
  CHECK(answer.code() == "store_unavailable");
  CHECK(client.get("/readyz").status == 503);
  CHECK(site.log().find(site.store() + ": ") != std::string::npos);
  CHECK(site.log().find("put back a backup") != std::string::npos);

  std::filesystem::rename(site.file("backup.db"), site.store());
  CHECK(client.post_json("/login", alice).status == 200);
  CHECK(client.get("/readyz").status == 200);
}

TEST_CASE("a store that is taken away is missed, not silently replaced by an empty one",
          "[sqlite]") {
  Site site;
  const std::string alice = newcomer_at(site, "alice");
  REQUIRE(verified(site, alice) == 200);
  const std::string unknown = log_in_at(site, "alice").json()["token"].asString();
  SECTION("it is put back") {
    std::filesystem::rename(site.store(), site.file("moved.db"));
    check_is_missed(site, alice, unknown);
    std::filesystem::rename(site.file("moved.db"), site.store());
    check_is_well(site, "alice", "bob");
    CHECK(verified(site, alice) == 200);
    CHECK(verified(site, unknown) == 200);
  }
  SECTION(
      "it is gone for good, with what is beside it, and userbin is restarted for an empty one") {
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(site.store() + suffix);
    check_is_missed(site, alice, unknown);
    for (const char* suffix : {"-wal", "-shm"}) {
      CHECK_FALSE(std::filesystem::exists(site.store() + suffix));
    }
    site.kill_worker();
    site.start_worker();
    CHECK(log_in_at(site, "alice").status == 401);
    CHECK(verified(site, alice) == 401);
    CHECK(verified(site, unknown) == 401);
    REQUIRE(register_at(site, "alice").status == 200);
    check_is_well(site, "alice", "bob");
  }
}
