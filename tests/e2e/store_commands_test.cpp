// 'userbin store copy': from one engine to the other, with a worker before and after.
#include "support/catch.h"
#include "support/owner.h"
#include "support/text.h"

namespace userbin::test {

namespace {

constexpr const char* kPassword = "tuesday grows heavy";

Finished copy(const std::string& from, const std::string& to,
              const std::vector<std::string>& more = {}) {
  std::vector<std::string> command = {
      userbin_program(), "store", "copy", "--from", from, "--to", to};
  command.insert(command.end(), more.begin(), more.end());
  return run_command(command);
}

}  // namespace

TEST_CASE("a site moves from SQLite to PostgreSQL with its users and who is signed in",
          "[sqlite]") {
  Site site;
  HttpClient client(site.url());
  REQUIRE(client.post_json("/register", credentials("Ada", kPassword)).status == 200);
  REQUIRE(client.post_json("/login", credentials("ada", kPassword)).status == 200);
  const std::string token =
      client
          .post_json("/login",
                     R"({"username":"ada","password":"tuesday grows heavy","token":true})")
          .json()["token"]
          .asString();
  const std::vector<std::string> bearer = {"Authorization: Bearer " + token};
  site.kill_worker();
  const PostgresPlace place;
  const Finished copied = copy(site.store(), place.url());
  CAPTURE(copied.output);
  CHECK(copied.status == 0);
  CHECK(contains(copied.output, "both are the same now"));

  Site::Options options;
  options.store = place.url();
  Site moved(options);
  HttpClient there(moved.url());
  CHECK(there.get("/me", bearer).json()["username"] == "Ada");
  CHECK(there.post_json("/login", credentials("ada", kPassword)).status == 200);

  const Finished again = copy(site.store(), place.url());
  CHECK(again.status == 1);
  CHECK(contains(again.output, "there are users in"));
  moved.kill_worker();
  const Json::Value report =
      SiteWithBin::json_in(copy(place.url(), site.file("back.db"), {"--json"}).output);
  CHECK(report["differences_left"] == 0);
  CHECK(report["tables"][0]["rows"] == 1);
  CHECK(run_command({userbin_program(), "user", "list", "--store=" + site.file("back.db")})
            .output.find("Ada") != std::string::npos);
  site.start_worker();  // the site's end looks at it
}

TEST_CASE("a copy that cannot be made says why") {
  const TemporaryFolder folder;
  const std::string missing = folder.file("missing.db");
  CHECK(contains(copy(missing, folder.file("b.db")).output, "there is no store at " + missing));
  CHECK(copy("a.db", "a.db").status == 2);
  CHECK(copy("postgresql://bob:secret@h/d", "b.db").status == 2);
  CHECK(run_command({userbin_program(), "store", "move"}).status == 2);
  CHECK(run_command({userbin_program(), "store", "copy", "--help"}).status == 0);
}

}  // namespace userbin::test
