// contrib/completion/userbin in a real bash.
#include <unistd.h>

#include "support/catch.h"
#include "support/owner.h"

namespace userbin::test {

namespace {

constexpr const char* kPassword = "tuesday grows heavy";

/// What bash offers for a line whose last word is to be completed, a word a line.
std::string offered(const Site& site, const std::vector<std::string>& words) {
  constexpr const char* kScript =
      "source contrib/completion/userbin\n"
      "COMP_WORDS=(\"$@\") COMP_CWORD=$(($# - 1)) COMPREPLY=()\n"
      "_userbin\n"
      "for word in \"${COMPREPLY[@]}\"; do echo \"$word\"; done\n";
  std::vector<std::string> command{"bash", "--norc", "-uc", kScript, "bash", userbin_program()};
  command.insert(command.end(), words.begin(), words.end());
  const Finished finished = run_command(command, "", {"USERBIN_STORE=" + site.store()});
  CHECK(finished.status == 0);
  return finished.output;
}

Site::Options without_worker() {
  Site::Options options;
  options.start_worker = false;
  return options;
}

}  // namespace

TEST_CASE("bash completes commands, options, roles, names and sessions") {
  Site site;
  for (const char* name : {"ada", "ada.b", "bob"}) {
    REQUIRE(run_owner(site, {"user", "add", name}, kPassword).status == 0);
  }
  REQUIRE(run_owner(site, {"user", "delete", "bob"}).status == 0);
  HttpClient client(site.url());
  REQUIRE(client.post_json("/login", credentials("ada", kPassword)).status == 200);
  const std::string id = ask_owner(site, {"session", "list", "ada"})[0]["id"].asString();

  const auto [words, expected] = GENERATE(table<std::vector<std::string>, std::string>({
      {{"us"}, "user\n"},
      {{"check"}, "check\ncheck-nginx\n"},
      {{"user", "set-"}, "set-role\nset-password\n"},
      {{"session", ""}, "list\nend\n"},
      {{"ban", "l"}, "list\nlift\n"},
      {{"user", "add", "--ro"}, "--role\n"},
      {{"user", "list", "--de"}, "--deleted\n"},
      {{"check", "--off"}, "--offline\n"},
      {{"top", "--on"}, "--once\n"},
      {{"user", "add", "carl", "--role", "a"}, "admin\n"},
      {{"user", "show", "ad"}, "ada\nada.b\n"},
      {{"user", "show", "--json", "ad"}, "ada\nada.b\n"},
      {{"user", "restore", ""}, "bob\n"},
      {{"user", "set-role", "ada", ""}, "user\nadmin\n"},
      {{"user", "add", ""}, ""},
      {{"session", "end", "ada."}, "ada.b\n"},
      {{"session", "end", "ada", ""}, "ID\n"},
      {{"session", "end", "ada.b", ""}, ""},
      {{"import", "--format", "c"}, "csv\n"},
      {{"nonsense", ""}, ""},
  }));
  CAPTURE(words);
  CHECK(offered(site, words) == (expected == "ID\n" ? id + "\n" : expected));
}

TEST_CASE("a name in the list is no command for the shell") {
  const Site site(without_worker());
  const std::string trap = site.file("trap");
  const std::string list = R"([{"username": "$(id>)" + trap + R"-()", "password": "!"},
                               {"username": "`id>)-" +
                           trap + R"(`", "password": "!"},
                               {"username": "carl", "password": "!"}])";
  REQUIRE(run_owner(site, {"import", "--format=json", "-"}, list).status == 0);
  CHECK(offered(site, {"user", "show", ""}) == "carl\n");
  CHECK(::access(trap.c_str(), F_OK) != 0);
}

}  // namespace userbin::test
