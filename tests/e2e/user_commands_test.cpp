// 'userbin user', beside a real worker and at a real terminal.
#include <csignal>
#include <sys/stat.h>

#include "support/catch.h"
#include "support/owner.h"
#include "support/terminal.h"
#include "support/text.h"

namespace userbin::test {

namespace {

constexpr const char* kPassword = "tuesday grows heavy";
constexpr const char* kOther = "seven green lanterns";

Site::Options without_worker() {
  Site::Options options;
  options.start_worker = false;
  return options;
}

void add(const Site& site, const std::string& name, const std::string& role = "user") {
  const Finished added =
      run_owner(site, {"user", "add", name, "--role", role}, std::string(kPassword) + "\n");
  CAPTURE(added.output);
  REQUIRE(added.status == 0);
}

int log_in(HttpClient& client, const std::string& name, const std::string& password = kPassword) {
  return client.post_json("/login", credentials(name, password)).status;
}

int log_in(const Site& site, const std::string& name, const std::string& password = kPassword) {
  HttpClient client(site.url());
  return log_in(client, name, password);
}

std::string role_of(const Site& site, const std::string& name) {
  return ask_owner(site, {"user", "show", name})["role"].asString();
}

}  // namespace

TEST_CASE("the owner makes the first admin, in a store that was not there, and he logs in",
          "[sqlite]") {
  Site site(without_worker());
  REQUIRE(::access(site.store().c_str(), F_OK) != 0);
  const Finished added = run_owner(site, {"user", "add", "Ada", "--role", "admin"},
                                   std::string(kPassword) + "\nand no more\n");
  CHECK(added.status == 0);
  CHECK(added.output == "Ada is there, with the role admin\n");
  struct stat status {};
  REQUIRE(::stat(site.store().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  site.start_worker();
  HttpClient client(site.url());
  REQUIRE(log_in(client, "ada") == 200);
  CHECK(client.get("/me").json()["role"] == "admin");
}

TEST_CASE("a password is typed twice at a terminal, and never shown") {
  Site site(without_worker());
  Terminal terminal(owner_command(site, {"user", "add", "ada"}));
  terminal.wait_for("New password of ada: ");
  CHECK_FALSE(terminal.echoes());
  terminal.type(std::string(kPassword) + "\n");
  terminal.wait_for("once more: ");
  CHECK_FALSE(terminal.echoes());
  terminal.type(std::string(kPassword) + "\n");
  CHECK(terminal.wait() == 0);
  CHECK(contains(terminal.screen(), "ada is there"));
  CHECK_FALSE(contains(terminal.screen(), "tuesday"));
  CHECK(terminal.echoes());
  site.start_worker();
  CHECK(log_in(site, "ada") == 200);
}

TEST_CASE("two passwords that differ change nothing") {
  const Site site(without_worker());
  Terminal terminal(owner_command(site, {"user", "add", "ada"}));
  terminal.wait_for(": ");
  terminal.type(std::string(kPassword) + "\n");
  terminal.wait_for("once more: ");
  terminal.type("tuesday grows heavier\n");
  CHECK(terminal.wait() == 1);
  CHECK(contains(terminal.screen(), "the two passwords differ"));
  CHECK_FALSE(contains(terminal.screen(), "tuesday"));
  CHECK(ask_owner(site, {"user", "list"}).empty());
}

TEST_CASE("Ctrl-C at the password leaves the terminal as it was") {
  const Site site(without_worker());
  Terminal terminal(owner_command(site, {"user", "add", "ada"}));
  terminal.wait_for("New password of ada: ");
  REQUIRE_FALSE(terminal.echoes());
  terminal.type("\x03");
  CHECK(terminal.wait() == 128 + SIGINT);
  CHECK(terminal.echoes());
}

TEST_CASE("what cannot be a user is refused with the reason and a status") {
  const Site site(without_worker());
  add(site, "Ada");
  const auto [arguments, input, status, reason] =
      GENERATE(table<std::vector<std::string>, std::string, int, std::string>({
          {{"user", "add", "a b"}, kPassword, 2, "'a b' is no name"},
          {{"user", "add", "a\x1b[1m"}, kPassword, 2, "'a\\x1b[1m' is no name"},
          {{"user", "add"}, kPassword, 2, "NAME is required"},
          {{"user", "add", "bob", kPassword}, "", 2, "tuesday"},
          {{"user", "add", "bob", "--role", "deleted"}, kPassword, 2, "'deleted' is no role"},
          {{"user", "add", "bob"}, "", 1, "no password on standard input"},
          {{"user", "add", "bob"}, "short\n", 1, "this password is refused: "},
          {{"user", "add", "bob"}, "password1\n", 1, "this password is refused: "},
          {{"user", "add", "ADA"}, kPassword, 1, "there is a user 'ADA' already"},
          {{"user", "show", "bob"}, "", 1, "there is no user 'bob'"},
          {{"user", "set-role", "bob", "admin"}, "", 1, "there is no user 'bob'"},
          {{"user", "set-role", "ada", "a b"}, "", 2, "'a b' is no role"},
          {{"user", "set-password", "bob"}, kPassword, 1, "there is no user 'bob'"},
          {{"user", "set-password", "ada"}, "ada-ada-ada\n", 1, "this password is refused: "},
          {{"user", "disable", "bob"}, "", 1, "there is no user 'bob'"},
          {{"user", "delete", "bob"}, "", 1, "there is no user 'bob'"},
          {{"user", "restore", "bob"}, "", 1, "nobody of the name 'bob' was deleted"},
          {{"user", "restore", "ada"}, "", 1, "who is not deleted"},
          {{"user", "dance"}, "", 2, "there is no command 'dance'"},
      }));
  CAPTURE(arguments);
  const Finished refused = run_owner(site, arguments, input);
  CHECK(refused.status == status);
  CAPTURE(refused.output);
  CHECK(contains(refused.output, reason));
  CHECK(ask_owner(site, {"user", "list"}).size() == 1);
}

TEST_CASE("users are listed as a table and as JSON, without their hashes") {
  const Site site(without_worker());
  CHECK(run_owner(site, {"user", "add", "Zoe"}, kPassword).status == 0);
  add(site, "Ada", "admin");
  REQUIRE(run_owner(site, {"user", "disable", "zoe"}).status == 0);
  const std::string table = run_owner(site, {"user", "list"}).output;
  CAPTURE(table);
  CHECK(table.starts_with("NAME  ROLE   STATE     CREATED"));
  CHECK(contains(table, "\nAda   admin  enabled   20"));
  CHECK(contains(table, "\nZoe   user   disabled  20"));
  CHECK(table.find("Ada") < table.find("Zoe"));
  const Json::Value users = ask_owner(site, {"user", "list"});
  REQUIRE(users.size() == 2);
  CHECK(users[0]["username"] == "Ada");
  CHECK(users[0]["disabled"] == false);
  CHECK(users[1]["disabled"] == true);
  CHECK_FALSE(contains(users.toStyledString() + table, "$argon2"));
  CHECK(ask_owner(site, {"user", "list", "--role", "admin"}).size() == 1);
  CHECK(ask_owner(site, {"user", "list", "--disabled"})[0]["username"] == "Zoe");
  CHECK(run_owner(site, {"user", "list", "--role", "nobodys"}).output == "nobody\n");
  const std::string details = run_owner(site, {"user", "show", "ZOE"}).output;
  CAPTURE(details);
  CHECK(contains(details, "name       Zoe\n"));
  CHECK(contains(details, "state      disabled\n"));
  CHECK(contains(details, "sessions   0\n"));
  CHECK_FALSE(contains(details, "argon2"));
}

TEST_CASE("what others put into a list cannot act on the owner's terminal") {
  const SiteWithBin here(R"([{"username": "\u001b]0;x\u0007\nroot", "password": "$1$x$y",
                              "role": "\u001b[2J", "name": "\u009b31m", "\u001b": "\u001b"}])");
  const Site& site = here.site;
  here.wait_until_in_step();
  const std::string name = "\x1b]0;x\x07\nroot";
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"user", "list"},
                                                    {"user", "show", name},
                                                    {"user", "disable", name},
                                                    {"user", "delete", name},
                                                    {"user", "show", name},
                                                    {"user", "restore", name}}) {
    const Finished shown = run_owner(site, arguments);
    CAPTURE(arguments, shown.output);
    CHECK_FALSE(contains(shown.output, "\x1b"));
    CHECK_FALSE(contains(shown.output, "\x07"));
    CHECK_FALSE(contains(shown.output, "\u009b"));
    CHECK(contains(shown.output, "\\x1b]0;x\\x07\\x0aroot"));
  }
}

