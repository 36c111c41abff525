// The worker is killed (kill -9) a thousand times in the middle of everything that it writes; what
// it answered is there afterwards, and what it did not answer is there as a whole or not at all.
#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <thread>

#include "base/json.h"
#include "base/unique_fd.h"
#include "support/catch.h"
#include "support/machine.h"
#include "support/owner.h"
#include "support/restless_user.h"

namespace userbin::test {

namespace {

/// Of all lanes; USERBIN_TEST_KILLS and USERBIN_TEST_SEED set others.
constexpr unsigned kKills = kIsSanitized ? 100 : 1000;  // a start takes many times as long
/// Of so many some are at a system call, and some in the middle of a change.
constexpr unsigned kEnoughKills = 100;
constexpr unsigned kKillsOnPostgres = 50;
/// So often at least each kind of deed is unanswered in a thousand kills. The rarest is so some
/// fifty times; were it 25, fewer than three would come once in 200 million runs.
constexpr unsigned kFewestStruck = 3;
constexpr unsigned kLanes = 2;
constexpr int kUsers = 6;
/// Each of so many times it dies by a system call, to which strace leads it at a third of the pace.
constexpr unsigned kStrikeEvery = 6;
/// Each of so many other times it dies as soon as it is seen to hold the lock for a change.
constexpr unsigned kCatchEvery = 2;
/// Each of so many times the worker first gets the time to bring the bin into step.
constexpr unsigned kCatchUpEvery = 20;
/// Each of so many times it lives for longer than a second, when it writes who is held off.
constexpr unsigned kLongLifeEvery = 100;

unsigned number_from_environment(const char* name, unsigned otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? static_cast<unsigned>(std::stoul(text)) : otherwise;
}

/// When and how the worker dies.
struct Blow {
  /// strace kills it as it makes this system call for the nth time on one thread; empty: not so.
  std::string system_call;
  unsigned nth = 0;
  /// Otherwise, and at the latest, it is killed after so many answers and so much time.
  int answers = 0;
  std::chrono::microseconds pause{0};
  /// It is killed earlier if it is in the middle of a change.
  bool is_for_change = false;
};

Blow draw_blow(std::minstd_rand& random, unsigned round) {
  if (round % kLongLifeEvery == kLongLifeEvery - 1) {
    return {.answers = 1, .pause = std::chrono::microseconds(990'000 + random() % 50'000)};
  }
  if (random() % kStrikeEvery != 0) {
    const auto answers = static_cast<int>(random() % 30);
    if (random() % kCatchEvery == 0) {
      return {.answers = answers, .pause = std::chrono::milliseconds(50), .is_for_change = true};
    }
    return {.answers = answers, .pause = std::chrono::microseconds(random() % 5'000)};
  }
  struct Call {
    const char* name;
    unsigned most;
  };
  static constexpr std::array kOnFile{Call{"pwrite64", 60}, Call{"fdatasync", 15},
                                      Call{"sendto", 6}, Call{"write", 60}};
  static constexpr std::array kOnPostgres{Call{"sendto", 60}, Call{"recvfrom", 120},
                                          Call{"write", 60}, Call{"sendto", 120}};
  const Call call = (is_on_postgres() ? kOnPostgres : kOnFile)[random() % kOnFile.size()];
  return {.system_call = call.name,
          .nth = 1 + static_cast<unsigned>(random() % call.most),
          .answers = 40};
}

/// Tells whether a program is in the middle of a change to a SQLite file, by the lock for it.
class ChangeSpy {
 public:
  explicit ChangeSpy(const std::string& store)
      : index_(::open((store + "-shm").c_str(), O_RDWR | O_CLOEXEC)) {}

  bool sees_change() const {
    constexpr off_t kWriteLock = 120;  // WAL_WRITE_LOCK in SQLite's os_unix.c
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = kWriteLock;
    lock.l_len = 1;
    return index_ && ::fcntl(index_.get(), F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  }

 private:
  const base::UniqueFd index_;
};

/// One worker and its store, its bin and those who use it. Used by one thread.
class Lane {
 public:
  Lane(unsigned number, unsigned seed, const Emulator& service, Complaints& complaints)
      : random_(seed + number * 7919),
        service_(service),
        bin_(service.create_bin("[]")),
        complaints_(complaints),
        can_trace_(can_trace()) {
    if (is_on_postgres()) place_ = std::make_unique<PostgresPlace>();
    for (int i = 0; i < kUsers; ++i) {
      users_.push_back(
          std::make_unique<RestlessUser>(i, static_cast<unsigned>(random_()), complaints));
    }
  }

  /// From the thread that kills.
  void prepare() {
    for (int i = 0; i < kUsers; ++i) {
      std::vector<std::string> command = {
          userbin_program(),           "user",         "add",
          RestlessUser::admin_name(i), "--role=admin", "--store=" + store()};
      command.insert(command.end(), kCheapHashing.begin(), kCheapHashing.end());
      const Finished added = run_command(command, RestlessUser::kPassword);
      if (added.status != 0) throw std::runtime_error(added.output);
    }
    start({});
    for (const auto& user : users_) user->prepare(socket());
    end();
  }

  void kill(unsigned times) {
    for (unsigned round = 0; round < times && complaints_.all().empty(); ++round) {
      if (round % kCatchUpEvery == kCatchUpEvery - 1) {
        catch_up();
        edit_bin();
      }
      const Blow blow = draw_blow(random_, round);
      last_ = "after kill " + std::to_string(round) + ' ' + blow.system_call + ' ' +
              std::to_string(blow.nth);
      live_and_die(blow);
      compare();
    }
    catch_up();
  }

  const std::string& last() const { return last_; }
  /// How many died by a system call.
  unsigned struck() const { return struck_; }
  /// How many others died while they held the lock for a change.
  unsigned caught() const { return caught_; }
  void add_to(Tally& tally) const {
    for (const auto& user : users_) {
      for (const auto& [kind, fates] : user->tally()) {
        tally[kind].not_done += fates.not_done;
        tally[kind].half_done += fates.half_done;
        tally[kind].done += fates.done;
      }
    }
  }
  int answered() const {
    int count = 0;
    for (const auto& user : users_) count += user->answered();
    return count;
  }

 private:
  std::string socket() const { return folder_.file("socket"); }
  std::string store() const { return place_ ? place_->url() : folder_.file("userbin.db"); }
  std::string log() const { return folder_.file("log"); }

  /// False if it has died before it listens.
  bool start(const Blow& blow) {
    std::vector<std::string> command;
    if (!blow.system_call.empty() && can_trace_) {
      command =
          strace_injecting(blow.system_call + ":signal=KILL:when=" + std::to_string(blow.nth));
    }
    const std::vector<std::string> serve = {userbin_program(),
                                            "serve",
                                            "--listen=unix:" + socket(),
                                            "--store=" + store(),
                                            "--cache-ttl=0ms",
                                            "--registration=approval",
                                            "--bin-delay=0s",
                                            "--bin-wait=" + std::to_string(random_() % 500) + "ms"};
    // A login renews a hash of another cost than this life's.
    const std::string passes = "--hash-passes=" + std::to_string(1 + random_() % 2);
    command.insert(command.end(), serve.begin(), serve.end());
    // Wrong passwords are counted, and hold nobody off.
    for (const auto& flags : {bin_flags(service_, bin_),
                              kCheapHashing,
                              kNoThrottle,
                              {"--login-failures=1000", passes}}) {
      command.insert(command.end(), flags.begin(), flags.end());
    }
    std::filesystem::remove(socket());
    std::filesystem::remove(log());
    worker_ = std::make_unique<Process>(command, Process::Options{.output_file = log()});
    bool is_running = true;
    wait_until("the worker listens", [&] {
      is_running = worker_->is_running();
      return !is_running || read_file(log()).find(" serves on ") != std::string::npos;
    });
    if (!is_running && worker_->wait() != 128 + SIGKILL) complaints_.add(read_file(log()));
    return is_running;
  }

  void end() {
    worker_->signal(SIGKILL);
    worker_->wait();
  }

  void live_and_die(const Blow& blow) {
    if (!start(blow)) {
      ++struck_;
      return;
    }
    std::atomic<int> answers = 0;
    std::atomic<int> working = kUsers;
    std::vector<std::jthread> threads;
    for (const auto& user : users_) {
      threads.emplace_back([&] {
        if (user->connect(socket())) {
          while (user->act()) ++answers;
        }
        --working;
      });
    }
    const auto is_over = [&] { return working == 0; };
    const auto look_again = [] { std::this_thread::sleep_for(std::chrono::microseconds{200}); };
    while (answers < blow.answers && !is_over()) look_again();
    const ChangeSpy spy(is_on_postgres() ? "" : store());
    const auto last_moment = std::chrono::steady_clock::now() + blow.pause;
    while (std::chrono::steady_clock::now() < last_moment && !is_over()) {
      if (!blow.is_for_change) {
        look_again();
      } else if (spy.sees_change()) {
        break;
      }
    }
    if (is_over() && can_trace_ && !blow.system_call.empty()) ++struck_;
    worker_->signal(SIGKILL);
    // It has not gone on since.
    if (spy.sees_change()) ++caught_;
    worker_->wait();
    threads.clear();
    if (worker_->wait() != 128 + SIGKILL)
      complaints_.add("it ended by itself: " + read_file(log()));
  }

  void compare() {
    const std::string document = service_.bin(bin_);
    const Snapshot snapshot = read_snapshot(store());
    for (const std::string& flaw : snapshot.flaws) complaints_.add(flaw);
    const Json::Value bin = SiteWithBin::json_in(document);
    if (!bin.isArray()) complaints_.add("the bin holds " + document);
    for (const auto& user : users_) {
      user->compare(snapshot);
      user->compare(bin);
    }
  }

  /// Left alone, the worker brings the bin into step.
  void catch_up() {
    if (!start({})) return complaints_.add("the worker does not start");
    BinState state;
    wait_until("the bin is in step", [&] {
      state = read_bin_state(store());
      return state.pending == 0 && records_in(service_.bin(bin_)) == state.records;
    });
    for (const auto& user : users_) user->note_in_step();
    end();
  }

  void edit_bin() {
    Json::Value document = SiteWithBin::json_in(service_.bin(bin_));
    for (const auto& user : users_) user->edit(document);
    service_.set_bin(bin_, base::to_json(document));
  }

  static std::map<std::string, Json::Value> records_in(const std::string& document) {
    std::map<std::string, Json::Value> records;
    for (const Json::Value& element : SiteWithBin::json_in(document)) {
      records[element["username"].asString()] = element;
    }
    return records;
  }

  std::minstd_rand random_;
  const Emulator& service_;
  const std::string bin_;
  Complaints& complaints_;
  const bool can_trace_;
  TemporaryFolder folder_;
  std::unique_ptr<PostgresPlace> place_;
  std::vector<std::unique_ptr<RestlessUser>> users_;
  std::unique_ptr<Process> worker_;
  std::string last_;
  unsigned struck_ = 0;
  unsigned caught_ = 0;
};

void print(const Tally& tally) {
  for (const auto& [kind, fates] : tally) {
    WARN(kind << ": " << fates.all() << " unanswered, of which " << fates.done << " done, "
              << fates.half_done << " half, " << fates.not_done << " not");
  }
}

}  // namespace

TEST_CASE("a worker killed a thousand times keeps what it answered, in the store and in the bin") {
  const unsigned seed = number_from_environment("USERBIN_TEST_SEED", std::random_device{}());
  const unsigned kills =
      number_from_environment("USERBIN_TEST_KILLS", is_on_postgres() ? kKillsOnPostgres : kKills);
  CAPTURE(seed);
  if (!can_trace()) WARN("strace can trace nothing here: no kill is at a certain system call");
  const Emulator service;
  Complaints complaints;
  std::vector<std::unique_ptr<Lane>> lanes;
  for (unsigned i = 0; i < kLanes; ++i) {
    lanes.push_back(std::make_unique<Lane>(i, seed, service, complaints));
  }
  std::vector<std::thread> threads;
  for (const auto& lane : lanes) {
    threads.emplace_back([&] {
      try {
        lane->prepare();
        lane->kill(kills / kLanes);
      } catch (const std::exception& error) {
        complaints.add(error.what());
      }
      if (!complaints.all().empty()) complaints.add(lane->last());
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(complaints.all() == std::vector<std::string>());
  Tally tally;
  unsigned struck = 0, caught = 0;
  for (const auto& lane : lanes) {
    CHECK(lane->answered() > 0);
    lane->add_to(tally);
    struck += lane->struck();
    caught += lane->caught();
  }
  if (kills >= kEnoughKills) {
    if (can_trace()) CHECK(struck > 0);
    if (!is_on_postgres()) CHECK(caught > 0);
  }
  if (kills >= kKills && !kIsSanitized && !is_on_postgres()) {
    CHECK(tally.size() == RestlessUser::kKinds);
    for (const auto& [kind, fates] : tally) {
      CAPTURE(kind);
      CHECK(fates.all() >= kFewestStruck);
    }
  }
  if (std::getenv("USERBIN_TEST_KILLS") != nullptr) {
    for (const auto& lane : lanes) WARN(lane->answered() << " answers");
    WARN(struck << " kills at a system call, " << caught << " others in the middle of a change");
    print(tally);
  }
}

}  // namespace userbin::test
