// Bad requests a thousand times over, beside good ones: the worker does not notice.
#include <algorithm>
#include <atomic>
#include <sstream>
#include <thread>

#include "support/bad_requests.h"
#include "support/catch.h"
#include "support/machine.h"
#include "support/site.h"

namespace userbin::test {

namespace {

constexpr int kRounds = 1000;
/// What is only large teaches no more after so many.
constexpr int kLargeRounds = 10;
constexpr std::size_t kLarge = 1'000'000;
constexpr int kThreads = 2;
constexpr const char* kPassword = "tuesday grows heavy";
/// Above what it was after a tenth of the rounds.
constexpr std::size_t kMoreKibibytes = 4096;
/// Those that nginx keeps, which are more or fewer at different times.
constexpr std::size_t kMoreDescriptors = 32;
constexpr std::size_t kMostBytesInLine = 1024;

/// One thread's share of all bad requests, and good ones between.
class Poisoner {
 public:
  explicit Poisoner(const Site& site)
      : site_(site), bad_(site.url()), good_(site.url()), requests_(bad_requests()) {
    const auto odd = odd_requests();
    requests_.insert(requests_.end(), odd.begin(), odd.end());
    login();
    ada_ = token_of("ada");
    for (const auto& refused :
         {refused_requests_of_user(ada_), refused_requests_of_admin(token_of("boss"), "ada")}) {
      requests_.insert(requests_.end(), refused.begin(), refused.end());
    }
  }

  void poison(int round) {
    for (std::size_t i = 0; i < std::max(requests_.size(), records_.size()); ++i) {
      if (i < requests_.size()) send(requests_[i], round);
      if (i < records_.size()) break_off(records_[i], i);
      if (i % 8 == 0) expect(good_.get("/me").json()["username"] == "ada", "a good session");
    }
    verify(round);
    leave_half_sent(round);
    if (round % 20 == 0) login();
  }

  /// Sent by HTTP, bad or good.
  std::size_t sent() const { return sent_; }
  const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  void send(const BadRequest& bad, int round) {
    if (bad.call.body.size() > kLarge && round >= kLargeRounds) return;
    bad_.forget_cookies();
    const Answer answer = bad_.send(bad.call);
    ++sent_;
    const bool is_refused = answer.status >= 400 && answer.status < 500;
    const bool is_right = bad.status == 0 ? is_refused : answer.status == bad.status;
    expect(is_right, bad.what + (": " + std::to_string(answer.status)));
  }

  /// What nginx asks, with things in it that it does not send.
  void verify(int round) {
    const std::string odd(static_cast<std::size_t>(round), '\xFF');
    RawConnection connection(site_.socket());
    connection.send(fastcgi_request({{"REQUEST_METHOD", round % 2 == 0 ? "GET" : "\x01POST"},
                                     {"DOCUMENT_URI", "/verify"},
                                     {"HTTP_AUTHORIZATION", "Bearer " + ada_ + odd},
                                     {"HTTP_COOKIE", "userbin=" + odd},
                                     {"REMOTE_ADDR", odd},
                                     {"USERBIN_ROLES", odd + ",,"}},
                                    odd, false));
    const std::string answer = connection.read_answer().value_or("");
    const bool is_let_in = answer.starts_with("Status: 200");
    expect(!is_let_in || round == 0, "an odd verification: " + answer);
    expect(!answer.starts_with("Status: 5"), "a verification: " + answer);
    ++sent_;
  }

  std::string token_of(const std::string& name) {
    ++sent_;
    HttpClient client(site_.url());
    const Answer answer =
        client.post_json("/login", R"({"username":")" + name + R"(","password":")" + kPassword +
                                       R"(","token":true})");
    expect(answer.status == 200, "a login for a token");
    return answer.json()["token"].asString();
  }

  void break_off(const std::string& records, std::size_t number) {
    RawConnection connection(site_.socket());
    connection.send(records);
    expect(connection.is_closed(), "broken records " + std::to_string(number));
  }

