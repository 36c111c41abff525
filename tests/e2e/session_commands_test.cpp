// 'userbin session', beside a real worker.
#include "support/catch.h"
#include "support/owner.h"
#include "support/text.h"

namespace userbin::test {

namespace {

constexpr const char* kPassword = "tuesday grows heavy";

void register_user(const Site& site, const std::string& name) {
  HttpClient client(site.url());
  REQUIRE(client.post_json("/register", credentials(name, kPassword)).status == 200);
}

void log_in(HttpClient& client, const std::string& name, const std::string& agent) {
  const Answer answer =
      client.post_json("/login", credentials(name, kPassword), {"User-Agent: " + agent});
  REQUIRE(answer.status == 200);
}

}  // namespace

TEST_CASE("the owner sees who is signed in and ends one session, a user's, or everybody's") {
  const Site site;
  CHECK(run_owner(site, {"session", "list"}).output == "nobody is signed in\n");
  register_user(site, "Ada");
  register_user(site, "Bob");
  HttpClient laptop(site.url());
  HttpClient phone(site.url());
  HttpClient bob(site.url());
  log_in(laptop, "ada", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/128.0");
  log_in(phone, "ada", "evil\x1b[2J");
  log_in(bob, "bob", "curl/8");

  const Finished table = run_owner(site, {"session", "list"});
  CAPTURE(table.output);
  CHECK(table.status == 0);
  CHECK(table.output.starts_with("NAME  ID                SIGNED IN"));
  CHECK(contains(table.output, "127.0.0.1  Firefox on Linux\n"));
  CHECK(contains(table.output, "127.0.0.1  curl/8\n"));
  CHECK_FALSE(contains(table.output, "\x1b"));
  CHECK(ask_owner(site, {"session", "list"}).size() == 3);
  const Json::Value adas = ask_owner(site, {"session", "list", "ADA"});
  REQUIRE(adas.size() == 2);
  CHECK(adas[0]["username"] == "Ada");

  std::string of_laptop;
  for (const Json::Value& session : adas) {
    if (contains(session["user_agent"].asString(), "Firefox")) {
      of_laptop = session["id"].asString();
    }
  }
  REQUIRE(!of_laptop.empty());
  const Finished ended = run_owner(site, {"session", "end", "ada", of_laptop});
  CHECK(ended.output == "ended 1\n");
  CHECK(laptop.get("/me").status == 401);
  CHECK(phone.get("/me").status == 200);

  log_in(laptop, "ada", "curl/8");
  CHECK(run_owner(site, {"session", "end", "ada", "--all"}).output == "ended 2\n");
  CHECK(laptop.get("/me").status == 401);
  CHECK(phone.get("/me").status == 401);
  CHECK(bob.get("/me").status == 200);

  CHECK(run_owner(site, {"session", "end", "--everybody"}).output == "ended 1\n");
  CHECK(bob.get("/me").status == 401);
}

TEST_CASE("a session of another user is not ended, nor one that is not there") {
  const Site site;
  register_user(site, "Ada");
  register_user(site, "Bob");
  HttpClient ada(site.url());
  HttpClient bob(site.url());
  log_in(ada, "ada", "curl/8");
  log_in(bob, "bob", "curl/8");
  const std::string id = ask_owner(site, {"session", "list", "bob"})[0]["id"].asString();
  const Finished refused = run_owner(site, {"session", "end", "ada", id});
  CHECK(refused.status == 1);
  CHECK(contains(refused.output, "ada has no session " + id));
  CHECK(bob.get("/me").status == 200);
}

TEST_CASE("whose sessions are meant must be said clearly") {
  Site::Options options;
  options.start_worker = false;
  const Site site(options);
  REQUIRE(run_owner(site, {"user", "add", "ada"}, kPassword).status == 0);
  const auto [arguments, status, reason] =
      GENERATE(table<std::vector<std::string>, int, std::string>({
          {{"end", "ada"}, 2, "say which sessions to end"},
          {{"end", "--all"}, 2, "say which sessions to end"},
          {{"end", "ada", "--everybody"}, 2, "say which sessions to end"},
          {{"end", "ada", "0123", "--all"}, 2, "say which sessions to end"},
          {{"end", "bob", "--all"}, 1, "there is no user 'bob'"},
          {{"list", "b\x1bob"}, 1, "there is no user 'b\\x1bob'"},
          {{"dance"}, 2, "there is no command 'dance'"},
      }));
  std::vector<std::string> all = arguments;
  all.insert(all.begin(), "session");
  CAPTURE(all);
  const Finished refused = run_owner(site, all);
  CAPTURE(refused.output);
  CHECK(refused.status == status);
  CHECK(contains(refused.output, reason));
}

}  // namespace userbin::test
