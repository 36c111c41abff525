// The store fails in the middle of a site's life: what its clients see, what its owner reads, and
// that all goes on once the fault is over.
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>
#include <unistd.h>

#include "support/faults.h"
#include "support/small_disk.h"

namespace userbin::test {

namespace {

namespace fs = std::filesystem;

/// Registers until the store refuses it; who was answered 200.
std::vector<std::string> register_until_refused(const Site& site, Answer& refusal) {
  std::vector<std::string> names;
  for (int i = 0; i < 500; ++i) {
    const std::string name = "user" + std::to_string(i);
    refusal = register_at(site, name);
    if (refusal.status != 200) break;
    names.push_back(name);
  }
  return names;
}

/// `userbin serve` where it cannot start.
Finished start_in_vain(const std::string& store, std::vector<std::string> starter = {}) {
  const TemporaryFolder folder;
  fs::permissions(folder.path(), fs::perms::all);
  starter.insert(starter.end(), {userbin_program(), "serve",
                                 "--listen=unix:" + folder.file("socket"), "--store=" + store});
  starter.insert(starter.end(), kCheapHashing.begin(), kCheapHashing.end());
  return run_command(starter);
}

void check_names_mend(const Finished& finished, const std::string& store, const std::string& mend) {
  CAPTURE(finished.output);
  CHECK(finished.status == 1);
  CHECK(finished.output.find(store) != std::string::npos);
  CHECK(finished.output.find(mend) != std::string::npos);
}

bool can_be_written(const Site& site) {
  return run_command({"sqlite3", site.store(), "BEGIN IMMEDIATE; ROLLBACK"}).status == 0;
}

/// All of a database but its first page, which says that it is one.
void overwrite_pages(const std::string& path) {
  constexpr std::size_t kFirstPage = 4096;
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(kFirstPage);
  file << std::string(fs::file_size(path) - kFirstPage, '\xA5');
}

}  // namespace

TEST_CASE("on a full disk nothing is taken that is not stored, and who is signed in stays so",
          "[sqlite]") {
  const SmallDisk disk;
  if (!disk.mounted) {
    WARN("no file system could be mounted: not tested");
    return;
  }
  Site site(with_flags({"--store=" + disk.file("userbin.db")}));
  const std::string ada = newcomer_at(site, "ada");
  for (int i = 0; i < 5; ++i) REQUIRE(register_at(site, "early" + std::to_string(i)).status == 200);
  disk.fill();

  Answer refusal;
  auto names = register_until_refused(site, refusal);
  check_is_unavailable(refusal);
  CHECK(has_logged(site, disk.file("userbin.db") + ": "));
  CHECK(has_logged(site, "free some space on its disk"));
  check_is_unavailable(log_in_at(site, "ada"));
  CHECK(log_in_at(site, "ada", "wrong").code() == "invalid_credentials");
  CHECK(status_of(site, "/readyz") == 503);
  CHECK(status_of(site, "/healthz") == 200);
  CHECK(verified(site, ada) == 200);

  disk.free();
  check_is_well(site, "ada", "bob");
  site.kill_worker();
  site.start_worker();
  const std::string known =
      run_command({"sqlite3", disk.file("userbin.db"), "SELECT name FROM users"}).output;
  for (int i = 0; i < 5; ++i) names.push_back("early" + std::to_string(i));
  for (const std::string& name : names) CHECK(known.find(name + '\n') != std::string::npos);
  CHECK(log_in_at(site, "early0").status == 200);
}

TEST_CASE(
    "on a full disk a worker starts with the store that it has, and says that it can't make one",
    "[sqlite]") {
  const SmallDisk disk;
  if (!disk.mounted) {
    WARN("no file system could be mounted: not tested");
    return;
  }
  Site site(with_flags({"--store=" + disk.file("userbin.db")}));
  const std::string ada = newcomer_at(site, "ada");
  Answer refusal;
  disk.fill();
  register_until_refused(site, refusal);
  site.kill_worker();
  check_names_mend(start_in_vain(disk.file("new.db")), disk.file("new.db"),
                   "free some space on its disk");
  site.start_worker();
  CHECK(verified(site, ada) == 200);
  check_is_unavailable(register_at(site, "bob"));
  disk.free();
  check_is_well(site, "ada", "bob");
}

TEST_CASE("a disk that is full for the logs stops nobody", "[sqlite]") {
  const SmallDisk disk;
  if (!disk.mounted) {
    WARN("no file system could be mounted: not tested");
    return;
  }
  Site::Options options = with_flags({"--audit-log=" + disk.file("audit.log")});
  const std::string log = disk.file("userbin.log");
  options.worker_flags.push_back("--log-file=" + log);
  options.start_worker = false;
  Site site(options);
  Process worker = [&] {
    std::vector<std::string> command = {
        userbin_program(), "serve", "--listen=unix:" + site.socket(), "--store=" + site.store()};
    command.insert(command.end(), options.worker_flags.begin(), options.worker_flags.end());
    return Process(command, {.output_file = site.file("stderr")});
  }();
  wait_until("it serves", [&] { return read_file(log).find("serves on") != std::string::npos; });
  REQUIRE(register_at(site, "ada").status == 200);
  disk.fill();
  int logins = 0;
  wait_until("the disk has run over", [&] {
    ++logins;
    CHECK(log_in_at(site, "ada").status == 200);
    return read_file(site.file("stderr")).find("LOG ERROR") != std::string::npos;
  });
  for (int i = 0; i < 20; ++i) CHECK(log_in_at(site, "ada").status == 200);
  disk.free();
  CHECK(log_in_at(site, "ada").status == 200);
  CHECK(read_file(log).find("the audit log is written again; ") != std::string::npos);
  const std::string last = log_in_at(site, "ada").header("X-Request-Id");
  CHECK(read_file(log).find(last) != std::string::npos);
  CHECK(read_file(disk.file("audit.log")).find(last) != std::string::npos);
  worker.signal(SIGTERM);
  CHECK(worker.wait() == 0);
}

TEST_CASE("pages that are overwritten under the worker fail it closed, until the backup is back",
          "[sqlite]") {
  Site site;
  const std::string ada = newcomer_at(site, "ada");
  const std::string bob = newcomer_at(site, "bob");
  site.kill_worker();
  REQUIRE(run_command({"sqlite3", site.store(), "PRAGMA wal_checkpoint(TRUNCATE)"}).status == 0);
  REQUIRE(run_command({"sqlite3", site.store(), ".backup " + site.file("backup.db")}).status == 0);
  site.start_worker();
  REQUIRE(verified(site, ada) == 200);

  const bool is_overwritten = GENERATE(true, false);
  if (is_overwritten) {
    overwrite_pages(site.store());
  } else {
    fs::resize_file(site.store(), 4096);
  }
  check_is_unavailable(register_at(site, "carl"));
  check_is_unavailable(log_in_at(site, "ada"));
  CHECK(status_of(site, "/readyz") == 503);
  CHECK(has_logged(site, "put back a backup"));
  // Who is known in memory is whom the store had when it was last changed; nobody else is let in.
  CHECK(verified(site, ada) == 200);
  CHECK(verified(site, bob) == 401);

  for (const char* suffix : {"-wal", "-shm"}) fs::remove(site.store() + suffix);
  fs::rename(site.file("backup.db"), site.store());
  check_is_well(site, "ada", "dora");
  CHECK(verified(site, bob) == 200);
}

TEST_CASE("a worker does not start on what is no store, and says what to do", "[sqlite]") {
  const TemporaryFolder folder;
  const std::string store = folder.file("userbin.db");
  SECTION("something else") {
    write_file(store, std::string(5000, 'x'));
    check_names_mend(start_in_vain(store), store, "put back a backup");
    CHECK(read_file(store) == std::string(5000, 'x'));
  }
  SECTION("a broken one") {
    {
      Site site(with_flags({"--store=" + store}));
      REQUIRE(register_at(site, "ada").status == 200);
    }
    overwrite_pages(store);
    check_names_mend(start_in_vain(store), store, "put back a backup");
  }
  SECTION("one that it may not write, as another user") {
    if (::geteuid() != 0) {
      WARN("not root: not tested");
      return;
    }
    { const Site site(with_flags({"--store=" + store})); }
    const std::vector<std::string> nobody = {"setpriv", "--reuid=65534", "--regid=65534",
                                             "--clear-groups"};
    fs::permissions(folder.path(), fs::perms::all);
    fs::permissions(store, fs::perms(0444));
    check_names_mend(start_in_vain(store, nobody), store, "must be able to write");
    fs::permissions(store, fs::perms(0666));
    fs::permissions(folder.path(), fs::perms(0755));
    check_names_mend(start_in_vain(store, nobody), store, "must be able to write");
  }
}

TEST_CASE("a disk that fails, or is read-only all at once, holds up changes until it is mended",
          "[sqlite]") {
  if (kIsSanitized || !can_trace()) {
    WARN("strace can make no system call fail here: not tested");
    return;
  }
  // As the kernel answers once a file system is mounted read-only, or its disk gives up.
  const std::string fault =
      GENERATE("pwrite64:error=EROFS", "pwrite64:error=EIO", "fdatasync:error=EIO");
  CAPTURE(fault);
  Site site;
  const std::string ada = newcomer_at(site, "ada");
  REQUIRE(verified(site, ada) == 200);
  {
    std::vector<std::string> command = strace_injecting(fault);
    command.erase(command.begin() + 1);  // -D
    command.insert(command.end(), {"-p", std::to_string(site.worker().pid())});
    const std::string output = site.file("strace.log");
    Process strace(command, {.output_file = output});
    wait_until("system calls fail", [&] { return status_of(site, "/readyz") == 503; });
    check_is_unavailable(register_at(site, "bob"));
    check_is_unavailable(log_in_at(site, "ada"));
    CHECK(log_in_at(site, "ada", "wrong").code() == "invalid_credentials");
    CHECK(status_of(site, "/healthz") == 200);
    CHECK(verified(site, ada) == 200);
    CHECK(has_logged(site, site.store() + ": disk I/O error; look into the kernel's log"));
    strace.signal(SIGTERM);  // it lets go
    strace.wait();
  }
  check_is_well(site, "ada", "bob");  // who was refused is not there
  CHECK(verified(site, ada) == 200);
  site.kill_worker();
  CHECK(run_command({"sqlite3", site.store(), "PRAGMA integrity_check"}).output == "ok\n");
  site.start_worker();
  check_is_well(site, "bob", "carl");
}

TEST_CASE("a write-ahead log that is removed costs nobody an account", "[sqlite]") {
  Site first;
  Site second({.store = first.store()});
  const std::string ada = newcomer_at(first, "ada");
  REQUIRE(verified(second, ada) == 200);
  for (const char* suffix : {"-wal", "-shm"}) fs::remove(first.store() + suffix);
  int number = 0;
  for (const Site* site : {&first, &second, &first}) {
    const std::string name = "user" + std::to_string(++number);
    wait_until("it goes on", [&] { return register_at(*site, name).status == 200; });
    CHECK(log_in_at(first, name).status == 200);
    CHECK(log_in_at(second, name).status == 200);
  }
  CHECK(has_logged(first, "its write-ahead log was removed"));
  first.kill_worker();
  second.kill_worker();
  CHECK(run_command({"sqlite3", first.store(), "PRAGMA integrity_check"}).output == "ok\n");
  CHECK(run_command({"sqlite3", first.store(), "SELECT COUNT(*) FROM users"}).output == "4\n");
  first.start_worker();
  second.start_worker();
  check_is_well(first, "ada", "bob");
  check_is_well(second, "bob", "carl");
}

TEST_CASE("a worker that is stopped in the middle of a change holds up another's changes, not more",
          "[sqlite]") {
  Site first;
  Site::Options options = with_flags({"--store-patience=100ms"});
  options.store = first.store();
  Site second(options);
  const std::string ada = newcomer_at(first, "ada");
  REQUIRE(verified(second, ada) == 200);

  std::atomic<bool> is_over = false;
  std::jthread busy([&] {
    for (int i = 0; !is_over; ++i) register_at(first, "user" + std::to_string(i));
  });
  wait_until(
      "it is stopped with the lock",
      [&] {
        first.worker().signal(SIGSTOP);
        if (!can_be_written(first)) return true;
        first.worker().signal(SIGCONT);
        return false;
      },
      60);
  check_is_unavailable(register_at(second, "bob"));
  CHECK(status_of(second, "/readyz") == 503);
  CHECK(has_logged(second, "another program holds a lock on it"));
  CHECK(verified(second, ada) == 200);
  is_over = true;
  first.worker().signal(SIGCONT);
  check_is_well(second, "ada", "bob");
  busy.join();
  check_is_well(first, "bob", "carl");
}

}  // namespace userbin::test