  void leave_half_sent(int round) {
    const std::string body = credentials("mallory", "seven green lanterns");
    const std::string request = fastcgi_request({{"REQUEST_METHOD", "POST"},
                                                 {"DOCUMENT_URI", "/register"},
                                                 {"CONTENT_TYPE", "application/json"},
                                                 {"CONTENT_LENGTH", std::to_string(body.size())}},
                                                body, true);
    RawConnection(site_.socket())
        .send(request.substr(0, static_cast<std::size_t>(round) % request.size()));
  }

  void login() {
    expect(good_.post_json("/login", credentials("ada", kPassword)).status == 200, "a login");
    sent_ += 1;
  }

  void expect(bool holds, const std::string& what) {
    if (!holds && complaints_.size() < 10) complaints_.push_back(what);
  }

  const Site& site_;
  HttpClient bad_;
  HttpClient good_;
  std::string ada_;
  std::vector<BadRequest> requests_;
  const std::vector<std::string> records_ = broken_records();
  std::size_t sent_ = 0;
  std::vector<std::string> complaints_;
};

/// Does the rounds from `first` up to `end`, on all threads.
void poison(std::vector<std::unique_ptr<Poisoner>>& poisoners, int first, int end) {
  std::atomic<int> next = first;
  std::vector<std::jthread> threads;
  for (const auto& poisoner : poisoners) {
    threads.emplace_back([&] {
      for (int round = next++; round < end; round = next++) poisoner->poison(round);
    });
  }
}

}  // namespace

TEST_CASE("a thousand of each bad request: same process, same memory, good ones answered between") {
  std::vector<std::string> flags = kCheapHashing;
  flags.emplace_back("--audit-log=off");
  Site site({.worker_flags = flags});
  REQUIRE(HttpClient(site.url()).post_json("/register", credentials("ada", kPassword)).status ==
          200);
  std::vector<std::string> add = {userbin_program(),        "user", "add", "boss", "--role=admin",
                                  "--store=" + site.store()};
  add.insert(add.end(), kCheapHashing.begin(), kCheapHashing.end());
  REQUIRE(run_command(add, kPassword).status == 0);
  std::vector<std::unique_ptr<Poisoner>> poisoners;
  for (int i = 0; i < kThreads; ++i) poisoners.push_back(std::make_unique<Poisoner>(site));

  poison(poisoners, 0, kRounds / 10);
  const std::size_t memory = memory_kib(site.worker().pid(), "VmRSS");
  const std::size_t open = open_descriptors(site.worker().pid());
  poison(poisoners, kRounds / 10, kRounds);
  CHECK(site.worker().is_running());
  if (!kIsSanitized) CHECK(memory_kib(site.worker().pid(), "VmRSS") <= memory + kMoreKibibytes);
  wait_until("connections are closed",
             [&] { return open_descriptors(site.worker().pid()) <= open + kMoreDescriptors; });

  std::size_t sent = 0;
  for (const auto& poisoner : poisoners) {
    CHECK(poisoner->complaints() == std::vector<std::string>());
    sent += poisoner->sent();
  }
  const std::string log = site.log();
  std::size_t lines = 0, longest = 0;
  std::istringstream text(log);
  for (std::string line; std::getline(text, line); ++lines)
    longest = std::max(longest, line.size());
  constexpr std::size_t kLinesOfStart = 10;
  CHECK(lines <= sent + kLinesOfStart);
  CHECK(longest <= kMostBytesInLine);
  CHECK(std::none_of(log.begin(), log.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7F;
  }));
  const std::string users =
      run_command({userbin_program(), "user", "list", "--json", "--store=" + site.store()}).output;
  Answer listed;
  listed.body = users;
  CHECK(listed.json().size() == 2);
  HttpClient client(site.url());
  const Answer ada = client.post_json("/login", credentials("ada", kPassword));
  CHECK(ada.status == 200);
  CHECK(client.get("/me").json()["role"] == "user");
  for (const char* name : {"mallory", "bob"}) {
    CHECK(client.post_json("/login", credentials(name, "seven green lanterns")).status == 401);
  }
}

}  // namespace userbin::test
