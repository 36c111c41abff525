// More clients and more logins than there is room for, through a real nginx, with passwords hashed
// at their real cost. Nothing here is measured by the clock: whoever is answered makes the next
// request, so a slow machine only takes longer.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <map>
#include <set>

#include <json/value.h>

#include "support/catch.h"
#include "support/crowd.h"
#include "support/machine.h"
#include "support/site.h"

using namespace userbin::test;

namespace {

const std::string kPassword = "seven green lanterns";
const std::string kGuarded =
    "location = /guarded { include userbin_guard.conf; alias $userbin_www/userbin.svg; }\n";
/// A hash's memory, and the same in whole huge pages, which a machine may or may not have to give.
constexpr std::size_t kHashKib = 19 * 1024;
constexpr std::size_t kHugeHashKib = 20 * 1024;
constexpr std::size_t kSlots = 2;
/// What else it takes under load, for its threads and connections to the store.
constexpr std::size_t kMoreKib = 4 * 1024;

/// Room at nginx for `clients`, and no end to its patience with them.
std::vector<Site::Edit> room_for(std::size_t clients) {
  const std::string files = std::to_string(clients + 200);
  return {{"example.conf", "worker_processes auto;",
           "worker_processes 2; worker_rlimit_nofile " + files + ";"},
          {"example.conf", "worker_connections 4096;", "worker_connections " + files + ";"},
          {"example.conf", "server_tokens off;",
           "server_tokens off; keepalive_timeout 1h; keepalive_requests 1000000; "
           "client_header_timeout 1h; client_body_timeout 1h;"}};
}

Site::Options site_for(std::size_t clients, std::vector<std::string> flags) {
  flags.push_back("--hash-slots=" + std::to_string(kSlots));
  return {.worker_flags = std::move(flags), .locations = kGuarded, .edits = room_for(clients)};
}

/// Registers a user; the cookie of his session.
std::string cookie_of_new_user(const Site& site, const std::string& name) {
  HttpClient client(site.url());
  const std::string body = credentials(name, kPassword);
  REQUIRE(client.post_json("/register", body).status == 200);
  const Answer login = client.post_json("/login", body);
  REQUIRE(login.status == 200);
  const std::string cookie = login.header("Set-Cookie");
  return "Cookie: " + cookie.substr(0, cookie.find(';'));
}

/// What the clients of a crowd ask for, and what became of it. Two requests that need a hash are
/// made for each that was hashed: twice what can be.
class Storm {
 public:
  Storm(Crowd& crowd, std::string user, std::string cookie)
      : crowd_(crowd), user_(std::move(user)), cookie_(std::move(cookie)) {}

  void add(Crowd::Client client) { idle_.push_back(client); }

  /// Goes on until `hashes` are made; then everything is answered.
  void rage(std::size_t hashes, std::size_t at_once) {
    left_ = hashes;
    for (std::size_t i = 0; i < at_once; ++i) offer();
    crowd_.run([this](Crowd::Client client, const Answer& answer) { on_answer(client, answer); });
  }

  /// Logs in every user that was registered, no more at a time than can wait.
  void log_everybody_in(std::size_t at_once) {
    std::deque<std::string> names(registered_.begin(), registered_.end());
    const auto next = [&] {
      if (names.empty()) return;
      ask(Kind::kLogin, http_post_json("/login", credentials(names.front(), kPassword)));
      names.pop_front();
    };
    for (std::size_t i = 0; i < at_once; ++i) next();
    crowd_.run([&](Crowd::Client client, const Answer& answer) {
      idle_.push_back(client);
      if (answer.status != 200) complain(client, answer);
      next();
    });
  }

  const std::set<std::string>& registered() const { return registered_; }
  const std::set<std::string>& refused() const { return refused_; }
  std::size_t logins() const { return logins_; }
  std::size_t overloaded() const { return overloaded_; }
  std::size_t verifications() const { return verifications_; }
  const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  enum class Kind { kLogin, kRegistration, kVerification, kHealth };
  struct Asked {
    Kind kind = Kind::kLogin;
    std::string name = "";
  };

