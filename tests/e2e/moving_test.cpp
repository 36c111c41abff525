// 'userbin import' and 'export', with hashes that other programs made.
#include <csignal>
#include <sys/stat.h>

#include <crypt.h>

#include "support/catch.h"
#include "support/site_with_bin.h"
#include "support/text.h"

namespace userbin::test {

namespace {

constexpr const char* kPassword = "tuesday grows heavy";
/// Of kPassword, by `openssl passwd -apr1`.
constexpr const char* kHash = "$apr1$saltsalt$922uWJdIE4a29vBJWo4gb.";

/// 'userbin ARGUMENTS' on the site's store.
Finished command(const Site& site, std::vector<std::string> arguments,
                 const std::string& input = "") {
  arguments.insert(arguments.begin(), userbin_program());
  arguments.push_back("--store=" + site.store());
  arguments.insert(arguments.end(), kCheapHashing.begin(), kCheapHashing.end());
  return run_command(arguments, input);
}

Site::Options without_worker() {
  Site::Options options;
  options.start_worker = false;
  return options;
}

/// All records, by 'userbin bin export'.
Json::Value records(const Site& site) {
  return SiteWithBin::json_in(command(site, {"bin", "export"}).output);
}

Json::Value record(const Site& site, const std::string& name) {
  for (const Json::Value& user : records(site)) {
    if (user["username"] == name) return user;
  }
  return {};
}

std::string by_openssl(const std::string& scheme) {
  std::string hash = run_command({"openssl", "passwd", scheme, kPassword}).output;
  while (hash.ends_with('\n')) hash.pop_back();
  return hash;
}

std::string by_crypt(const std::string& setting) {
  const auto data = std::make_unique<crypt_data>();
  const char* hash = crypt_r(kPassword, setting.c_str(), data.get());
  REQUIRE(hash != nullptr);
  return hash;
}

int log_in(const Site& site, const std::string& name, const std::string& password = kPassword) {
  HttpClient client(site.url());
  return client.post_json("/login", credentials(name, password)).status;
}

}  // namespace

TEST_CASE("users of an htpasswd file log in at once, and their hashes are made anew then") {
  Site site;
  const std::vector<std::pair<std::string, std::string>> users{
      {"apr1", by_openssl("-apr1")},
      {"sha256", by_openssl("-5")},
      {"sha512", by_openssl("-6")},
      {"bcrypt", by_crypt("$2y$04$abcdefghijklmnopqrstuu")},
      {"yescrypt", by_crypt("$y$j75$abcdefghijklmnop")},
      {"odd name/\u00C4", by_openssl("-apr1")},
  };
  std::string list = "# from elsewhere\r\n\r\n";
  for (const auto& [name, hash] : users) list += name + ":" + hash + "\r\n";
  const Finished imported =
      command(site, {"import", "--format=htpasswd", "--role=member", "-"}, list);
  CAPTURE(imported.output);
  REQUIRE(imported.status == 0);
  CHECK(contains(imported.output, "new      6"));
  for (const auto& [name, hash] : users) {
    CAPTURE(name, hash);
    CHECK(record(site, name)["password"] == hash);
    CHECK(log_in(site, name, "another one") == 401);
    CHECK(log_in(site, name) == 200);
    CHECK(record(site, name)["password"].asString().starts_with("$argon2id$"));
    CHECK(record(site, name)["role"] == "member");
    CHECK(log_in(site, name) == 200);
  }
}

TEST_CASE("a list with one line that is refused changes nothing, unless such lines are left out") {
  Site site(without_worker());
  const std::string file = site.file("users");
  write_file(file, std::string("ada:") + kHash + "\nbob:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n");
  const Finished refused = command(site, {"import", "--format=htpasswd", file});
  CHECK(refused.status == 1);
  CHECK(contains(refused.output, file + ":2: {SHA} is SHA-1 without a salt"));
  CHECK(contains(refused.output, "nothing was imported"));
  CHECK(records(site).empty());

  const Finished left_out = command(site, {"import", "--format=htpasswd", "--skip-bad", file});
  CHECK(left_out.status == 0);
  CHECK(contains(left_out.output, "refused  1"));
  CHECK(records(site).size() == 1);
}

TEST_CASE("of many lines that are refused twenty are shown, and all of them as JSON") {
  const Site site(without_worker());
  std::string list;
  for (int i = 0; i < 30; ++i) list += "no hash here\n";
  const Finished refused = command(site, {"import", "--format=htpasswd", "-"}, list);
  CHECK(contains(refused.output, "standard input:20: "));
  CHECK_FALSE(contains(refused.output, "standard input:21: "));
  CHECK(contains(refused.output, "... and 10 more"));
  const Finished all = command(site, {"import", "--format=htpasswd", "--json", "-"}, list);
  CHECK(all.status == 1);
  const Json::Value report =
      SiteWithBin::json_in(all.output.substr(all.output.find('{'), all.output.rfind('}')));
  CHECK(report["refused"].size() == 30);
  CHECK(report["imported"] == false);
}

TEST_CASE("who is there is skipped, or replaced and logged out") {
  Site site;
  HttpClient client(site.url());
  REQUIRE(client.post_json("/register", credentials("Ada", "seven green lanterns")).status == 200);
  REQUIRE(client.post_json("/login", credentials("Ada", "seven green lanterns")).status == 200);
  const std::string list = std::string("ada:") + kHash + "\nbob:" + kHash + "\n";

  const Finished dry =
      command(site, {"import", "--format=htpasswd", "--replace", "--dry-run", "-"}, list);
  CHECK(contains(dry.output, "replaced 1"));
  CHECK(records(site).size() == 1);
  CHECK(client.get("/me").status == 200);

  const Finished skipped = command(site, {"import", "--format=htpasswd", "-"}, list);
  CHECK(contains(skipped.output, "skipped  ada: the name is taken"));
  CHECK(client.get("/me").status == 200);
  CHECK(log_in(site, "bob") == 200);

  const Finished replaced = command(site, {"import", "--format=htpasswd", "--replace", "-"}, list);
  CHECK(replaced.status == 0);
  CHECK(contains(replaced.output, "replaced 2"));  // bob's hash was made anew
  CHECK(client.get("/me").status == 401);
  CHECK(log_in(site, "ada") == 200);
  CHECK(log_in(site, "ada", "seven green lanterns") == 401);
}

TEST_CASE("the last enabled admin cannot be replaced by somebody who is none") {
  const Site site(without_worker());
  const std::string admin = R"([{"username": "ada", "password": "!", "role": "admin"}])";
  REQUIRE(command(site, {"import", "--format=json", "-"}, admin).status == 0);
  const auto list =
      GENERATE(as<std::string>{}, R"([{"username": "ada", "password": "!"}])",
               R"([{"username": "ada", "password": "!", "role": "admin", "disabled": true}])");
  const Finished refused = command(site, {"import", "--format=json", "--replace", "-"}, list);
  CHECK(refused.status == 1);
  CHECK(contains(refused.output, "nobody would be left who is an admin"));
  CHECK(record(site, "ada")["role"] == "admin");
}

TEST_CASE("passwords in plain text are hashed, if that was asked for") {
  Site site;
  const std::string list =
      R"({"users": [{"username": "Old", "password": "in the clear", "role": "admin", "team": "red"}]})";
  const Finished refused = command(site, {"import", "--format=json", "-"}, list);
  CHECK(refused.status == 1);
  CHECK(contains(refused.output, "--plain-passwords"));
  CHECK_FALSE(contains(refused.output, "in the clear"));
  const Finished hashed =
      command(site, {"import", "--format=json", "--plain-passwords", "-"}, list);
  CHECK(contains(hashed.output, "hashed   1"));
  CHECK(log_in(site, "old", "in the clear") == 200);
  CHECK(record(site, "Old")["team"] == "red");
  CHECK_FALSE(contains(records(site).toStyledString(), "in the clear"));
}

TEST_CASE("what is exported is imported again as it was") {
  const Site site(without_worker());
  const Site other(without_worker());
  const auto format = GENERATE(as<std::string>{}, "--format=json", "--format=csv");
  REQUIRE(command(site, {"import", "--format=json", "-"},
                  std::string(R"([{"username": "A, \"da", "password": ")") + kHash +
                      R"(", "role": "admin", "name": "Ada", "created_at": "2020-01-01T00:00:00Z"},
                          {"username": "bob", "password": "!", "disabled": true, "team": "red"},
                          {"username": "gone", "password": "!", "role": "deleted"}])")
              .status == 0);
  const std::string file = site.file("list");
  REQUIRE(command(site, {"export", format, file}).status == 0);
  struct stat status {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  const Finished again = command(site, {"export", format, file});
  CHECK(again.status == 1);
  CHECK(contains(again.output, "--force"));
  CHECK(command(site, {"export", format, "--force", file}).status == 0);

  REQUIRE(command(other, {"import", format, file}).status == 0);
  Json::Value before = records(site);
  Json::Value after = records(other);
  for (Json::Value* list : {&before, &after}) {
    for (Json::Value& user : *list) user.removeMember("updated_at");
  }
  CHECK(before.size() == 2);
  CHECK(after == before);
}

