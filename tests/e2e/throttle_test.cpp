// Who tries too often, through nginx.
#include <csignal>
#include <map>
#include <sstream>

#include "support/catch.h"
#include "support/owner.h"

namespace userbin::test {

namespace {

constexpr const char* kPassword = "tuesday grows heavy";

/// Clients say in X-Real-IP from where they come, as if another proxy did.
Site::Options throttled(const std::vector<std::string>& flags = {}) {
  Site::Options options;
  options.locations = "set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;";
  options.worker_flags.insert(options.worker_flags.end(),
                              {"--login-failures=5", "--failures-per-account=300",
                               "--logins-per-client=100", "--registrations-per-client=20"});
  options.worker_flags.insert(options.worker_flags.end(), flags.begin(), flags.end());
  return options;
}

Answer log_in(HttpClient& client, const std::string& name, const std::string& password,
              const std::string& address) {
  return client.post_json("/login", credentials(name, password), {"X-Real-IP: " + address});
}

/// The address number `i` of those that attack.
std::string attacker(int i) {
  return "10." + std::to_string(i / 65536) + "." + std::to_string(i / 256 % 256) + "." +
         std::to_string(i % 256);
}

/// What a process has in memory, in KiB.
long resident_kib(const Process& process) {
  std::istringstream status(read_file("/proc/" + std::to_string(process.pid()) + "/status"));
  for (std::string word; status >> word;) {
    long kib = 0;
    if (word == "VmRSS:" && status >> kib) return kib;
  }
  return 0;
}

void restart(Site& site) {
  site.worker().signal(SIGTERM);
  REQUIRE(site.worker().wait() == 0);
  site.start_worker();
}

}  // namespace

TEST_CASE("10,000 wrong logins from 1,000 addresses lock out nobody who has the right password") {
  constexpr int kAddresses = 1000;
  constexpr int kTries = 10;
  constexpr int kMaxEntries = 400;
  constexpr long kMaxGrowthKib = 8 * 1024;
  Site site(throttled({"--throttle-entries=" + std::to_string(kMaxEntries)}));
  HttpClient owner(site.url()), attack(site.url()), elsewhere(site.url());
  REQUIRE(owner.post_json("/register", credentials("ada", kPassword)).status == 200);
  REQUIRE(log_in(owner, "ada", kPassword, "192.0.2.7").status == 200);

  std::map<int, int> answers;  // by status
  long before = 0;
  for (int i = 0; i < kAddresses; ++i) {
    if (i == kAddresses / 5) before = resident_kib(site.worker());
    for (int k = 0; k < kTries; ++k) {
      ++answers[log_in(attack, "ada", "wrong " + std::to_string(k), attacker(i)).status];
    }
  }
  CHECK(answers[401] + answers[429] == kAddresses * kTries);
  // Those that were counted while the account had tries left, and one for each address after that.
  CHECK(answers[401] < 300 + kAddresses + 10);
  CHECK(answers[401] >= kAddresses);
  const long growth = resident_kib(site.worker()) - before;
  CAPTURE(before, growth);
  REQUIRE(before > 0);
  CHECK(growth < kMaxGrowthKib);

  CHECK(log_in(elsewhere, "ada", kPassword, "203.0.113.5").status == 200);
  CHECK(log_in(owner, "ada", kPassword, "192.0.2.7").status == 200);

  restart(site);
  const Json::Value held = ask_owner(site, {"ban", "list"});
  int pairs = 0;
  for (const Json::Value& entry : held) pairs += entry["kind"] == "login" ? 1 : 0;
  CHECK(pairs > 0);
  CHECK(pairs <= kMaxEntries);
  CHECK(log_in(attack, "ada", "wrong", attacker(kAddresses - 1)).status == 429);
  CHECK(log_in(elsewhere, "ada", kPassword, "203.0.113.6").status == 200);
}

TEST_CASE("who types a wrong password too often waits, whether or not anybody has the name") {
  Site site(throttled({"--login-delay-max=900s"}));
  HttpClient client(site.url());
  REQUIRE(client.post_json("/register", credentials("ada", kPassword)).status == 200);
  // A name that nobody has is answered alike.
  for (const std::string name : {"ada", "nobody"}) {
    const std::string address = name == "ada" ? "192.0.2.7" : "192.0.2.8";
    for (int i = 0; i < 5; ++i) {
      const Answer wrong = log_in(client, name, "wrong", address);
      CHECK(wrong.status == 401);
      CHECK(wrong.header("Retry-After").empty());
    }
    const Answer held = log_in(client, name, "wrong", address);
    CHECK(held.status == 429);
    CHECK(held.code() == "too_many_attempts");
    CHECK(held.header("Retry-After") == "1");
  }
  // Elsewhere, and as IPv6: another client. The same in IPv6 notation: the same one.
  CHECK(log_in(client, "ada", "wrong", "192.0.2.9").status == 401);
  CHECK(log_in(client, "ada", "wrong", "2001:db8::7").status == 401);

  HttpClient browser(site.url());
  for (int i = 0; i < 5; ++i) log_in(browser, "ada", "wrong", "2001:db8:1:2::1");
  std::vector<std::string> headers = kBrowser;
  headers.emplace_back("X-Real-IP: 2001:db8:1:2:ffff::9");  // of the same /64
  const Answer page = browser.post_form("/login", "username=ada&password=wrong", headers);
  CHECK(page.status == 303);
  CHECK(page.header("Location") == "/login?error=too_many_attempts&username=ada");
  CHECK(browser.get(page.header("Location")).body.find("Too many tries.") != std::string::npos);
}

TEST_CASE("a wait is kept over a restart, listed and lifted") {
  // One wrong password costs nothing, the second a quarter of an hour.
  Site site(throttled({"--login-failures=0", "--failures-per-account=1"}));
  HttpClient client(site.url());
  REQUIRE(client.post_json("/register", credentials("Ada", kPassword)).status == 200);
  int status = 0;
  for (int i = 0; i < 3; ++i) status = log_in(client, "ada", "wrong", "192.0.2.7").status;
  REQUIRE(status == 429);
  restart(site);
  CHECK(log_in(client, "ada", kPassword, "192.0.2.7").status == 429);

  const Json::Value held = ask_owner(site, {"ban", "list"});
  std::string whom;
  for (const Json::Value& entry : held) {
    if (entry["kind"] == "login") whom += entry["user"].asString() + entry["client"].asString();
  }
  CHECK(whom == "Ada192.0.2.7");
  const Finished table = run_owner(site, {"ban", "list"});
  CHECK(table.status == 0);
  CHECK(table.output.find("Ada from 192.0.2.7 after ") != std::string::npos);
  CHECK(run_owner(site, {"ban", "lift"}).status == 2);
  CHECK(run_owner(site, {"ban", "lift", "--client", "somewhere"}).status == 2);
  CHECK(run_owner(site, {"ban", "lift", "--user", "ada", "--client", "192.0.2.8"}).output ==
        "lifted 0\n");
  CHECK(run_owner(site, {"ban", "lift", "--user", "ADA", "--client", "192.0.2.7"}).output ==
        "lifted 1\n");
  wait_until("the worker follows",
             [&] { return log_in(client, "ada", kPassword, "192.0.2.7").status == 200; });
}

TEST_CASE("registrations from a client are counted, and nobody else's are") {
  Site site(throttled({"--registrations-per-client=3"}));
  HttpClient client(site.url());
  const auto register_from = [&](int number, const std::string& address) {
    return client.post_json("/register", credentials("user" + std::to_string(number), kPassword),
                            {"X-Real-IP: " + address});
  };
  for (int i = 0; i < 3; ++i) CHECK(register_from(i, "192.0.2.7").status == 200);
  const Answer refused = register_from(3, "192.0.2.7");
  CHECK(refused.status == 429);
  CHECK(refused.code() == "too_many_attempts");
  CHECK(std::stoi(refused.header("Retry-After")) > 60);
  CHECK(register_from(3, "192.0.2.8").status == 200);
}

TEST_CASE("nginx keeps a flood from the worker, and nobody else's requests") {
  Site::Options options;
  options.locations = "set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;";
  options.is_fenced = true;  // and the worker counts nothing
  Site site(options);
  HttpClient client(site.url());
  const std::string target = GENERATE("/login", "/register", "/me/password", "/logout");
  constexpr int kBurst = 50;
  constexpr int kFlood = 400;
  int refused = 0;
  int first_refused = 0;
  Answer last;
  for (int i = 1; i <= kFlood; ++i) {
    const Answer answer = client.post_json(target, "{}", {"X-Real-IP: 192.0.2.7"});
    if (answer.status != 429) continue;
    last = answer;
    if (refused++ == 0) first_refused = i;
  }
  CHECK(first_refused > kBurst);
  CHECK(refused > kFlood / 2);
  CHECK(last.code() == "too_many_attempts");
  CHECK(last.header("Retry-After") == "5");
  CHECK(client.get("/login", {"X-Real-IP: 192.0.2.7"}).status == 200);
  CHECK(client.get("/me", {"X-Real-IP: 192.0.2.7"}).status == 401);
  CHECK(client.post_json(target, "{}", {"X-Real-IP: 192.0.2.8"}).status != 429);
}

TEST_CASE("a person whom nginx holds off is told so by the form") {
  Site site({.edits = {{"userbin_upstream.conf", "rate=100000r/s", "rate=1r/m"},
                       {"userbin_limits.conf", "burst=100000", "burst=1"}}});
  HttpClient browser(site.url());
  Answer answer;
  for (int i = 0; i < 4; ++i) {
    answer = browser.post_form("/login", "username=ada&password=wrong", kBrowser);
  }
  CHECK(answer.status == 303);
  CHECK(answer.header("Location") == "/login?error=too_many_attempts");
  CHECK(browser.get(answer.header("Location")).body.find("Too many tries.") != std::string::npos);
}

TEST_CASE("who is signed in cannot try passwords without end, either") {
  Site site(throttled());
  HttpClient client(site.url());
  REQUIRE(client.post_json("/register", credentials("ada", kPassword)).status == 200);
  REQUIRE(log_in(client, "ada", kPassword, "192.0.2.7").status == 200);
  const auto try_one = [&] {
    return client
        .post_json("/me/password",
                   R"({"current_password":"wrong","new_password":"nine yellow trombones"})",
                   {"X-Real-IP: 192.0.2.7"})
        .status;
  };
  for (int i = 0; i < 5; ++i) CHECK(try_one() == 403);
  CHECK(try_one() == 429);
  CHECK(client.get("/me").status == 200);
}

}  // namespace userbin::test