  void ask(Kind kind, const std::string& request, const std::string& name = "") {
    const Crowd::Client client = idle_.front();  // each in his turn
    idle_.pop_front();
    asked_[client] = {kind, name};
    crowd_.send(client, request);
  }

  void offer() {
    if (++offered_ % 4 != 0) {
      return ask(Kind::kLogin, http_post_json("/login", credentials(user_, kPassword)));
    }
    const std::string name = "user" + std::to_string(offered_);
    ask(Kind::kRegistration, http_post_json("/register", credentials(name, kPassword)), name);
  }

  void on_answer(Crowd::Client client, const Answer& answer) {
    const Asked asked = asked_.at(client);
    idle_.push_back(client);
    const bool needs_hash = asked.kind == Kind::kLogin || asked.kind == Kind::kRegistration;
    if (answer.status == 503 && needs_hash) {
      ++overloaded_;
      if (answer.code() != "overloaded" || answer.header("Retry-After") != "2") {
        complain(client, answer);
      }
      if (asked.kind == Kind::kRegistration) refused_.insert(asked.name);
      return;
    }
    if (answer.status != 200) return complain(client, answer);
    if (asked.kind == Kind::kVerification) ++verifications_;
    if (!needs_hash) return;
    if (asked.kind == Kind::kLogin) ++logins_;
    if (asked.kind == Kind::kRegistration) registered_.insert(asked.name);
    if (left_ == 0) return;
    --left_;
    for (int i = 0; i < 2; ++i) offer();
    for (int i = 0; i < 3; ++i) ask(Kind::kVerification, http_get("/guarded", {cookie_}));
    ask(Kind::kHealth, http_get("/healthz"));
  }

  void complain(Crowd::Client client, const Answer& answer) {
    if (complaints_.size() == 20) return;
    complaints_.push_back(std::to_string(static_cast<int>(asked_.at(client).kind)) + ": " +
                          std::to_string(answer.status) + ' ' + answer.body);
  }

  Crowd& crowd_;
  const std::string user_;
  const std::string cookie_;
  std::deque<Crowd::Client> idle_;
  std::map<Crowd::Client, Asked> asked_;
  std::size_t left_ = 0;
  std::size_t offered_ = 0;
  std::size_t logins_ = 0;
  std::size_t overloaded_ = 0;
  std::size_t verifications_ = 0;
  std::set<std::string> registered_;
  std::set<std::string> refused_;
  std::vector<std::string> complaints_;
};

/// The users there are, as the owner sees them.
std::set<std::string> users_of(const Site& site) {
  const Finished listed =
      run_command({userbin_program(), "user", "list", "--json", "--store=" + site.store()});
  Answer answer;
  answer.body = listed.output;
  std::set<std::string> names;
  for (const Json::Value& user : answer.json()) names.insert(user["username"].asString());
  return names;
}

/// Clients that have sent a part of a request, in turn: of its head, of its body, nothing at all.
void add_slow(Crowd& crowd, std::size_t count) {
  const std::string login = http_post_json("/login", credentials("slow", kPassword));
  const std::array<std::string, 3> parts = {login.substr(0, 40), login.substr(0, login.size() - 5),
                                            ""};
  for (std::size_t i = 0; i < count; ++i) {
    const Crowd::Client client = crowd.add();
    const std::string& part = parts[i % parts.size()];
    if (!part.empty()) crowd.send_part(client, part);
  }
}

}  // namespace