TEST_CASE("an htpasswd file is exported for those whom other servers know") {
  const Site site(without_worker());
  REQUIRE(command(site, {"import", "--format=json", "--plain-passwords", "-"},
                  std::string(R"([{"username": "ada", "password": ")") + kHash +
                      R"("}, {"username": "bob", "password": "in the clear"}])")
              .status == 0);
  const std::string file = site.file("htpasswd");
  const Finished exported = command(site, {"export", "--format=htpasswd", file});
  CHECK(exported.status == 0);
  CHECK(contains(exported.output, "1 user left out: Apache and nginx don't know"));
  CHECK(read_file(file) == std::string("ada:") + kHash + "\n");
}

TEST_CASE("a hundred thousand users come and go") {
  const Site site(without_worker());
  std::string list;
  for (int i = 100'000; i < 200'000; ++i) list += "user" + std::to_string(i) + ":" + kHash + "\n";
  const Finished imported = command(site, {"import", "--format=htpasswd", "-"}, list);
  CHECK(imported.status == 0);
  CHECK(contains(imported.output, "new      100000"));
  const std::string file = site.file("htpasswd");
  CHECK(command(site, {"export", "--format=htpasswd", file}).status == 0);
  CHECK(read_file(file) == list);
}

TEST_CASE("imported users reach the bin, as long as it has room") {
  SiteWithBin it;
  const auto with_bin = [&](std::vector<std::string> arguments, const std::string& input) {
    for (const std::string& flag : bin_flags(it.service, it.id)) arguments.push_back(flag);
    return command(it.site, std::move(arguments), input);
  };
  std::string many;
  for (int i = 0; i < 2000; ++i) many += "user" + std::to_string(i) + ":" + kHash + "\n";
  const Finished refused = with_bin({"import", "--format=htpasswd", "-"}, many);
  CHECK(refused.status == 1);
  CHECK(contains(refused.output, "--bin-max-bytes"));
  CHECK(records(it.site).empty());

  REQUIRE(with_bin({"import", "--format=htpasswd", "-"}, std::string("ada:") + kHash).status == 0);
  it.site.worker().signal(SIGHUP);  // reads the bin now, in the place of --bin-poll later
  wait_until("ada is in the bin", [&] { return it.user("ada").isObject(); });
  CHECK(it.user("ada")["password"] == kHash);
}

TEST_CASE("a command that cannot work says what is wrong") {
  const Site site(without_worker());
  const auto [arguments, status, words] =
      GENERATE(table<std::vector<std::string>, int, std::string>({
          {{"import", "-"}, 2, "--format"},
          {{"import", "--format=xml", "-"}, 2, "xml"},
          {{"import", "--format=json"}, 2, "file"},
          {{"import", "--format=json", "--role=deleted", "-"}, 2, "no role"},
          {{"import", "--format=json", "/nowhere/list"}, 1, "/nowhere/list"},
          {{"import", "--format=json", "-"}, 1, "standard input:1: it is not JSON"},
          {{"import", "--help"}, 0, "Exit status"},
          {{"export", "--help"}, 0, "Exit status"},
      }));
  CAPTURE(arguments);
  const Finished refused = command(site, arguments);
  CAPTURE(refused.output);
  CHECK(refused.status == status);
  CHECK(contains(refused.output, words));
}

TEST_CASE("without a store there is nothing to export", "[sqlite]") {
  const Finished refused = command(Site(without_worker()), {"export", "--format=json"});
  CHECK(refused.status == 1);
  CHECK(contains(refused.output, "no store at"));
}

}  // namespace userbin::test
