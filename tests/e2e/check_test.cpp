// 'userbin check' on what is well, and on what was broken.
#include <sys/stat.h>
#include <unistd.h>

#include "store/sql_user_store.h"
#include "store/sqlite_database.h"
#include "support/catch.h"
#include "support/owner.h"
#include "support/temporary_folder.h"
#include "support/text.h"

namespace userbin::test {

namespace {

constexpr const char* kPassword = "tuesday grows heavy";

/// `userbin check` with the settings of a site's worker.
Finished check(const Site& site, std::vector<std::string> flags = {}) {
  flags.insert(flags.begin(), {"check", "--listen=unix:" + site.socket()});
  return run_owner(site, flags);
}

Site::Options without_worker() {
  Site::Options options;
  options.start_worker = false;
  return options;
}

void make_admin(const Site& site) {
  REQUIRE(run_owner(site, {"user", "add", "Ada", "--role", "admin"}, kPassword).status == 0);
}

void set_mode(const std::string& path, mode_t mode) {
  REQUIRE(::chmod(path.c_str(), mode) == 0);
}

std::string folder_of(const Site& site) {
  return site.file("");
}

/// Zeros over the middle of the file, which no worker has open.
void damage(const std::string& path) {
  std::string bytes = read_file(path);
  REQUIRE(bytes.size() > 8192);
  bytes.replace(4096, bytes.size() - 4096, bytes.size() - 4096, '\xff');
  write_file(path, bytes);
}

void add_user_of_2199(const Site& site) {
  store::SqliteDatabase database({.path = site.store()});
  const base::WallTime then(std::chrono::seconds{7'226'582'400});
  store::SqlUserStore(database).insert(store::User("bob", "!", then));
}

}  // namespace

TEST_CASE("check finds nothing wrong with a worker that runs and a store with an admin") {
  const Site site;
  make_admin(site);
  const Finished found = check(site);
  CAPTURE(found.output);
  CHECK(found.status == 0);
  CHECK(
      contains(found.output, "ok     store     it is sound, with 1 user, of whom 1 enabled admin"));
  CHECK(contains(found.output, "ok     socket    a worker listens on " + site.socket()));
  CHECK(contains(found.output, "ok     bin       there is none"));
  CHECK(contains(found.output, "ok     clock "));
  CHECK(contains(found.output, " 0 at fault\n"));
  const Json::Value json = SiteWithBin::json_in(check(site, {"--json"}).output);
  REQUIRE(json.size() > 4);
  CHECK(json[0]["area"] == "settings");
  CHECK(json[0]["mend"].isNull());
}

TEST_CASE("check makes no store, and says that there is none yet", "[sqlite]") {
  const Site site(without_worker());
  const Finished found = check(site);
  CHECK(found.status == 0);
  CHECK(contains(found.output, "note   store     there is no " + site.store() + " yet"));
  CHECK(contains(found.output, "note   socket    no worker listens on"));
  CHECK(::access(site.store().c_str(), F_OK) != 0);
}

TEST_CASE("a site without an admin is told how to make one, which is no fault") {
  const Site site;
  const Finished found = check(site);
  CHECK(found.status == 0);
  CHECK(contains(found.output, "nobody is an admin\n       mend: userbin user add NAME"));
}

TEST_CASE("each broken thing is a fault, with its mend", "[sqlite]") {
  Site site(without_worker());
  make_admin(site);
  const std::string config = site.file("userbin.conf");
  write_file(config, "drain = \"10s\"\n");
  set_mode(config, 0600);
  write_file(site.file("worker.log"), "");
  const std::string log = site.file("check.log");
  write_file(log, "");
  const std::vector<std::string> flags{"--config=" + config, "--log-file=" + log};
  set_mode(log, 0600);
  REQUIRE(check(site, flags).status == 0);

  using Break = void (*)(const Site& site);
  const auto [break_it, more, fault] = GENERATE(table<Break, std::string, std::string>({
      {[](const Site& here) { set_mode(here.store(), 0644); }, "", "mend: chmod 600 "},
      {[](const Site& here) { set_mode(folder_of(here), 0777); }, "", "mend: chmod 700 "},
      {[](const Site& here) { set_mode(here.file("userbin.conf"), 0666); }, "",
       "userbin.conf can be written by everybody"},
      {[](const Site& here) { set_mode(here.file("check.log"), 0666); }, "",
       "check.log can be written by everybody"},
      {[](const Site& here) { damage(here.store()); }, "", "fault  store "},
      {[](const Site& here) { write_file(here.store(), "no database at all, but text\n"); }, "",
       "fault  store "},
      {add_user_of_2199, "", "the last change of a user is of 2199-01-01"},
      {[](const Site&) {}, "--socket-group=no-such-group", "there is no group no-such-group"},
      {[](const Site&) {}, "--log-file=/nowhere/at/all.log", "its folder /nowhere/at: "},
  }));
  break_it(site);
  std::vector<std::string> all = flags;
  if (!more.empty()) all.push_back(more);
  Finished found = check(site, all);
  CAPTURE(fault, found.output);
  CHECK(found.status == 1);
  CHECK(contains("\n" + found.output, "\nfault  "));
  CHECK(contains(found.output, fault));
  CHECK_FALSE(contains(found.output, " 0 at fault\n"));
}

TEST_CASE("a store whose folder is missing is a fault") {
  const Finished found = run_command({userbin_program(), "check", "--store=/nowhere/at/all.db"});
  CHECK(found.status == 1);
  CHECK(contains(found.output, "fault  store     its folder /nowhere/at: No such file"));
}

TEST_CASE("a store that is not its folder's owner's is a fault", "[sqlite]") {
  if (::geteuid() != 0) return;
  const Site site(without_worker());
  make_admin(site);
  REQUIRE(::chown(site.store().c_str(), 12345, 12345) == 0);
  const Finished found = check(site);
  CHECK(found.status == 1);
  CHECK(contains(found.output, "belongs to 12345, its folder to root"));
}

TEST_CASE("a worker that was killed is missed") {
  Site site;
  make_admin(site);
  site.kill_worker();
  const Finished found = check(site);
  CHECK(found.status == 1);
  CHECK(contains(found.output, "fault  socket    nobody listens on " + site.socket()));
}

TEST_CASE("check asks for the metrics, where there are any") {
  const TemporaryFolder folder;
  const std::string path = folder.file("metrics.sock");
  Site::Options options;
  options.worker_flags.emplace_back("--metrics=unix:" + path);
  Site site(options);
  make_admin(site);
  CHECK_FALSE(contains(check(site).output, "metrics"));
  const auto look = [&](const std::string& address) {
    return check(site, {"--metrics=" + address});
  };
  CHECK(contains(look("unix:" + path).output,
                 "ok     metrics   a worker shows them at unix:" + path));
  CHECK(look("unix:" + site.socket()).status == 1);
  CHECK(contains(look("unix:/nowhere/at/all.sock").output,
                 "fault  metrics   the folder of /nowhere/at/all.sock: No such file"));
  write_file(folder.file("text"), "");
  CHECK(contains(look("unix:" + folder.file("text")).output, "is there, and is no socket"));
  site.kill_worker();
  CHECK(contains(look("unix:" + path).output,
                 "note   metrics   no worker shows them at unix:" + path));
}

TEST_CASE("a socket that everybody can connect to is a fault") {
  Site::Options options;
  options.worker_flags.emplace_back("--socket-mode=0666");
  const Site site(options);
  make_admin(site);
  const Finished found = check(site);
  CHECK(found.status == 1);
  CHECK(contains(found.output, "and pass for nginx"));
}

TEST_CASE("a wrong setting is told apart from a fault by its status") {
  const Site site(without_worker());
  write_file(site.file("bad.conf"), "drain = \"soon\"\n");
  const Finished found = check(site, {"--config=" + site.file("bad.conf")});
  CHECK(found.status == 2);
  CHECK(contains(found.output, "'soon' is no duration"));
  CHECK(check(site, {"--config=" + site.file("none.conf")}).status == 2);
}

TEST_CASE("check asks the bin, unless it must not") {
  const SiteWithBin here;
  here.wait_until_in_step();
  make_admin(here.site);
  wait_until("Ada is in the bin", [&] { return here.user("Ada")["role"] == "admin"; });
  here.wait_until_in_step();
  const std::vector<std::string> flags = bin_flags(here.service, here.id);
  const Finished well = check(here.site, flags);
  CAPTURE(well.output);
  CHECK(well.status == 0);
  CHECK(contains(well.output, "ok     bin       1 bin can be read"));

  std::vector<std::string> away = flags;
  away.push_back("--jsonbin-url=http://127.0.0.1:" + std::to_string(free_port()));
  const Finished asked = check(here.site, away);
  CHECK(asked.status == 1);
  CHECK(contains(asked.output, "fault  bin "));
  away.emplace_back("--offline");
  CHECK(check(here.site, away).status == 0);

  const std::string key = here.site.file("key");
  write_file(key, "not the key\n");
  set_mode(key, 0644);
  std::vector<std::string> open = flags;
  open.push_back("--jsonbin-key-file=" + key);
  const Finished shown = check(here.site, open);
  CHECK(shown.status == 1);
  CHECK(contains(shown.output, "can be read by everybody on this machine; mend: chmod 600 " + key));
  set_mode(key, 0600);
  const Finished refused = check(here.site, open);
  CHECK(refused.status == 1);
  CHECK(contains(refused.output, "fault  bin "));
  CHECK_FALSE(contains(refused.output, "not the key"));
}

}  // namespace userbin::test
