// What holds behind Apache and behind lighttpd, with the configurations under contrib/.
#include "support/catch.h"
#include "support/guarded_site.h"

using namespace userbin::test;

namespace {

using Server = GuardedSite::Server;

const std::vector<std::string> kPerson = {"Accept: text/html,*/*;q=0.8"};

Server any_server() {
  return GENERATE(Server::kApache, Server::kLighttpd);
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("behind Apache and lighttpd, a person who is not signed in goes to the login page") {
  GuardedSite site(any_server());
  HttpClient nobody(site.url());
  const auto [path, encoded] = GENERATE(table<std::string, std::string>({
      {"/members/page.html?a=b&c=d%2Fe", "/members/page.html%3Fa%3Db%26c%3Dd%252Fe"},
      {"/members/app", "/members/app"},
      {"/members/", "/members/"},
      {"/staff/page.html", "/staff/page.html"},
      {"/members/nothing-here", "/members/nothing-here"},
  }));
  const Answer answer = nobody.get(path, kPerson);
  CHECK(answer.status == 303);
  CHECK(answer.header("Location") == "/login?rd=" + encoded);
  CHECK(answer.header("Cache-Control") == "no-store");
  CHECK(answer.body.find("the page of") == std::string::npos);
  CHECK(nobody.send({.method = "HEAD", .path = path, .headers = kPerson}).status == 303);
}

TEST_CASE("behind Apache and lighttpd, a program that is not signed in sees 401") {
  GuardedSite site(any_server());
  HttpClient nobody(site.url());
  const auto* path = GENERATE("/members/page.html", "/members/app", "/staff/app", "/members//app",
                              "/open/../members/app", "/%6dembers/app", "//members/app",
                              "/open/%2e%2e/members/app", "/members/app/more");
  CAPTURE(path);
  const Answer answer = nobody.get(path);
  CHECK(answer.status == 401);
  CHECK(answer.header("Location").empty());
  CHECK(answer.code() == "not_signed_in");
  CHECK(nobody.post_form(path, "a=b", kPerson).status == 401);
  CHECK(nobody.send({.method = "PUT", .path = path, .body = "a", .headers = kPerson}).status ==
        401);
  CHECK(nobody.get("/open/page.html").body == "the page of open");
}

TEST_CASE("behind Apache and lighttpd, a person logs in by form, sees the page and logs out") {
  GuardedSite site(any_server());
  HttpClient browser(site.url());
  CHECK(browser.get("/register").body.find("<h1>Register</h1>") != std::string::npos);
  const std::string form = "username=alice&password=seven+green+lanterns";
  Answer answer = browser.post_form("/register?rd=/members/app", form, kBrowser);
  CHECK(answer.status == 303);
  CHECK(answer.header("Location") == "/login?notice=registered&username=alice&rd=/members/app");

  answer = browser.get(answer.header("Location"));
  CHECK(answer.status == 200);
  CHECK(answer.header("Content-Type").starts_with("text/html"));
  CHECK(answer.header("Cache-Control") == "no-store");
  CHECK(answer.header("Content-Security-Policy").starts_with("default-src 'none'"));
  CHECK(answer.body.find("<form method=\"post\">") != std::string::npos);
  CHECK(answer.body.find("role=\"alert\"") == std::string::npos);
  CHECK(answer.body.find("<!--#") == std::string::npos);

  answer = browser.post_form("/login?rd=/members/app", "username=alice&password=wrong", kBrowser);
  CHECK(answer.status == 303);
  CHECK(answer.header("Location") ==
        "/login?error=invalid_credentials&username=alice&rd=/members/app");
  answer = browser.get(answer.header("Location"));
  CHECK(answer.status == 200);
  CHECK(answer.body.find("role=\"alert\"") != std::string::npos);

  answer = browser.post_form("/login?rd=/members/app", form, kBrowser);
  CHECK(answer.status == 303);
  CHECK(answer.header("Location") == "/members/app");
  CHECK(has_line(browser.get("/members/app").body, "REMOTE_USER=alice"));
  CHECK(browser.get("/members/page.html").body == "the page of members");
  CHECK(browser.get("/me").json()["username"] == "alice");
  CHECK(browser.get("/account").body.find("<h1>Your account</h1>") != std::string::npos);
  CHECK(browser.get("/userbin.css").header("Content-Type").starts_with("text/css"));

  CHECK(browser.post_form("/logout", "", kBrowser).header("Location") ==
        "/login?notice=logged_out");
  CHECK(browser.get("/members/app", kPerson).status == 303);
}

TEST_CASE("behind Apache and lighttpd, only who has the role gets in where one is asked for") {
  GuardedSite site(any_server());
  HttpClient user(site.url()), admin(site.url());
  site.sign_in(user, "bob");
  site.sign_in(admin, "mona", "admin");
  for (const char* path : {"/staff/page.html", "/staff/app"}) {
    const Answer refused = user.get(path, kPerson);
    CHECK(refused.status == 403);
    CHECK(refused.header("Location").empty());
    CHECK(user.get(path).status == 403);
    CHECK(user.post_form(path, "a=b").status == 403);
    CHECK(admin.get(path).status == 200);
  }
  CHECK(user.get("/members/app").status == 200);
  const std::string seen = admin.get("/staff/app").body;
  CHECK(has_line(seen, "REMOTE_USER=mona"));
  CHECK(has_line(seen, "REMOTE_GROUPS=admin"));
}

TEST_CASE("behind Apache and lighttpd, nobody forges who he is or what is asked of him") {
  GuardedSite site(any_server());
  HttpClient nobody(site.url()), user(site.url());
  site.sign_in(user, "bob");
  const std::vector<std::string> forged = {
      "Remote-User: mona",          "Remote-Groups: admin",       "Remote_User: mona",
      "Remote_Groups: admin",       "Userbin-Require: role:user", "Userbin_Require:",
      "Variable-REMOTE_USER: mona", "Document-Uri: /logout",      "Https: on"};
  CHECK(nobody.get("/members/app", forged).status == 401);
  CHECK(user.get("/staff/app", forged).status == 403);
  const std::string seen = user.get("/members/app", forged).body;
  CHECK(has_line(seen, "REMOTE_USER=bob"));
  CHECK(has_line(seen, "REMOTE_GROUPS=user"));
  CHECK(seen.find("mona") == std::string::npos);
  CHECK(seen.find("admin") == std::string::npos);
  const std::string open = nobody.get("/open/app", forged).body;
  CHECK(open.find("method GET") != std::string::npos);
  CHECK(open.find("mona") == std::string::npos);
}

TEST_CASE("behind Apache and lighttpd, what is sent to a guarded application reaches it whole") {
  GuardedSite site(any_server());
  HttpClient user(site.url());
  site.sign_in(user, "bob");
  const auto size = GENERATE(values<std::size_t>({1, 1000, 300'000}));
  const std::string body(size, 'x');
  const Answer answer = user.post_form("/members/app", body, kBrowser);
  CHECK(answer.status == 200);
  CHECK(has_line(answer.body, "REMOTE_USER=bob"));
  CHECK(answer.body.ends_with("method POST, body:\n" + body));
  CHECK(user.get("/me").status == 200);
}

TEST_CASE("behind Apache and lighttpd, a bearer token opens as a cookie does") {
  GuardedSite site(any_server());
  HttpClient user(site.url()), program(site.url());
  site.sign_in(user, "bob");
  Json::Value login;
  login["username"] = "bob";
  login["password"] = "seven green lanterns";
  login["token"] = true;
  const std::string token =
      user.post_json("/login", login.toStyledString()).json()["token"].asString();
  REQUIRE(!token.empty());
  CHECK(has_line(program.get("/members/app", {"Authorization: Bearer " + token}).body,
                 "REMOTE_USER=bob"));
  CHECK(program.get("/members/app", {"Authorization: Bearer x" + token}).status == 401);
}

TEST_CASE(
    "behind Apache and lighttpd with TLS, the guard finds the cookie that only TLS may carry") {
  GuardedSite site(any_server());
  const TemporaryFolder folder;
  const std::string jar = folder.file("cookies");
  const auto curl = [&](const std::string& path, const std::vector<std::string>& more) {
    std::vector<std::string> command = {"curl", "-ksi", "--noproxy", "*", "-b", jar, "-c", jar};
    command.insert(command.end(), more.begin(), more.end());
    command.push_back(site.tls_url() + path);
    return run_command(command).output;
  };
  const std::vector<std::string> form = {"-d", "username=alice&password=seven green lanterns"};
  CHECK(curl("/members/app", {}).find(" 401 ") != std::string::npos);
  CHECK(curl("/register", form).find(" 200 ") != std::string::npos);
  CHECK(curl("/login", form).find(": __Host-userbin=") != std::string::npos);
  CHECK(curl("/members/app", {}).find("\nREMOTE_USER=alice\n") != std::string::npos);
  CHECK(curl("/staff/app", {}).find(" 403 ") != std::string::npos);
  CHECK(curl("/me", {}).find("\"alice\"") != std::string::npos);
}

TEST_CASE("behind Apache and lighttpd, a guard whose worker is away lets nobody in") {
  GuardedSite site(any_server());
  HttpClient user(site.url());
  site.sign_in(user, "mona", "admin");
  REQUIRE(user.get("/staff/app").status == 200);
  site.kill_worker();
  for (const char* path : {"/members/page.html", "/members/app", "/staff/app"}) {
    const Answer answer = user.get(path, kPerson);
    CHECK(answer.status >= 500);
    CHECK(answer.body.find("the page of") == std::string::npos);
  }
  CHECK(user.get("/open/page.html").status == 200);
}

TEST_CASE("behind Apache and lighttpd, nobody asks the worker what only the web server may") {
  GuardedSite site(any_server());
  HttpClient client(site.url());
  CHECK(client.get("/verify").status == 404);
  CHECK(client.get("/readyz").status == 404);
  CHECK(client.get("/healthz").json()["status"] == "ok");
}
