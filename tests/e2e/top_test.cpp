// 'userbin top', beside a real worker and at a real terminal.
#include <csignal>

#include "support/catch.h"
#include "support/site.h"
#include "support/terminal.h"
#include "support/text.h"

namespace userbin::test {

namespace {

std::string tcp(int port) {
  return "127.0.0.1:" + std::to_string(port);
}

std::vector<std::string> top(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {userbin_program(), "top"});
  return arguments;
}

/// A site whose worker shows its metrics.
struct WatchedSite {
  int port = free_port();
  Site site{{.worker_flags = [this] {
    std::vector<std::string> flags = kCheapHashing;
    flags.push_back("--metrics=" + tcp(port));
    return flags;
  }()}};

  std::string flag() const { return "--metrics=" + tcp(port); }
};

}  // namespace

TEST_CASE("top prints one table into a pipe, without codes for a terminal") {
  const WatchedSite watched;
  HttpClient client(watched.site.url());
  client.post_json("/login", credentials("nobody", "tuesday grows heavy"));
  const Finished once = run_command(top({watched.flag(), "--once", "--interval=100ms"}));
  CAPTURE(once.output);
  CHECK(once.status == 0);
  CHECK(once.output.starts_with("userbin "));
  for (const char* part : {" at 127.0.0.1:", "rates of the last ", "\nrequests ", "\nhashes ",
                           "\nstore reads ", "\nPOST /login ", "unknown_user"}) {
    CHECK(contains(once.output, part));
  }
  CHECK_FALSE(contains(once.output, "\x1b"));
}

TEST_CASE("top finds the worker by its configuration file, a variable or a flag") {
  const WatchedSite watched;
  const TemporaryFolder folder;
  write_file(folder.file("userbin.conf"), "metrics = \"" + tcp(watched.port) + "\"\n");
  const std::vector<std::string> once = {"--once", "--interval=100ms"};
  CHECK(run_command(top({"--config=" + folder.file("userbin.conf"), once[0], once[1]})).status ==
        0);
  CHECK(run_command(top(once), "", {"USERBIN_METRICS=" + tcp(watched.port)}).status == 0);
  CHECK(run_command(top({watched.flag(), once[0], once[1]})).status == 0);
}

TEST_CASE("top says what to do if it is not said where to look, or nobody answers there") {
  const TemporaryFolder folder;
  write_file(folder.file("userbin.conf"), "");
  const Finished unset = run_command(top({"--config=" + folder.file("userbin.conf"), "--once"}));
  CHECK(unset.status == 2);
  CHECK(contains(unset.output, "metrics = \"127.0.0.1:9464\""));
  const std::string address = tcp(free_port());
  const Finished silent = run_command(top({"--metrics=" + address, "--once"}));
  CHECK(silent.status == 1);
  CHECK(contains(silent.output, "no answer from " + address));
  CHECK(contains(silent.output, "is the worker running, and with this --metrics?"));
  CHECK(run_command(top({"--metrics=" + address, "--interval=0s"})).status == 2);
}

TEST_CASE("top takes nothing for a worker that is none") {
  const Site site;
  const std::string address = site.url().substr(std::string("http://").size());
  const Finished other = run_command(top({"--metrics=" + address, "--once"}));
  CHECK(other.status == 1);
  CHECK(contains(other.output, "what answers there is no worker of userbin"));
}

TEST_CASE("top at a terminal goes on until q, and gives the terminal back as it was") {
  const WatchedSite watched;
  for (const char* key : {"q", "\x03"}) {
    Terminal terminal(top({watched.flag(), "--interval=100ms"}));
    terminal.wait_for("\x1b[?1049h");
    terminal.wait_for("store writes");
    CHECK_FALSE(terminal.echoes());
    HttpClient(watched.site.url()).get("/healthz");
    terminal.wait_for("GET /healthz");
    terminal.type(key);
    CHECK(terminal.wait() == 0);
    CHECK(terminal.echoes());
    CHECK(terminal.screen().ends_with("\x1b[?25h\x1b[?1049l"));
  }
}

TEST_CASE("top fits its lines into the window, also when that becomes smaller") {
  const WatchedSite watched;
  Terminal terminal(top({watched.flag(), "--interval=1h"}));
  terminal.wait_for(" resident, ");
  const std::size_t before = terminal.screen().size();
  terminal.resize(4, 20);
  terminal.wait_for("\x1b[H");
  terminal.type("q");
  CHECK(terminal.wait() == 0);
  const std::string redrawn = terminal.screen().substr(before);
  CHECK(contains(redrawn, "verifications"));
  CHECK_FALSE(contains(redrawn, "process"));
  CHECK_FALSE(contains(redrawn, "127.0.0.1"));
}

TEST_CASE("top goes on when the worker goes away, says so, and finds the next one") {
  WatchedSite watched;
  Terminal terminal(top({watched.flag(), "--interval=100ms"}));
  terminal.wait_for("rates since it started");
  terminal.wait_for("rates of the last");
  watched.site.kill_worker();
  terminal.wait_for("No answer from " + tcp(watched.port) + " since ");
  watched.site.start_worker();
  terminal.wait_for("rates since it started");
  terminal.wait_for("rates of the last");
  terminal.type("q");
  CHECK(terminal.wait() == 0);
}

TEST_CASE("top gives the terminal back while it is suspended") {
  const WatchedSite watched;
  Terminal terminal(top({watched.flag(), "--interval=100ms"}));
  terminal.wait_for("store writes");
  terminal.type("\x1a");
  terminal.wait_for("\x1b[?1049l");
  wait_until("the terminal echoes again", [&] { return terminal.echoes(); });
  terminal.signal(SIGCONT);
  terminal.wait_for("store writes");
  terminal.type("q");
  CHECK(terminal.wait() == 0);
}

}  // namespace userbin::test
