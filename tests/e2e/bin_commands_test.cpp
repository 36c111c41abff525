// 'userbin bin ...' beside a running worker, on a real store and the emulated service.
#include <csignal>
#include <sys/stat.h>

#include "support/catch.h"
#include "support/site_with_bin.h"
#include "support/text.h"

namespace userbin::test {

namespace {

constexpr const char* kPassword = "tuesday grows heavy";

/// A worker with three users in store and bin, which is stopped then.
struct ThreeUsers : SiteWithBin {
  ThreeUsers() : SiteWithBin("[{}]", {"--bin-wait=10s"}) {
    HttpClient client(site.url());
    for (const char* name : {"ada", "bob", "cyd"}) {
      REQUIRE(client.post_json("/register", credentials(name, kPassword)).status == 200);
    }
    site.worker().signal(SIGTERM);
    REQUIRE(site.worker().wait() == 0);
  }

  /// As the owner does it in the dashboard.
  template <typename Edit>
  void edit(Edit edit_document) {
    Json::Value list = document();
    edit_document(list);
    service.set_bin(id, list.toStyledString());
  }

  std::set<std::string> names_in_store() const {
    return names_in(json_in(command({"export"}).output));
  }
};

/// What a command line of the store alone has on standard output; there is no bin in it.
Finished without_bin(const Site& site, std::vector<std::string> arguments,
                     const std::string& input = "") {
  std::vector<std::string> command = {userbin_program(), "bin"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  command.push_back("--store=" + site.store());
  command.insert(command.end(), kCheapHashing.begin(), kCheapHashing.end());
  return run_command(command, input);
}

}  // namespace

TEST_CASE("pull takes over what was edited, and nothing on a dry run") {
  ThreeUsers it;
  it.edit([](Json::Value& list) {
    list[0]["role"] = "admin";
    list[1]["role"] = "deleted";
    list[2]["password"] = "typed by the owner";
    list.append(SiteWithBin::json_in(R"({"username": "dan", "password": "his own one"})"));
  });
  const Finished dry = it.command({"pull", "--dry-run"});
  CHECK(dry.status == 0);
  for (const char* line : {"changed  ada", "deleted  bob", "changed  cyd", "new      dan"}) {
    CHECK(contains(dry.output, line));
  }
  CHECK(contains(dry.output, "2 passwords"));
  CHECK_FALSE(it.names_in_store().contains("dan"));
  CHECK(it.status()["pending"] == 0);

  CHECK(it.command({"pull"}).status == 0);
  CHECK(it.names_in_store().contains("dan"));
  it.site.start_worker();
  it.wait_until_in_step();
  HttpClient client(it.site.url());
  CHECK(client.post_json("/login", credentials("cyd", "typed by the owner")).status == 200);
  CHECK(client.post_json("/login", credentials("dan", "his own one")).status == 200);
  CHECK(client.post_json("/login", credentials("bob", kPassword)).status == 401);
  CHECK(client.post_json("/login", credentials("ada", kPassword)).status == 200);
  CHECK(client.get("/me").json()["role"] == "admin");
  CHECK(it.user("bob")["password"] == "!");
  CHECK(it.user("dan")["password"].asString().starts_with("$argon2id$"));
}

TEST_CASE("push writes what the bin lacks, and nothing on a dry run") {
  ThreeUsers it;
  const std::string before = R"([{"username": "eve", "password": "her own one"}])";
  it.service.set_bin(it.id, before);
  const Finished dry = it.command({"push", "--dry-run"});
  CHECK(dry.status == 0);
  CHECK(contains(dry.output, "new      eve"));
  CHECK(contains(dry.output, "write    bin " + it.id));
  CHECK(it.service.bin(it.id) == before);
  CHECK(it.command({"push"}).status == 0);
  CHECK(names_in(it.document()) == std::set<std::string>{"ada", "bob", "cyd", "eve"});
  CHECK_FALSE(contains(it.service.bin(it.id), "her own one"));
  CHECK(it.command({"push", "--dry-run"}).output.find("write    bin") == std::string::npos);
}

TEST_CASE("pull --mirror makes the store equal to the bin, once that was agreed to") {
  ThreeUsers it;
  it.service.set_bin(it.id, R"([{"username": "ada", "password": "another one"}])");
  const auto all = it.names_in_store();
  const Finished dry = it.command({"pull", "--mirror", "--dry-run"});
  CHECK(contains(dry.output, "removed  bob"));
  CHECK(contains(dry.output, "removed  cyd"));
  CHECK(it.names_in_store() == all);
  const Finished unasked = it.command({"pull", "--mirror"});
  CHECK(unasked.status == 1);
  CHECK(contains(unasked.output, "--yes"));
  CHECK(it.names_in_store() == all);
  CHECK(it.command({"pull", "--mirror", "--yes"}).status == 0);
  CHECK(it.names_in_store() == std::set<std::string>{"ada"});
  it.site.start_worker();
  it.wait_until_in_step();
  CHECK(names_in(it.document()) == std::set<std::string>{"ada"});
  HttpClient client(it.site.url());
  CHECK(client.post_json("/login", credentials("ada", "another one")).status == 200);
  CHECK(client.post_json("/login", credentials("bob", kPassword)).status == 401);
}

TEST_CASE("create makes a private bin with the list and says how to use it") {
  ThreeUsers it;
  it.service.reset_stats();
  CHECK(it.command({"create", "--dry-run"}).status == 0);
  CHECK(it.service.stats()["requests"] == 0);
  const Finished created = it.command({"create", "--name", "our people"});
  CHECK(created.status == 0);
  const auto at = created.output.find("bin-id = \"");
  REQUIRE(at != std::string::npos);
  const std::string id = created.output.substr(at + 10, 24);
  CHECK(names_in(SiteWithBin::json_in(it.service.bin(id))) == it.names_in_store());
  HttpClient stranger(it.service.url());
  CHECK(stranger.get("/b/" + id + "/latest").status == 401);
}

TEST_CASE("export and import carry the list, by file and by pipe") {
  ThreeUsers it;
  const std::string file = it.site.file("list.json");
  CHECK(it.command({"export", file, "--dry-run"}).status == 0);
  CHECK(read_file(file).empty());
  REQUIRE(it.command({"export", file}).status == 0);
  struct stat status {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);

  Site::Options nothing;
  nothing.start_worker = false;
  Site other(nothing);
  CHECK(without_bin(other, {"import", file, "--dry-run"}).status == 0);
  CHECK(without_bin(other, {"export"}).output == "[]\n");
  const Finished imported = without_bin(other, {"import"}, read_file(file));
  CHECK(imported.status == 0);
  CHECK(contains(imported.output, "new      ada"));
  CHECK(without_bin(other, {"export"}).output == read_file(file));
  CHECK(contains(without_bin(other, {"import", file}).output, "nothing new"));
  other.start_worker();
  HttpClient client(other.url());
  CHECK(client.post_json("/login", credentials("cyd", kPassword)).status == 200);
}

TEST_CASE("import refuses what is no list of users, and changes nothing") {
  ThreeUsers it;
  const auto before = it.names_in_store();
  const auto text = GENERATE(as<std::string>{}, "", "{", "[1, 2]", "{\"a\": 1}", "<html>", "7");
  const Finished refused = it.command({"import"}, text);
  CHECK(refused.status == 1);
  CHECK(contains(refused.output, "nothing was imported"));
  CHECK(it.names_in_store() == before);
}

TEST_CASE("import hashes passwords in plain text") {
  Site site;
  CHECK(without_bin(site, {"import"}, R"([{"username": "Old", "password": "in the clear"}])")
            .status == 0);
  CHECK_FALSE(contains(without_bin(site, {"export"}).output, "in the clear"));
  HttpClient client(site.url());
  CHECK(client.post_json("/login", credentials("old", "in the clear")).status == 200);
}

TEST_CASE("status says what is pending, and asks the service nothing") {
  SiteWithBin it("[{}]", {"--bin-wait=50ms"});
  it.wait_until_in_step();
  it.service.stop();
  HttpClient client(it.site.url());
  CHECK(client.post_json("/register", credentials("ada", kPassword)).status == 202);
  wait_until("it was tried", [&] { return it.status()["problem"].isObject(); });
  const Finished status = it.command({"status"});
  CHECK(status.status == 0);
  for (const char* words : {"pending       1, since 20", "problem       JSONBin is away",
                            "last success  20", "next attempt  20", "of 100000 bytes"}) {
    CAPTURE(words, status.output);
    CHECK(contains(status.output, words));
  }
  it.service.start();
  it.service.reset_stats();
  it.site.worker().signal(SIGTERM);
  CHECK(it.site.worker().wait() == 0);
  const auto requests = it.service.stats()["requests"];
  CHECK(it.command({"status"}).status == 0);
  CHECK(it.service.stats()["requests"] == requests);
}

TEST_CASE("a command that cannot work says what to mend") {
  Site site;
  const auto [arguments, status, words] =
      GENERATE(table<std::vector<std::string>, int, std::string>({
          {{}, 2, "usage: userbin bin"},
          {{"fly"}, 2, "no command 'fly'"},
          {{"status"}, 1, "set BIN_ID"},
          {{"push"}, 1, "userbin bin create"},
          {{"push", "--bin-id=abc"}, 2, "--jsonbin-key-file"},
          {{"push", "--bin-id=abc", "--jsonbin-key-file=/nowhere/key"}, 2, "/nowhere/key"},
          {{"push", "--bin-id=../x"}, 2, "no id of JSONBin"},
          {{"push", "--bin-id=abc", "--jsonbin-collection=def"}, 2, "exclude each other"},
          {{"push", "--jsonbin-collection=def", "--jsonbin-key-kind=access"}, 2, "master key"},
          {{"export", "/nowhere/list"}, 1, "/nowhere/list"},
          {{"import", "/nowhere/list"}, 1, "/nowhere/list"},
          {{"pull", "--bin-requests=3/day"}, 2, "at least 24"},
      }));
  std::vector<std::string> command = {userbin_program(), "bin"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  if (arguments.size() > 0 && arguments[0] != "fly") command.push_back("--store=" + site.store());
  const Finished refused = run_command(command);
  CAPTURE(arguments, refused.output);
  CHECK(refused.status == status);
  CHECK(contains(refused.output, words));
}

TEST_CASE("a key file that everybody can read is refused, and its key not shown") {
  SiteWithBin it;
  const std::string file = it.site.file("open-key");
  write_file(file, "$2a$10$open-secret\n");
  REQUIRE(::chmod(file.c_str(), 0644) == 0);
  const Finished refused =
      run_command({userbin_program(), "bin", "push", "--bin-id=" + it.id,
                   "--store=" + it.site.store(), "--jsonbin-key-file=" + file});
  CHECK(refused.status == 2);
  CHECK(contains(refused.output, "chmod 600"));
  CHECK_FALSE(contains(refused.output, "open-secret"));
}

TEST_CASE("a store that follows one bin is not mixed with another by mistake") {
  ThreeUsers it;
  const std::string other = it.service.create_bin("[{}]");
  const std::vector<std::string> flags = bin_flags(it.service, other);
  std::vector<std::string> command = {userbin_program(), "bin", "pull",
                                      "--store=" + it.site.store()};
  command.insert(command.end(), flags.begin(), flags.end());
  const Finished refused = run_command(command);
  CHECK(refused.status == 1);
  CHECK(contains(refused.output, "userbin bin push"));
  command[2] = "push";
  CHECK(run_command(command).status == 0);
  CHECK(names_in(SiteWithBin::json_in(it.service.bin(other))) == it.names_in_store());
}

}  // namespace userbin::test
