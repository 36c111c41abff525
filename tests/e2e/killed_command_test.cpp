// Commands that are killed (kill -9) in the middle: what they had to do is done, or not at all, or
// goes on where it was.
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <thread>

#include "http/response.h"
#include "support/catch.h"
#include "support/site_with_bin.h"
#include "support/snapshot.h"

namespace userbin::test {

namespace {

constexpr int kKills = 50;
constexpr int kFinishEvery = 5;
/// Of "tuesday grows heavy", by `openssl passwd -apr1`.
constexpr const char* kHash = "$apr1$saltsalt$922uWJdIE4a29vBJWo4gb.";

/// A store in a file, and commands on it that are killed at random moments.
class Victim {
 public:
  unsigned seed() const { return seed_; }
  std::string file(const std::string& name) const { return folder_.file(name); }
  std::string store() const { return file("users.db"); }

  std::vector<std::string> on_store(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), userbin_program());
    arguments.push_back("--store=" + store());
    arguments.insert(arguments.end(), kCheapHashing.begin(), kCheapHashing.end());
    return arguments;
  }

  /// Puts so many users into it.
  void import(int count) const {
    const Finished done = run_command(import_command(count));
    REQUIRE(done.status == 0);
  }
  std::vector<std::string> import_command(int count) const {
    std::string list;
    for (int i = 0; i < count; ++i) list += "user" + std::to_string(i) + ':' + kHash + '\n';
    write_file(file("list"), list);
    return on_store({"import", "--format=htpasswd", file("list")});
  }

  /// What is in the store now is what restore() brings back.
  void keep() const { copy(store(), file("kept.db")); }
  void restore() const { copy(file("kept.db"), store()); }

  /// Runs it to its end, to see how long it takes.
  void rehearse(const std::vector<std::string>& command) {
    const auto began = std::chrono::steady_clock::now();
    const Finished done = run_command(command);
    INFO(done.output);
    REQUIRE(done.status == 0);
    whole_ = std::chrono::steady_clock::now() - began;
  }
  /// Kills it somewhere in that time.
  void kill(const std::vector<std::string>& command) {
    std::uniform_real_distribution<double> part(0, 1);
    Process process(command);
    const auto end = std::chrono::steady_clock::now() + whole_ * part(random_);
    while (process.is_running() && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::microseconds{200});
    }
    process.signal(SIGKILL);
    process.wait();
  }

  /// It is whole; how many users there are.
  static std::size_t count_users(const std::string& store) {
    const Snapshot snapshot = read_snapshot(store);
    CHECK(snapshot.flaws == std::vector<std::string>());
    return snapshot.users.size();
  }

 private:
  static void copy(const std::string& from, const std::string& to) {
    for (const char* suffix : {"", "-wal", "-shm"}) {
      std::filesystem::remove(to + suffix);
      if (!std::filesystem::exists(from + suffix)) continue;
      std::filesystem::copy_file(from + suffix, to + suffix);
    }
  }

  TemporaryFolder folder_;
  const unsigned seed_ = std::getenv("USERBIN_TEST_SEED") != nullptr
                             ? static_cast<unsigned>(std::atoi(std::getenv("USERBIN_TEST_SEED")))
                             : std::random_device{}();
  std::minstd_rand random_{seed_};
  std::chrono::duration<double> whole_{};
};

std::vector<std::string> with(std::vector<std::string> command,
                              const std::vector<std::string>& more) {
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

std::size_t count_editors(const std::map<std::string, Json::Value>& records) {
  std::size_t count = 0;
  for (const auto& [name, record] : records) count += record["role"] == "editor" ? 1U : 0U;
  return count;
}

}  // namespace

