// nginx is killed, reloaded and replaced while people register, log in and go about: the worker
// goes on.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <set>
#include <thread>

#include "support/catch.h"
#include "support/site.h"

namespace userbin::test {

namespace {

constexpr int kPeople = 8;
constexpr const char* kPassword = "tuesday grows heavy";

/// What all people have had answered. Any thread may call.
struct Answered {
  std::mutex mutex;
  std::set<std::string> registered;     // guarded by mutex
  std::vector<std::string> complaints;  // guarded by mutex
  std::atomic<int> count = 0;
  std::atomic<bool> is_over = false;
  /// Counts when nginx is about to go, and when it is there again: odd while it may be away.
  std::atomic<int> absences = 0;

  void complain(const std::string& what, const Answer& answer) {
    const std::lock_guard lock(mutex);
    complaints.push_back(what + ": " + std::to_string(answer.status) + ' ' + answer.body);
  }
};

/// Registers, logs in and visits the guarded place, again and again; what gets no answer, or that
/// the login service is away, is tried again if nginx was away meanwhile, and otherwise complained
/// of.
class Person {
 public:
  Person(const Site& site, int number, Answered& answered)
      : client_(site.url()), number_(number), answered_(answered) {}

  void go_about() {
    for (int i = 0; !answered_.is_over; ++i) {
      const std::string name = "user" + std::to_string(number_) + '-' + std::to_string(i);
      if (!register_user(name) || !log_in(name)) return;
      for (int visit = 0; visit < 5; ++visit) {
        const Answer page = persistently([&] { return client_.get("/members/page"); });
        if (page.status != 200 && !answered_.is_over) answered_.complain("a visit", page);
      }
      ++answered_.count;
    }
  }

 private:
  bool register_user(const std::string& name) {
    const Answer answer =
        persistently([&] { return client_.post_json("/register", credentials(name, kPassword)); });
    // The answer to a try before may be the one that was lost.
    if (answer.status != 200 && answer.code() != "username_taken") {
      if (!answered_.is_over) answered_.complain("a registration", answer);
      return false;
    }
    const std::lock_guard lock(answered_.mutex);
    answered_.registered.insert(name);
    return true;
  }

  bool log_in(const std::string& name) {
    const Answer answer =
        persistently([&] { return client_.post_json("/login", credentials(name, kPassword)); });
    if (answer.status != 200 && !answered_.is_over) answered_.complain("a login", answer);
    return answer.status == 200;
  }

  template <typename Try>
  Answer persistently(Try once) {
    for (;;) {
      const int before = answered_.absences;
      const Answer answer = once();
      const bool is_away = answer.status == 0 || answer.status == 503;
      if (!is_away || answered_.is_over) return answer;
      const bool was_gone = before % 2 == 1 || answered_.absences != before;
      if (!was_gone) {
        answered_.complain("while nginx is there", answer);
        answered_.is_over = true;
      }
    }
  }

  HttpClient client_;
  const int number_;
  Answered& answered_;
};

/// That a process has open.
int count_sockets(const Process& process) {
  int count = 0;
  const std::string folder = "/proc/" + std::to_string(process.pid()) + "/fd";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(entry.path(), gone);
    if (target.string().starts_with("socket:")) ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("nginx may be killed, reloaded and started again in the middle: the worker goes on",
          "[sqlite]") {  // connections to PostgreSQL are sockets, too
  Site site({.start_application = true});
  site.kill_nginx();
  wait_until("the connections are gone", [&] { return count_sockets(site.worker()) < 3; });
  const int without_nginx = count_sockets(site.worker());
  site.start_nginx();
  const pid_t worker = site.worker().pid();
  Answered answered;
  std::vector<std::jthread> people;
  for (int i = 0; i < kPeople; ++i) {
    people.emplace_back([&, i] { Person(site, i, answered).go_about(); });
  }
  const auto await_more = [&] {
    const int before = answered.count;
    wait_until("people go about",
               [&] { return answered.count >= before + kPeople || answered.is_over; });
  };
  const auto without = [&](auto absence) {
    ++answered.absences;
    absence();
    site.start_nginx();
    ++answered.absences;
  };
  for (int round = 0; round < 2; ++round) {
    await_more();
    without([&] { site.kill_nginx(); });
    await_more();
    ++answered.absences;  // it closes kept connections on which a request may be on its way
    const std::set<pid_t> old = site.nginx_workers();
    site.nginx().signal(SIGHUP);  // new workers, while the old ones finish
    wait_until("the old workers are gone", [&] {
      const std::set<pid_t> now = site.nginx_workers();
      return !now.empty() &&
             std::none_of(old.begin(), old.end(), [&](pid_t pid) { return now.count(pid) > 0; });
    });
    ++answered.absences;
    await_more();
    without([&] {
      site.nginx().signal(SIGQUIT);
      site.nginx().wait();
    });
  }
  await_more();
  answered.is_over = true;
  people.clear();
  CHECK(answered.complaints == std::vector<std::string>());

  HttpClient client(site.url());
  for (const std::string& name : answered.registered) {
    INFO(name);
    CHECK(client.post_json("/login", credentials(name, kPassword)).status == 200);
  }
  CHECK(site.log().find(" error: ") == std::string::npos);
  CHECK(site.worker().is_running());
  CHECK(site.worker().pid() == worker);
  site.kill_nginx();
  wait_until("the connections are gone",
             [&] { return count_sockets(site.worker()) == without_nginx; });
  site.start_nginx();
  CHECK(client.get("/members/page").status == 200);
}

}  // namespace userbin::test