TEST_CASE(
    "10,000 clients and twice the logins that can be hashed: nobody is lost, memory stays flat",
    "[sqlite]") {
  constexpr std::size_t kWanted = 10'000;
  constexpr std::size_t kRounds = kIsSanitized ? 2 : 10;
  constexpr std::size_t kHashesOfARound = 20;
  constexpr std::size_t kQueue = 8;
  const std::size_t clients = std::min(kWanted, descriptors_left());
  if (clients < kWanted) {
    WARN("this machine allows only " << clients << " connections; raise ulimit -Hn");
  }
  Site site(site_for(clients, {"--hash-queue=" + std::to_string(kQueue)}));
  const std::string cookie = cookie_of_new_user(site, "resident");
  const pid_t worker = site.worker().pid();
  // The memory of the logins' hashes is kept for a moment. With it, it would be more than this,
  // which is more than it needs without.
  constexpr std::size_t kIdleKib = 16 * 1024;
  const auto is_idle = [&] { return kIsSanitized || memory_kib(worker, "VmRSS") < kIdleKib; };
  wait_until("the memory of the hashes is given back", is_idle);
  const std::size_t base_kib = memory_kib(worker, "VmRSS");

  Crowd crowd(site.port());
  add_slow(crowd, clients / 2);
  Storm storm(crowd, "resident", cookie);
  for (std::size_t i = clients / 2; i < clients; ++i) {
    const Crowd::Client client = crowd.add();
    storm.add(client);
    crowd.send(client, http_get("/healthz"));
  }
  crowd.run([](Crowd::Client, const Answer& answer) { REQUIRE(answer.status == 200); });

  std::vector<std::size_t> peaks_kib;
  for (std::size_t round = 0; round < kRounds; ++round) {
    storm.rage(kHashesOfARound, 2 * (kSlots + kQueue));
    peaks_kib.push_back(memory_kib(worker, "VmHWM"));
  }
  CHECK(storm.complaints() == std::vector<std::string>());
  CHECK(crowd.complaints() == std::vector<std::string>());
  CHECK(storm.logins() > 0);
  CHECK(storm.overloaded() > 0);
  CHECK(storm.verifications() >= 3 * kRounds * kHashesOfARound);

  // Who was told that he is registered is, and nobody else.
  std::set<std::string> expected = storm.registered();
  expected.insert("resident");
  CHECK(storm.registered().size() > 0);
  CHECK(storm.refused().size() > 0);
  CHECK(users_of(site) == expected);
  storm.log_everybody_in(kQueue);
  CHECK(storm.complaints() == std::vector<std::string>());
  CHECK(crowd.complaints() == std::vector<std::string>());

  if (kIsSanitized) return;
  // Each hash has its memory while it is made; what else the worker needs does not depend on the
  // number of clients.
  const std::size_t ceiling_kib = base_kib + kSlots * kHugeHashKib + kMoreKib;
  wait_until("the memory of the hashes is given back",
             [&] { return memory_kib(worker, "VmRSS") < base_kib + kMoreKib; });
  CAPTURE(base_kib, peaks_kib, memory_kib(worker, "VmRSS"));
  CHECK(peaks_kib.back() > base_kib + kSlots * kHashKib);
  CHECK(peaks_kib.back() < ceiling_kib);
  CHECK(peaks_kib.back() - peaks_kib.front() < 1024 + kSlots * (kHugeHashKib - kHashKib));
  if (std::getenv("USERBIN_TEST_MEMORY") != nullptr) {
    WARN("KiB: " << base_kib << " at first, at most " << peaks_kib.front() << " in one round and "
                 << peaks_kib.back() << " in all, " << memory_kib(worker, "VmRSS") << " at last");
  }
}

TEST_CASE("at the default settings, floods of logins and of verifications starve neither",
          "[sqlite]") {
  constexpr std::size_t kClients = 32;
  const Site site(site_for(200, {}));
  const std::string cookie = cookie_of_new_user(site, "resident");
  const std::string login = http_post_json("/login", credentials("resident", kPassword));
  const std::string verification = http_get("/guarded", {cookie});
  Crowd crowd(site.port());
  std::vector<std::size_t> answers(2 * kClients);  // the first half logs in
  for (std::size_t i = 0; i < 2 * kClients; ++i) {
    crowd.send(crowd.add(), i < kClients ? login : verification);
  }
  // Both floods last until each client of either has been answered often enough.
  const auto is_over = [&] {
    const auto middle = answers.begin() + kClients;
    return *std::min_element(answers.begin(), middle) >= 2 &&
           *std::min_element(middle, answers.end()) >= 50;
  };
  std::vector<std::string> complaints;
  crowd.run([&](Crowd::Client client, const Answer& answer) {
    ++answers[client];
    if (answer.status != 200) complaints.push_back(std::to_string(answer.status) + answer.body);
    if (!is_over()) crowd.send(client, client < kClients ? login : verification);
  });
  CHECK(complaints == std::vector<std::string>());
  CHECK(crowd.complaints() == std::vector<std::string>());
}
