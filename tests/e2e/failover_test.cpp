// Three workers, nginx, a PostgreSQL and its synchronous standby, each a machine of its own: what
// was answered 200 is there whatever dies, and the rest goes on by itself.
#include <atomic>
#include <csignal>
#include <set>
#include <thread>

#include <soci/postgresql/soci-postgresql.h>

#include "support/catch.h"
#include "support/http_client.h"
#include "support/network.h"
#include "support/postgres.h"
#include "support/site.h"

namespace userbin::test {

namespace {

constexpr int kPrimary = 1;
constexpr int kStandby = 2;
constexpr int kWorkers[] = {11, 12, 13};
constexpr int kNginx = 21;
constexpr int kClient = 31;
constexpr int kThreads = 8;
/// So that they do not run through the users while the database is away.
constexpr std::chrono::milliseconds kPauseAfterRefusal{250};
constexpr const char* kPassword = "tuesday grows heavy";

/// A database server on a machine of its own.
class Server {
 public:
  Server(const Network& network, int machine, const std::string& folder)
      : network_(network), machine_(machine), folder_(folder) {}

  void make() const {
    give_to_postgres(folder_);
    must(as_postgres({postgres_program("initdb"), "-D", data(), "--username=userbin",
                      "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"}));
    write_file(data() + "/pg_hba.conf",
               "local all all trust\nhost all all 10.9.0.0/24 trust\n"
               "host replication all 10.9.0.0/24 trust\n");
  }
  void copy_from(int primary) const {
    give_to_postgres(folder_);
    const std::string where =
        "host=" + Network::address(primary) + " user=userbin application_name=standby";
    must(network_.on(machine_,
                     as_postgres({postgres_program("pg_basebackup"), "-D", data(), "-R", "-X",
                                  "stream", "-c", "fast", "--no-sync", "-d", where})));
  }
  void start(const std::vector<std::string>& settings) {
    std::vector<std::string> command = {postgres_program("postgres"), "-D", data()};
    for (const std::string& setting : settings) command.insert(command.end(), {"-c", setting});
    for (const std::string& setting :
         {std::string("listen_addresses=*"), "unix_socket_directories=" + folder_,
          std::string("max_connections=100")}) {
      command.insert(command.end(), {"-c", setting});
    }
    process_ = std::make_unique<Process>(network_.on(machine_, as_postgres(command)),
                                         Process::Options{.output_file = folder_ + "/log"});
    wait_until("the server answers", [&] {
      if (!process_->is_running()) throw std::runtime_error(read_file(folder_ + "/log"));
      return ask("SELECT 1") == "1";
    });
  }
  /// The first value; empty if there is no answer.
  std::string ask(const std::string& sql) const {
    std::string value;
    try {
      soci::session session(soci::postgresql, "postgresql://userbin@/postgres?host=" + folder_);
      session << sql, soci::into(value);
    } catch (const soci::soci_error&) {
      return "";
    }
    return value;
  }
  Process& process() { return *process_; }

 private:
  static void must(const std::vector<std::string>& command) {
    const Finished done = run_command(command);
    if (done.status != 0) throw std::runtime_error(done.output);
  }
  std::string data() const { return folder_ + "/data"; }

  const Network& network_;
  const int machine_;
  const std::string folder_;
  std::unique_ptr<Process> process_;
};

/// The whole, up and running.
class Cluster {
 public:
  Cluster() {
    for (const int machine : {kPrimary, kStandby, kNginx, kClient}) network.add(machine);
    for (const int machine : kWorkers) network.add(machine);
    primary.make();
    primary.start({"synchronous_standby_names=standby"});
    standby.copy_from(kPrimary);
    standby.start({});
    wait_until("the standby is synchronous", [&] {
      return primary.ask("SELECT COALESCE(MAX(sync_state), '') FROM pg_stat_replication") == "sync";
    });
    for (const int machine : kWorkers) start_worker(machine);
    start_nginx();
  }
  ~Cluster() {
    if (nginx_) nginx_->signal(SIGTERM);
    if (nginx_) nginx_->wait();
  }

  void start_worker(int machine) {
    const std::string log = folder.file("worker" + std::to_string(machine) + ".log");
    std::vector<std::string> command = {
        userbin_program(), "serve", "--listen=" + Network::address(machine) + ":9000",
        "--store=postgresql://userbin@" + Network::address(kPrimary) + "," +
            Network::address(kStandby) + "/postgres"};
    command.insert(command.end(), kNoThrottle.begin(), kNoThrottle.end());
    command.insert(command.end(), kCheapHashing.begin(), kCheapHashing.end());
    const std::size_t before = read_file(log).size();
    workers[machine] = std::make_unique<Process>(network.on(machine, command),
                                                 Process::Options{.output_file = log});
    wait_until("the worker serves", [&] {
      if (!workers[machine]->is_running()) throw std::runtime_error(read_file(log));
      return read_file(log).find(" serves on ", before) != std::string::npos;
    });
  }