TEST_CASE("a running worker follows what the owner changes at once") {
  const Site site;
  add(site, "Ada", "admin");
  add(site, "Bob");
  HttpClient bob(site.url());
  REQUIRE(log_in(bob, "bob") == 200);

  CHECK(run_owner(site, {"user", "set-role", "bob", "member"}).status == 0);
  CHECK(bob.get("/me").json()["role"] == "member");

  CHECK(run_owner(site, {"user", "set-password", "bob"}, kOther).status == 0);
  CHECK(bob.get("/me").status == 401);
  CHECK(log_in(bob, "bob") == 401);
  CHECK(log_in(bob, "bob", kOther) == 200);

  CHECK(run_owner(site, {"user", "disable", "bob"}).status == 0);
  CHECK(bob.get("/me").status == 401);
  CHECK(log_in(bob, "bob", kOther) == 401);
  CHECK(run_owner(site, {"user", "enable", "bob"}).status == 0);
  CHECK(bob.get("/me").status == 401);
  CHECK(log_in(bob, "bob", kOther) == 200);

  CHECK(run_owner(site, {"user", "delete", "bob"}).status == 0);
  CHECK(bob.get("/me").status == 401);
  CHECK(log_in(bob, "bob", kOther) == 401);
  CHECK(ask_owner(site, {"user", "list"}).size() == 1);
  CHECK(ask_owner(site, {"user", "list", "--deleted"})[0]["username"] == "Bob");
  CHECK(run_owner(site, {"user", "delete", "bob"}).status == 1);
  CHECK(run_owner(site, {"user", "restore", "bob"}).status == 0);
  CHECK(log_in(bob, "bob", kOther) == 200);
  CHECK(role_of(site, "bob") == "member");
}

