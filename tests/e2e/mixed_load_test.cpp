// Many people at once: nobody is ever taken for another.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <random>
#include <thread>

#include "support/catch.h"
#include "support/site.h"

using namespace userbin::test;

namespace {

constexpr int kUsers = 50;
/// How many users each of them registers besides himself, at most.
constexpr int kMostOthers = 20;
const std::string kPassword = "seven green lanterns";

/// An application below /app/ that says who it thinks asks.
const std::string kApplication =
    "location = /echo { return 200 \"<$http_remote_user>\"; }\n"
    "location /app/ { auth_request /verify; auth_request_set $userbin_login "
    "$upstream_http_location;"
    "error_page 401 = @userbin_login; auth_request_set $userbin_user $upstream_http_remote_user;"
    "proxy_set_header Remote-User $userbin_user; proxy_pass http://127.0.0.1:$server_port/echo; "
    "}\n";

std::chrono::seconds duration() {
  const char* seconds = std::getenv("MIXED_LOAD_SECONDS");
  return std::chrono::seconds(seconds != nullptr ? std::atoi(seconds) : 5);
}

/// What all threads count and complain of. Any thread may call.
class Findings {
 public:
  void count() { ++requests_; }
  void complain(const std::string& what) {
    const std::lock_guard lock(mutex_);
    if (complaints_.size() < 20) complaints_.push_back(what);
  }

  long requests() const { return requests_; }
  /// Once all threads have ended.
  const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  std::atomic<long> requests_ = 0;
  std::mutex mutex_;
  std::vector<std::string> complaints_;  // guarded by mutex_
};

/// One person, in a thread of his own.
class Visitor {
 public:
  Visitor(const Site& site, int number, Findings& findings)
      : name_("user" + std::to_string(number)),
        findings_(findings),
        client_(site.url()),
        stranger_(site.url()),
        random_(static_cast<unsigned>(number) + 1) {}

  void visit_until(std::chrono::steady_clock::time_point end) {
    sign_up(client_, name_);
    while (std::chrono::steady_clock::now() < end) act();
  }

 private:
  void act() {
    switch (random_() % 12) {
      case 0: return come_and_go();
      case 1: return come_with_a_wrong_token();
      case 2: return register_another();
      case 3: return log_in_anew();
      case 4:
      case 5:
      case 6: return see_me(client_, name_);
      default: return see_application(client_, name_);
    }
  }

  void see_application(HttpClient& client, const std::string& name) {
    const Answer answer =
        client.get("/app/", {"Remote-User: user" + std::to_string(random_() % 50)});
    expect(answer.status == 200 && answer.body == "<" + name + ">", name, "/app/", answer);
  }

  void see_me(HttpClient& client, const std::string& name) {
    const Answer answer = client.get("/me");
    expect(answer.status == 200 && answer.json()["username"] == name, name, "/me", answer);
  }

  void log_in(HttpClient& client, const std::string& name) {
    const Answer answer = persistently(client, "/login", name);
    expect(answer.status == 200, name, "/login", answer);
  }

  void sign_up(HttpClient& client, const std::string& name) {
    const Answer answer = persistently(client, "/register", name);
    expect(answer.status == 200, name, "/register", answer);
    log_in(client, name);
  }

  /// Old session and new one, both of the same person.
  void log_in_anew() {
    log_in(client_, name_);
    see_application(client_, name_);
  }

  void come_and_go() {
    const Answer answer = client_.post_json("/logout", "{}");
    expect(answer.status == 200, name_, "/logout", answer);
    expect_nobody(client_, {});
    log_in(client_, name_);
    see_application(client_, name_);
  }

  void come_with_a_wrong_token() {
    std::string token(43, 'A');
    for (char& c : token) c = static_cast<char>('a' + random_() % 26);
    stranger_.forget_cookies();
    const bool is_bearer = random_() % 2 == 0;
    expect_nobody(stranger_, {(is_bearer ? "Authorization: Bearer " : "Cookie: userbin=") + token});
  }

  void register_another() {
    const Answer taken = persistently(client_, "/register", name_);
    expect(taken.status == 400 && taken.code() == "username_taken", name_, "/register", taken);
    if (others_ == kMostOthers) return;
    const std::string name = name_ + "-" + std::to_string(others_++);
    stranger_.forget_cookies();
    sign_up(stranger_, name);
    see_application(stranger_, name);
    see_me(stranger_, name);
    see_me(client_, name_);
  }

  void expect_nobody(HttpClient& client, const std::vector<std::string>& headers) {
    const Answer me = client.get("/me", headers);
    expect(me.status == 401, "nobody", "/me", me);
    const Answer page = client.get("/app/", headers);
    expect(page.status == 401, "nobody", "/app/", page);
  }

  /// Posts the credentials of `name` until the worker has time for them.
  Answer persistently(HttpClient& client, const std::string& path, const std::string& name) {
    for (;;) {
      Answer answer = client.post_json(path, credentials(name, kPassword));
      if (answer.status != 503) return answer;
      findings_.count();
    }
  }

  void expect(bool holds, const std::string& who, const std::string& path, const Answer& answer) {
    findings_.count();
    if (holds) return;
    findings_.complain(path + " for " + who + ": " + std::to_string(answer.status) + " " +
                       answer.body);
  }

  const std::string name_;
  Findings& findings_;
  HttpClient client_;
  /// Somebody else at the same computer.
  HttpClient stranger_;
  std::minstd_rand random_;
  int others_ = 0;
};

}  // namespace

TEST_CASE("50 people at once, and nobody sees another's identity") {
  const Site site({.locations = kApplication});
  Findings findings;
  const auto end = std::chrono::steady_clock::now() + duration();
  std::vector<std::thread> threads;
  for (int i = 0; i < kUsers; ++i) {
    threads.emplace_back([&, i] { Visitor(site, i, findings).visit_until(end); });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(findings.complaints() == std::vector<std::string>());
  CHECK(findings.requests() > kUsers);
  if (std::getenv("MIXED_LOAD_SECONDS") != nullptr) WARN(findings.requests() << " requests");
}