TEST_CASE("an import that is killed has taken over everybody or nobody", "[sqlite]") {
  constexpr int kUsers = 2000;
  Victim victim;
  CAPTURE(victim.seed());
  victim.import(1);
  victim.keep();
  const auto command = victim.import_command(kUsers);
  victim.rehearse(command);
  for (int i = 0; i < kKills; ++i) {
    victim.restore();
    victim.kill(command);
    const std::size_t users = Victim::count_users(victim.store());
    CHECK((users == 1 || users == kUsers));
  }
  CHECK(run_command(command).status == 0);
  CHECK(Victim::count_users(victim.store()) == kUsers);
}

TEST_CASE("a copy of a store that is killed goes on, again and again, to its end", "[sqlite]") {
  constexpr int kUsers = 2000;
  Victim victim;
  CAPTURE(victim.seed());
  victim.import(kUsers);
  const auto to = [&](int number) { return victim.file("copy" + std::to_string(number)); };
  const auto command = [&](int number) {
    return std::vector<std::string>{userbin_program(), "store", "copy",    "--from",
                                    victim.store(),    "--to",  to(number)};
  };
  victim.rehearse(command(0));
  for (int i = 1; i <= kKills / kFinishEvery; ++i) {
    for (int j = 0; j < kFinishEvery; ++j) {
      victim.kill(command(i));
      if (std::filesystem::exists(to(i))) CHECK(Victim::count_users(to(i)) <= kUsers);
    }
    Finished done = run_command(command(i));
    // One of those that were to be killed has ended before.
    const bool is_there = done.output.find("there are users in") != std::string::npos;
    if (is_there) done = run_command(with(command(i), {"--replace"}));
    INFO(done.output);
    CHECK(done.status == 0);
    CHECK(Victim::count_users(to(i)) == kUsers);
  }
}

TEST_CASE("a push that is killed leaves a whole list in the bin, and the next ends it",
          "[sqlite]") {
  constexpr int kUsers = 200;
  const Emulator service;
  const std::string bin = service.create_bin("[]");
  Victim victim;
  CAPTURE(victim.seed());
  victim.import(kUsers);
  victim.keep();
  const auto command = with(victim.on_store({"bin", "push"}), bin_flags(service, bin));
  victim.rehearse(command);
  for (int i = 1; i <= kKills; ++i) {
    victim.restore();
    service.set_bin(bin, "[]");
    victim.kill(command);
    CHECK(Victim::count_users(victim.store()) == kUsers);
    const Json::Value document = SiteWithBin::json_in(service.bin(bin));
    CHECK((document == Json::Value(Json::arrayValue) || document.size() == kUsers));
    if (i % kFinishEvery != 0) continue;
    CHECK(run_command(command).status == 0);
    CHECK(read_bin_state(victim.store()).pending == 0);
    CHECK(names_in(SiteWithBin::json_in(service.bin(bin))).size() == kUsers);
  }
}

TEST_CASE("a pull that is killed has taken over users as a whole, and the next takes the rest",
          "[sqlite]") {
  constexpr int kUsers = 200;
  const Emulator service;
  const std::string bin = service.create_bin("[]");
  Victim victim;
  CAPTURE(victim.seed());
  victim.import(kUsers);
  const auto flags = bin_flags(service, bin);
  REQUIRE(run_command(with(victim.on_store({"bin", "push"}), flags)).status == 0);
  victim.keep();
  Json::Value edited = SiteWithBin::json_in(service.bin(bin));
  for (Json::Value& user : edited) user["role"] = "editor";
  service.set_bin(bin, http::to_json(edited));
  const auto command = with(victim.on_store({"bin", "pull"}), flags);
  victim.rehearse(command);
  for (int i = 1; i <= kKills; ++i) {
    victim.restore();
    victim.kill(command);
    CHECK(Victim::count_users(victim.store()) == kUsers);
    CHECK(SiteWithBin::json_in(service.bin(bin)) == edited);
    if (i % kFinishEvery != 0) continue;
    CHECK(run_command(command).status == 0);
    CHECK(count_editors(read_bin_state(victim.store()).records) == kUsers);
  }
}

}  // namespace userbin::test
