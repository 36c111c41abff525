// Any allocation may fail, anywhere in the worker and in its libraries, while people go about: no
// answer is a lie, what was answered is in the store, and the worker lives.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "support/faults.h"

namespace userbin::test {

namespace {

constexpr int kPeople = 4;
constexpr int kRounds = 100;
constexpr const char* kOther = "eleven blue lanterns";

std::string library() {
  return std::filesystem::path(userbin_program()).replace_filename("failing_malloc.so");
}

/// The file that says how many allocations fail.
class Scarcity {
 public:
  Scarcity() { set(0); }
  const std::string& path() const { return path_; }
  /// One in `n` fails; 0: none.
  void set(std::uint32_t n) const {
    std::ofstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
    if (!file) file.open(path_, std::ios::binary);
    file.write(reinterpret_cast<const char*>(&n), sizeof n);
  }

 private:
  const TemporaryFolder folder_;
  const std::string path_ = folder_.file("one-in");
};

/// What the answers said. Any thread may call.
class Heard {
 public:
  /// The answer's status; 503 if there was no memory.
  int note(const std::string& what, const Answer& answer, const std::set<int>& expected) {
    const std::lock_guard lock(mutex_);
    const bool is_refused = answer.status == 503 && !answer.header("Retry-After").empty() &&
                            (answer.code() == "overloaded" || answer.code() == "store_unavailable");
    if (is_refused) ++refused_;
    const bool is_right = expected.count(answer.status) > 0 && answer.json().isObject();
    if (!is_refused && !is_right) {
      odd_.insert(what + ": " + std::to_string(answer.status) + ' ' + answer.body);
    }
    return answer.status;
  }
  /// The passwords of which one is this user's.
  void note_user(const std::string& name, const std::set<std::string>& passwords) {
    const std::lock_guard lock(mutex_);
    passwords_[name] = passwords;
  }
  void note_signed_out(const std::string& token) {
    const std::lock_guard lock(mutex_);
    signed_out_.insert(token);
  }

  // Once all are done:
  const std::set<std::string>& odd() const { return odd_; }
  int refused() const { return refused_; }
  const std::map<std::string, std::set<std::string>>& passwords() const { return passwords_; }
  const std::set<std::string>& signed_out() const { return signed_out_; }

 private:
  std::mutex mutex_;
  // Guarded by mutex_:
  std::set<std::string> odd_;
  int refused_ = 0;
  std::map<std::string, std::set<std::string>> passwords_;
  std::set<std::string> signed_out_;
};

/// Registers, logs in, looks about, changes the password and logs out.
void live(const Site& site, const std::string& name, Heard& heard) {
  if (heard.note("register", register_at(site, name), {200}) != 200) return;
  heard.note_user(name, {kPassword});
  const Answer login = log_in_at(site, name);
  if (heard.note("log in", login, {200}) != 200) return;
  const std::string token = login.json()["token"].asString();
  const std::vector<std::string> bearer = {"Authorization: Bearer " + token};
  HttpClient client(site.url());
  const Answer me = client.get("/me", bearer);
  if (heard.note("me", me, {200}) == 200 && me.json()["username"] != name) {
    heard.note("somebody else", me, {});
  }
  heard.note("sessions", client.get("/me/sessions", bearer), {200});
  heard.note("the list of users", client.get("/users", bearer), {403});
  const std::string passwords = std::string(R"({"current_password": ")") + kPassword +
                                R"(", "new_password": ")" + kOther + "\"}";
  const int changed =
      heard.note("password", client.post_json("/me/password", passwords, bearer), {200});
  heard.note_user(name, changed == 200 ? std::set<std::string>{kOther}
                                       : std::set<std::string>{kPassword, kOther});
  if (heard.note("log out", client.post_json("/logout", "{}", bearer), {200}) == 200) {
    heard.note_signed_out(token);
  }
}

}  // namespace

TEST_CASE("whatever allocation fails, no answer is a lie, nothing is lost, and the worker lives",
          "[sqlite]") {
  if (kIsSanitized) {
    WARN("a sanitizer's memory is its own: not tested");
    return;
  }
  const Scarcity scarcity;
  // Counted, but not held off.
  Site::Options options =
      with_flags({"--login-failures=1000", "--failures-per-account=1000000",
                  "--logins-per-client=1000000", "--registrations-per-client=1000000"});
  options.worker_environment = {"LD_PRELOAD=" + library(),
                                "USERBIN_TEST_MALLOC=" + scarcity.path()};
  Site site(options);
  const std::string ada = newcomer_at(site, "ada");
  Heard heard;
  scarcity.set(1000);
  std::vector<std::jthread> people;
  for (int person = 0; person < kPeople; ++person) {
    people.emplace_back([&, person] {
      for (int round = 0; round < kRounds; ++round) {
        live(site, "p" + std::to_string(person) + "x" + std::to_string(round), heard);
      }
    });
  }
  people.clear();
  scarcity.set(0);

  CAPTURE(site.log());
  REQUIRE(site.worker().is_running());
  CHECK(heard.odd() == std::set<std::string>());
  CHECK(heard.refused() > 0);
  wait_until("the worker is ready again", [&] { return status_of(site, "/readyz") == 200; });
  CHECK(heard.passwords().size() > kRounds);
  for (const auto& user : heard.passwords()) {
    const std::string& name = user.first;  // clang's lambdas take no structured binding
    const std::set<std::string>& passwords = user.second;
    CAPTURE(name, passwords);
    CHECK(std::any_of(passwords.begin(), passwords.end(), [&](const std::string& password) {
      return log_in_at(site, name, password).status == 200;
    }));
  }
  for (const std::string& token : heard.signed_out()) CHECK(verified(site, token) == 401);
  const Finished flaws =
      run_command({"sqlite3", site.store(),
                   "PRAGMA integrity_check; SELECT name FROM users WHERE NOT json_valid(record)"});
  CHECK(flaws.output == "ok\n");
  check_is_well(site, "ada", "newcomer");
  CHECK(verified(site, ada) == 200);
}

}  // namespace userbin::test