TEST_CASE("what the owner changes reaches the bin by the worker") {
  const SiteWithBin here;
  add(here.site, "Ada", "admin");
  add(here.site, "Bob");
  REQUIRE(run_owner(here.site, {"user", "set-role", "bob", "member"}).status == 0);
  wait_until("Bob's role is in the bin", [&] { return here.user("Bob")["role"] == "member"; });
  REQUIRE(run_owner(here.site, {"user", "disable", "bob"}).status == 0);
  wait_until("Bob is disabled in the bin", [&] { return here.user("Bob")["disabled"] == true; });
  REQUIRE(run_owner(here.site, {"user", "delete", "bob"}).status == 0);
  wait_until("Bob is deleted in the bin", [&] { return here.user("Bob")["role"] == "deleted"; });
  REQUIRE(run_owner(here.site, {"user", "restore", "bob"}).status == 0);
  wait_until("Bob is in the bin again", [&] { return here.user("Bob")["role"] == "member"; });
}

TEST_CASE("nobody is added for whom the bin has no room") {
  const SiteWithBin here("[]", {"--bin-max-bytes=1000"});
  std::vector<std::string> command = owner_command(here.site, {"user", "add"});
  for (const std::string& flag : bin_flags(here.service, here.id)) command.push_back(flag);
  command.emplace_back("--bin-max-bytes=1000");
  int added = 0;
  Finished last;
  for (; added < 10 && last.status == 0; ++added) {
    command.push_back("user" + std::to_string(added));
    last = run_command(command, kPassword);
    command.pop_back();
  }
  CHECK(added < 10);
  CHECK(added > 1);
  CHECK(last.status == 1);
  CHECK(contains(last.output, "the bin has no room"));
}

TEST_CASE("the last enabled admin can be neither demoted, disabled nor deleted") {
  const Site site(without_worker());
  add(site, "Ada", "admin");
  add(site, "Bob");
  const auto arguments = GENERATE(as<std::vector<std::string>>{},
                                  std::vector<std::string>{"user", "set-role", "ada", "user"},
                                  std::vector<std::string>{"user", "disable", "ada"},
                                  std::vector<std::string>{"user", "delete", "ada"});
  CAPTURE(arguments);
  const Finished refused = run_owner(site, arguments);
  CHECK(refused.status == 1);
  CHECK(contains(refused.output, "'Ada' is the last enabled admin"));
  CHECK(role_of(site, "ada") == "admin");
  REQUIRE(run_owner(site, {"user", "set-role", "bob", "admin"}).status == 0);
  CHECK(run_owner(site, arguments).status == 0);
}

TEST_CASE("of two who take each other's office at once, one fails and stays admin") {
  const Site site(without_worker());
  add(site, "Ada", "admin");
  add(site, "Bob", "admin");
  const std::vector<std::string> ways[] = {{"disable"}, {"set-role"}, {"delete"}};
  const auto command = [&](std::size_t way, const std::string& name) {
    std::vector<std::string> arguments{"user", ways[way % 3].front(), name};
    if (way % 3 == 1) arguments.emplace_back("user");
    return owner_command(site, arguments);
  };
  for (std::size_t round = 0; round < 24; ++round) {
    CAPTURE(round);
    const std::string said = site.file("said" + std::to_string(round));
    Process first(command(round, "ada"), {.output_file = said});
    Process second(command(round / 3, "bob"), {.output_file = said});
    const int statuses = first.wait() + second.wait();
    CHECK(statuses == 1);
    CHECK(contains(read_file(said), "is the last enabled admin"));
    std::size_t admins = 0;
    for (const Json::Value& user : ask_owner(site, {"user", "list", "--role", "admin"})) {
      if (user["disabled"] == false) ++admins;
    }
    REQUIRE(admins == 1);
    for (const char* name : {"ada", "bob"}) {
      run_owner(site, {"user", "restore", name});
      REQUIRE(run_owner(site, {"user", "enable", name}).status == 0);
      REQUIRE(run_owner(site, {"user", "set-role", name, "admin"}).status == 0);
    }
  }
}

TEST_CASE("the help of each command shows how to use it, and what its status means") {
  const auto verb = GENERATE(as<std::string>{}, "add", "list", "show", "set-role", "set-password",
                             "disable", "enable", "delete", "restore");
  const Finished help = run_command({userbin_program(), "user", verb, "--help"});
  CHECK(help.status == 0);
  CHECK(contains(help.output, "userbin user " + verb + " "));
  CHECK(contains(help.output, "Exit status: 0 done;"));
  CHECK(contains(run_command({userbin_program(), "user", "--help"}).output, "\n  " + verb));
  CHECK(run_command({userbin_program(), "user"}).status == 2);
}

}  // namespace userbin::test