  /// Registers `count` users from eight sides, whose names begin with `start`; calls `disturb` when
  /// `after` are answered. Who was answered 200.
  std::set<std::string> register_many(const std::string& start, int count, int after,
                                      const std::function<void()>& disturb) {
    std::atomic<int> next = 0;
    std::atomic<int> answered = 0;
    std::mutex mutex;
    std::set<std::string> registered;
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        network.run(kClient, [&] {
          bool is_refused = false;
          for (int number = next++; number < count; number = next++) {
            if (is_refused) std::this_thread::sleep_for(kPauseAfterRefusal);
            const std::string name = start + std::to_string(number);
            HttpClient client("http://" + Network::address(kNginx) + ":8080");
            const Answer answer = client.post_json("/register", credentials(name, kPassword));
            const std::lock_guard lock(mutex);
            ++statuses[answer.status];
            if (answer.status == 200) registered.insert(name);
            ++answered;
            is_refused = answer.status != 200;
          }
        });
      });
    }
    wait_until(
        "it is under way", [&] { return answered >= after; }, 120);
    disturb();
    for (std::thread& thread : threads) thread.join();
    return registered;
  }

  /// One registration; its status.
  int register_one(const std::string& name) {
    int status = 0;
    network.run(kClient, [&] {
      HttpClient client("http://" + Network::address(kNginx) + ":8080");
      status = client.post_json("/register", credentials(name, kPassword)).status;
    });
    return status;
  }

  /// Those of `names` that the server has not.
  static std::set<std::string> missing(const Server& server, const std::set<std::string>& names) {
    std::set<std::string> lost;
    for (const std::string& name : names) {
      if (server.ask("SELECT name FROM users WHERE name = '" + name + "'") != name) {
        lost.insert(name);
      }
    }
    return lost;
  }

  /// Nothing but what a client may see.
  void check_statuses() const {
    for (const auto& [status, count] : statuses) {
      CAPTURE(status, count);
      CHECK((status == 200 || status == 503 || status == 0));
    }
  }

  TemporaryFolder primary_folder, standby_folder, folder;
  Network network;
  Server primary{network, kPrimary, primary_folder.path().string()};
  Server standby{network, kStandby, standby_folder.path().string()};
  std::map<int, std::unique_ptr<Process>> workers;
  std::map<int, int> statuses;

 private:
  void start_nginx() {
    const std::string state = folder.path().string();
    REQUIRE(run_command({"tools/make-site", state, "8080"}).status == 0);
    replace(state + "/nginx/example.conf", "listen 127.0.0.1:8080", "listen *:8080");
    std::string servers;
    for (const int machine : kWorkers) {
      servers += "server " + Network::address(machine) + ":9000 max_fails=1 fail_timeout=2s; ";
    }
    const std::string upstream = state + "/nginx/userbin_upstream.conf";
    replace(upstream, "server unix:" + state + "/userbin.sock;", servers);
    replace(upstream, "rate=10r/s", "rate=100000r/s");
    nginx_ = std::make_unique<Process>(
        network.on(kNginx, {"/usr/sbin/nginx", "-p", state, "-c", state + "/nginx/example.conf",
                            "-e", state + "/nginx-error.log", "-g", "user root;"}),
        Process::Options{.output_file = state + "/nginx-error.log"});
    wait_until("nginx answers", [&] {
      if (!nginx_->is_running()) throw std::runtime_error(read_file(state + "/nginx-error.log"));
      return register_one("first") != 0;
    });
  }
  static void replace(const std::string& path, const std::string& from, const std::string& to) {
    std::string text = read_file(path);
    const auto at = text.find(from);
    if (at == std::string::npos) throw std::runtime_error(path + " has no " + from);
    write_file(path, text.replace(at, from.size(), to));
  }

  std::unique_ptr<Process> nginx_;
};

/// Containers may forbid it even to root.
bool may_make_networks() {
  const Finished tried =
      run_command({"unshare", "--net", "sh", "-c",
                   "ip link add switch type bridge && ip link add port type veth peer name eth0"});
  if (tried.status == 0) return true;
  WARN("not tried, as no network namespace can be made here: " << tried.output);
  return false;
}

}  // namespace

TEST_CASE("a primary that dies in the middle of 1,000 registrations loses none that was answered",
          "[network]") {
  if (!may_make_networks()) return;
  Cluster cluster;
  const auto registered = cluster.register_many("user", 1000, 300, [&] {
    cluster.primary.process().signal(SIGKILL);
    REQUIRE(cluster.standby.ask("SELECT pg_promote()::text") == "true");
  });
  cluster.check_statuses();
  CHECK(registered.size() > 500);  // also after it
  CHECK(Cluster::missing(cluster.standby, registered).empty());
  // By itself, and each worker.
  for (int i = 0; i < 12; ++i) {
    const std::string name = "later" + std::to_string(i);
    wait_until(
        "all workers are back", [&] { return cluster.register_one(name) == 200; }, 60);
  }
  for (const auto& [machine, worker] : cluster.workers) CHECK(worker->is_running());
}

TEST_CASE("a worker that dies takes nothing along that was answered", "[network]") {
  if (!may_make_networks()) return;
  Cluster cluster;
  const auto registered = cluster.register_many(
      "user", 300, 100, [&] { cluster.workers.at(kWorkers[0])->signal(SIGKILL); });
  cluster.check_statuses();
  // What was under way there when it died, and hardly more: nginx goes to the others.
  CHECK(registered.size() > 300 - 3 * kThreads);
  CHECK(Cluster::missing(cluster.primary, registered).empty());
  cluster.start_worker(kWorkers[0]);
  CHECK(cluster.register_one("later") == 200);
}

TEST_CASE("a network that is cut for 20 seconds is survived without a restart", "[network]") {
  if (!may_make_networks()) return;
  Cluster cluster;
  const auto registered = cluster.register_many("user", 1000, 100, [&] {
    cluster.network.unplug(kPrimary);
    std::this_thread::sleep_for(std::chrono::seconds{20});  // what the test is about
    cluster.network.plug(kPrimary);
  });
  cluster.check_statuses();
  CHECK(registered.size() > 150);  // also after it
  CHECK(Cluster::missing(cluster.primary, registered).empty());
  for (int i = 0; i < 12; ++i) {
    const std::string name = "later" + std::to_string(i);
    wait_until(
        "all workers are back", [&] { return cluster.register_one(name) == 200; }, 60);
  }
}

}  // namespace userbin::test
