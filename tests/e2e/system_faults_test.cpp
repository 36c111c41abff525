// The machine runs out of something, or stands still: what clients see, what the owner reads, and
// that the worker goes on by itself.
#include <csignal>
#include <filesystem>
#include <mutex>
#include <set>
#include <thread>

#include "support/faults.h"

namespace userbin::test {

namespace {

constexpr const char* kMembers =
    "location = /members/ { include userbin_guard.conf; root $userbin_www; }\n";

/// Of kPassword, as JSON; checking it takes 16 MiB.
constexpr const char* kYescrypt =
    R"("$y$j9T$qSTFWOfNekulZR8lCzRqd1$ZR2Fa6klA5nNIU9qHdfHARwn3h5ReJvx/Ysd1WVYty6")";

void limit(const Process& process, const std::string& what) {
  const Finished done =
      run_command({"prlimit", "--pid=" + std::to_string(process.pid()), "--" + what});
  if (done.status != 0) throw std::runtime_error(done.output);
}

/// Lets the process have so many more bytes than it has. What malloc() has only set aside for its
/// threads does not count as had.
void limit_memory(const Process& process, std::size_t more_bytes) {
  limit(process, "data=" + std::to_string(memory_kib(process.pid(), "VmData") * 1024 + more_bytes) +
                     ":unlimited");
}

/// A POST of JSON, on a connection that is kept.
std::string post_request(const std::string& path, const std::string& body) {
  return fastcgi_request({{"DOCUMENT_URI", path},
                          {"REQUEST_METHOD", "POST"},
                          {"CONTENT_TYPE", "application/json"},
                          {"CONTENT_LENGTH", std::to_string(body.size())}},
                         body, true);
}

std::string registration(const std::string& name) {
  return post_request("/register", credentials(name, kPassword));
}

/// Opens connections with a part of a request on each until the log, from `begin` on, tells that
/// there is no memory.
std::vector<RawConnection> use_up_memory(const Site& site, std::size_t begin) {
  const std::string part = post_request("/login", std::string(60'000, 'x')).substr(0, 59'000);
  std::vector<RawConnection> hoard;
  wait_until("no memory is left", [&] {
    hoard.emplace_back(site.socket()).send(part);
    const std::string log = site.log().substr(begin);
    return log.find("bad_alloc") != std::string::npos || log.find("no memory") != std::string::npos;
  });
  return hoard;
}

/// The worker, or the store's library, has no memory.
bool is_for_want_of_memory(const Answer& answer) {
  return answer.status == 503 && answer.header("Retry-After") == "5" &&
         (answer.code() == "overloaded" || answer.code() == "store_unavailable");
}

void check_is_overloaded(const Answer& answer) {
  CHECK(answer.status == 503);
  CHECK(answer.code() == "overloaded");
  CHECK(answer.header("Retry-After") == "5");
}

}  // namespace

TEST_CASE("a flood of connections takes no descriptors that the store needs, and passes") {
  Site::Options options;
  options.worker_starter = {"prlimit", "--nofile=100:100"};
  options.locations = kMembers;
  Site site(options);
  const std::string ada = newcomer_at(site, "ada");
  {
    std::vector<RawConnection> early;
    for (int i = 0; i < 12; ++i) early.emplace_back(site.socket());
    for (RawConnection& each : early) {
      REQUIRE(each.send(
          fastcgi_request({{"DOCUMENT_URI", "/healthz"}, {"REQUEST_METHOD", "GET"}}, "", true)));
      REQUIRE(each.read_answer());
    }
    std::vector<RawConnection> flood;
    for (int i = 0; i < 150; ++i) flood.emplace_back(site.socket());
    CHECK(flood.back().is_closed());
    // All at once, so that the store opens a connection for each.
    for (std::size_t i = 0; i < early.size(); ++i) {
      REQUIRE(early[i].send(registration("user" + std::to_string(i))));
    }
    for (RawConnection& each : early) {
      CHECK(each.read_answer().value_or("").find("Status: 200") == 0);
    }
    // By the connection that nginx has kept, and by a new one.
    CHECK(register_at(site, "kept").status == 200);
    HttpClient client(site.url());
    Answer answer;
    wait_until("a new one is turned away", [&] {
      flood.emplace_back(site.socket());  // in the place of the last
      answer = client.get("/members/", {"Authorization: Bearer " + ada});
      return answer.status == 503;
    });
    check_is_overloaded(answer);
    CHECK(has_logged(site, "connections are turned away: no more file descriptors"));
    CHECK(has_logged(site, "raise LimitNOFILE="));
  }
  wait_until("the flood has passed", [&] { return status_of(site, "/healthz") == 200; });
  check_is_well(site, "ada", "bob");
  CHECK(verified(site, ada) == 200);
}

TEST_CASE("a worker without any descriptor left hears again as soon as there is one") {
  Site site;
  const std::string ada = newcomer_at(site, "ada");
  limit(site.worker(), "nofile=3:");
  RawConnection waiting(site.socket());
  const std::string health =
      fastcgi_request({{"DOCUMENT_URI", "/healthz"}, {"REQUEST_METHOD", "GET"}}, "", false);
  REQUIRE(waiting.send(health));
  wait_until("it says that it hears nobody", [&] {
    return has_logged(site, "connections are turned away: no more file descriptors");
  });
  limit(site.worker(), "nofile=1000:");
  CHECK(waiting.read_answer().value_or("").find("Status: 200") == 0);
  check_is_well(site, "ada", "bob");
  CHECK(verified(site, ada) == 200);
}

TEST_CASE("a store that gets no descriptor says which limit to raise", "[sqlite]") {
  Site site;
  REQUIRE(register_at(site, "ada").status == 200);
  RawConnection kept(site.socket());
  const std::string health =
      fastcgi_request({{"DOCUMENT_URI", "/readyz"}, {"REQUEST_METHOD", "GET"}}, "", true);
  REQUIRE(kept.send(health));
  REQUIRE(kept.read_answer());
  // The connections that it has lead to what is not there any more; a new one cannot be had.
  REQUIRE(run_command({"sqlite3", site.store(), ".backup " + site.file("new.db")}).status == 0);
  limit(site.worker(), "nofile=3:");
  for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(site.store() + suffix);
  std::filesystem::rename(site.file("new.db"), site.store());
  REQUIRE(kept.send(health));
  CHECK(kept.read_answer().value_or("").find("Status: 503") == 0);
  CHECK(has_logged(site, "no more file descriptors, raise LimitNOFILE= in the service"));
  limit(site.worker(), "nofile=1000:");
  check_is_well(site, "ada", "bob");
}

TEST_CASE("without memory for a hash nobody gets in or is told a lie, until there is some") {
  if (kIsSanitized) {
    WARN("not under a sanitizer");
    return;
  }
  Site::Options options;
  options.worker_flags = {"--hash-memory=131072", "--hash-passes=1", "--allow-weak-hashing",
                          "--hash-slots=1"};
  Site site(options);
  const std::size_t kib_at_first = memory_kib(site.worker().pid(), "VmData");
  const std::string ada = newcomer_at(site, "ada");
  REQUIRE(register_at(site, "imported").status == 200);
  site.sql("UPDATE users SET record = " + Site::record_with("password", kYescrypt) +
           " WHERE name = 'imported'");
  wait_until("the memory of the last hash is given back",
             [&] { return memory_kib(site.worker().pid(), "VmData") < kib_at_first + 64 * 1024; });
  limit_memory(site.worker(), std::size_t{8} << 20);
  check_is_overloaded(log_in_at(site, "ada"));
  check_is_overloaded(log_in_at(site, "ada", "wrong"));
  check_is_overloaded(log_in_at(site, "nobody"));
  check_is_overloaded(log_in_at(site, "imported"));
  check_is_overloaded(register_at(site, "bob"));
  CHECK(has_logged(site, "no memory"));
  CHECK(has_logged(site, "--hash-slots or --hash-memory"));
  CHECK(verified(site, ada) == 200);
  CHECK(status_of(site, "/readyz") == 200);
  limit(site.worker(), "data=unlimited:");
  CHECK(log_in_at(site, "imported").status == 200);
  check_is_well(site, "ada", "bob");
}

TEST_CASE("a worker that gets no memory at all answers what it can, and lives") {
  if (kIsSanitized) {
    WARN("not under a sanitizer");
    return;
  }
  Site site;
  const std::string ada = newcomer_at(site, "ada");
  const std::string long_body = credentials("long", std::string(60'000, 'x'));
  for (const std::size_t more : {std::size_t{0}, std::size_t{100'000}}) {
    limit_memory(site.worker(), more);
    // What was freed before may be enough for what follows.
    std::vector<RawConnection> hoard = use_up_memory(site, site.log().size());
    std::vector<std::jthread> threads;
    std::mutex mutex;
    std::set<std::string> odd;                    // guarded by mutex
    std::set<std::string> registered, signed_in;  // guarded by mutex
    for (int client_number = 0; client_number < 4; ++client_number) {
      threads.emplace_back([&, client_number] {
        for (int i = 0; i < 8; ++i) {
          HttpClient client(site.url());
          const std::string name =
              std::to_string(more) + "x" + std::to_string(client_number * 100 + i);
          const Answer registration = client.post_json("/register", credentials(name, kPassword));
          const Answer login = log_in_at(site, "ada");
          const Answer too_long = client.post_json("/login", long_body);
          const Answer sessions = client.get("/me/sessions");
          const std::lock_guard lock(mutex);
          if (registration.status == 200) registered.insert(name);
          if (login.status == 200) signed_in.insert(login.json()["token"].asString());
          for (const Answer& answer : {registration, login, too_long, sessions}) {
            const bool is_right =
                answer.status == 200 || answer.status == 401 || is_for_want_of_memory(answer);
            if (!is_right) odd.insert(std::to_string(answer.status) + ' ' + answer.body);
          }
        }
      });
    }
    threads.clear();
    hoard.clear();
    CHECK(odd == std::set<std::string>());
    CAPTURE(site.log());
    REQUIRE(site.worker().is_running());
    limit(site.worker(), "data=unlimited:");
    for (const std::string& name : registered) {
      CAPTURE(name);
      CHECK(log_in_at(site, name).status == 200);
    }
    for (const std::string& token : signed_in) CHECK(verified(site, token) == 200);
    check_is_well(site, "ada", "newcomer" + std::to_string(more));
    CHECK(verified(site, ada) == 200);
  }
}

TEST_CASE("while the worker stands still nginx says so, and afterwards all goes on") {
  Site::Options options;
  options.edits = {{"userbin_pass.conf", "fastcgi_pass userbin;",
                    "fastcgi_read_timeout 1s; fastcgi_pass userbin;"},
                   {"userbin.conf", "fastcgi_pass_request_body off;",
                    "fastcgi_pass_request_body off; fastcgi_read_timeout 1s;"}};
  options.locations = kMembers;
  Site site(options);
  const std::string ada = newcomer_at(site, "ada");
  site.worker().signal(SIGSTOP);
  const Answer answer = register_at(site, "bob");
  check_is_overloaded(answer);
  HttpClient client(site.url());
  CHECK(client.get("/members/", {"Authorization: Bearer " + ada}).status == 503);
  site.worker().signal(SIGCONT);
  wait_until("it goes on", [&] { return status_of(site, "/healthz") == 200; });
  // It was stopped with his request on its way.
  const Answer again = register_at(site, "bob");
  CHECK((again.status == 200 || again.code() == "username_taken"));
  CHECK(log_in_at(site, "bob").status == 200);
  check_is_well(site, "ada", "carl");
  CHECK(verified(site, ada) == 200);
}

}  // namespace userbin::test
