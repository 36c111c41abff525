// The HTTP contract, through nginx, as programs and browsers use it.
#include "support/catch.h"
#include "support/site.h"

using namespace userbin::test;

namespace {

const std::string kPassword = "seven green lanterns";

std::string form(const std::string& username, const std::string& password) {
  std::string encoded;
  for (const char c : password) encoded += c == ' ' ? '+' : c;
  return "username=" + username + "&password=" + encoded;
}

}  // namespace

TEST_CASE("a client written for the Flask recipe works unchanged") {
  Site site;
  HttpClient client(site.url());
  const std::string alice = credentials("alice", kPassword);

  Answer answer = client.post_json("/register", alice);
  CHECK(answer.status == 200);
  CHECK(answer.json()["message"] == "User registered successfully");
  CHECK(answer.header("Content-Type") == "application/json; charset=utf-8");

  answer = client.post_json("/register", alice);
  CHECK(answer.status == 400);
  CHECK(answer.json()["error"] == "Username already exists");

  answer = client.post_json("/login", alice);
  CHECK(answer.status == 200);
  CHECK(answer.json()["message"] == "Login successful");

  answer = client.post_json("/login", credentials("alice", "something else"));
  CHECK(answer.status == 401);
  CHECK(answer.json()["error"] == "Invalid credentials");

  answer = client.post_json("/login", credentials("nobody", kPassword));
  CHECK(answer.status == 401);
  CHECK(answer.json()["error"] == "Invalid credentials");
}

TEST_CASE("curl -d registers, logs in, asks who it is and logs out") {
  Site site;
  HttpClient client(site.url());
  CHECK(client.get("/me").status == 401);
  REQUIRE(client.post_form("/register", form("Bob", kPassword)).status == 200);
  const Answer login = client.post_form("/login", form("bOB", kPassword));
  REQUIRE(login.status == 200);
  const std::string cookie = login.header("Set-Cookie");
  CHECK(cookie.starts_with("userbin="));
  CHECK(cookie.find("; Path=/; HttpOnly; SameSite=Lax") != std::string::npos);
  CHECK(cookie.find("Secure") == std::string::npos);

  const Answer me = client.get("/me");
  CHECK(me.status == 200);
  CHECK(me.json()["username"] == "Bob");
  CHECK(me.json()["role"] == "user");
  CHECK_FALSE(me.json().isMember("password"));

  const Answer logout = client.post_json("/logout", "{}");
  CHECK(logout.status == 200);
  CHECK(logout.json()["message"] == "Logged out");
  CHECK(client.get("/me").status == 401);
}

TEST_CASE("a program can ask for the token and use it as a bearer") {
  Site site;
  HttpClient client(site.url());
  REQUIRE(client.post_json("/register", credentials("carol", kPassword)).status == 200);
  const Answer login = client.post_json(
      "/login", R"({"username": "carol", "password": "seven green lanterns", "token": true})");
  const std::string token = login.json()["token"].asString();
  CHECK(token.size() == 43);
  client.forget_cookies();
  CHECK(client.get("/me").status == 401);
  CHECK(client.get("/me", {"Authorization: Bearer " + token}).json()["username"] == "carol");
  CHECK(client.get("/me", {"Authorization: Bearer " + token + "x"}).status == 401);
}

TEST_CASE("logging out everywhere ends the user's other sessions and nobody else's") {
  Site site;
  HttpClient laptop(site.url()), phone(site.url()), other(site.url());
  for (const char* name : {"dave", "erin"}) {
    REQUIRE(laptop.post_json("/register", credentials(name, kPassword)).status == 200);
  }
  for (HttpClient* client : {&laptop, &phone}) {
    REQUIRE(client->post_json("/login", credentials("dave", kPassword)).status == 200);
  }
  REQUIRE(other.post_json("/login", credentials("erin", kPassword)).status == 200);
  CHECK(laptop.post_json("/logout", R"({"everywhere": true})").status == 200);
  CHECK(laptop.get("/me").status == 401);
  CHECK(phone.get("/me").status == 401);
  CHECK(other.get("/me").status == 200);
}

TEST_CASE("a browser's form is answered by a redirect to a page") {
  Site site;
  HttpClient browser(site.url());
  Answer answer = browser.post_form("/register", form("frank", kPassword), kBrowser);
  CHECK(answer.status == 303);
  CHECK(answer.header("Location") == "/login?notice=registered&username=frank");

  answer = browser.post_form("/register", form("frank", kPassword), kBrowser);
  CHECK(answer.status == 303);
  CHECK(answer.header("Location") == "/register?error=username_taken&username=frank");

  answer = browser.post_form("/register", form("frank2", "password1"), kBrowser);
  CHECK(answer.header("Location") == "/register?error=weak_password&reason=common&username=frank2");

  answer =
      browser.post_form("/login?rd=/members/%3Fa=1", form("frank", "wrong password"), kBrowser);
  CHECK(answer.header("Location") ==
        "/login?error=invalid_credentials&username=frank&rd=/members/%3Fa%3D1");

  answer = browser.post_form("/login?rd=/members/%3Fa=1", form("frank", kPassword), kBrowser);
  CHECK(answer.status == 303);
  CHECK(answer.header("Location") == "/members/?a=1");
  CHECK(answer.header("Set-Cookie").starts_with("userbin="));

  answer = browser.get("/account");
  CHECK(answer.status == 200);
  CHECK(answer.body.find("<dd>frank</dd>") != std::string::npos);

  answer = browser.post_form("/logout", "", kBrowser);
  CHECK(answer.status == 303);
  CHECK(answer.header("Location") == "/login?notice=logged_out");

  answer = browser.get("/account", kBrowser);
  CHECK(answer.status == 303);
  CHECK(answer.header("Location") == "/login?rd=/account");
}

TEST_CASE("a redirect after login never leaves the site") {
  Site site;
  HttpClient browser(site.url());
  REQUIRE(browser.post_form("/register", form("grace", kPassword)).status == 200);
  const std::string target =
      GENERATE("//evil.example", "/%5Cevil.example", "https://evil.example", "/%09/evil.example",
               "javascript:alert(1)", "/a//evil.example", "/..//evil.example", "%00/", "");
  const Answer answer =
      browser.post_form("/login?rd=" + target, form("grace", kPassword), kBrowser);
  CHECK(answer.status == 303);
  CHECK(answer.header("Location") == "/account");
}

TEST_CASE("another site can neither log a person in nor out") {
  Site site;
  HttpClient browser(site.url());
  REQUIRE(browser.post_form("/register", form("heidi", kPassword)).status == 200);
  REQUIRE(browser.post_form("/login", form("heidi", kPassword)).status == 200);
  const auto headers =
      GENERATE(std::vector<std::string>{"Sec-Fetch-Site: cross-site"},
               std::vector<std::string>{"Sec-Fetch-Site: same-site"},
               std::vector<std::string>{"Origin: https://evil.example"},
               std::vector<std::string>{"Origin: null"}, std::vector<std::string>{});
  const Answer answer = browser.post_form("/logout", "everywhere=1", headers);
  CHECK(answer.status == 403);
  CHECK(answer.code() == "cross_site");
  CHECK(browser.get("/me").status == 200);
}

TEST_CASE("the site's own origin may change things") {
  Site site;
  HttpClient browser(site.url());
  CHECK(browser.post_form("/logout", "", {"Origin: " + site.url()}).status == 200);
}

TEST_CASE("every answer forbids caching and bears the id that stands in the log") {
  Site site;
  HttpClient client(site.url());
  const auto [method, path, status] = GENERATE(table<const char*, const char*, int>({
      {"GET", "/me", 401},
      {"GET", "/healthz", 200},
      {"GET", "/readyz", 200},
      {"POST", "/login", 400},
      {"DELETE", "/me", 401},
      {"PUT", "/login", 405},
  }));
  const Answer answer = client.send({.method = method, .path = path});
  CHECK(answer.status == status);
  CHECK(answer.header("Cache-Control") == "no-store");
  CHECK(answer.header("X-Content-Type-Options") == "nosniff");
  const std::string id = answer.header("X-Request-Id");
  CHECK(id.size() == 32);
  if (status == 400) CHECK(site.log().find("id=" + id) != std::string::npos);
}

TEST_CASE("HEAD is answered wherever GET is, without a body") {
  Site site;
  HttpClient client(site.url());
  const Answer answer = client.send({.method = "HEAD", .path = "/healthz"});
  CHECK(answer.status == 200);
  CHECK(answer.body.empty());
  CHECK(answer.header("Content-Length") == "16");
}

TEST_CASE("what nginx asks itself cannot be asked from outside") {
  Site site;
  HttpClient client(site.url());
  CHECK(client.get("/verify").status == 404);
}

TEST_CASE("the worker can be mounted below a prefix") {
  Site site({.url_prefix = "/auth"});
  HttpClient browser(site.url());
  Answer answer = browser.post_form("/auth/register", form("ivan", kPassword), kBrowser);
  CHECK(answer.header("Location") == "/auth/login?notice=registered&username=ivan");
  answer = browser.get("/auth/account", kBrowser);
  CHECK(answer.header("Location") == "/auth/login?rd=/auth/account");
  answer = browser.post_form("/auth/login", form("ivan", kPassword), kBrowser);
  CHECK(answer.header("Location") == "/auth/account");
  CHECK(browser.get("/auth/account").body.find("<dd>ivan</dd>") != std::string::npos);
  CHECK(browser.get("/auth/userbin.css").status == 200);
  CHECK(browser.get("/auth/me").json()["username"] == "ivan");
  CHECK(browser.get("/me").status == 404);
}

TEST_CASE("while the worker is away nginx says so, and the next one is found by itself") {
  Site site({.start_worker = false});
  HttpClient client(site.url());
  const Answer away = client.post_json("/login", credentials("judy", kPassword));
  CHECK(away.status == 503);
  CHECK(away.header("Retry-After") == "5");
  CHECK(away.code() == "overloaded");
  CHECK(client.get("/account").status == 503);
  CHECK(client.get("/login").status == 200);
  site.start_worker();
  CHECK(client.get("/healthz").status == 200);
}

TEST_CASE(
    "whatever the method, a place that asks /verify lets in who is logged in, and nobody else") {
  Site site;
  HttpClient browser(site.url());
  const auto* method = GENERATE("GET", "POST", "PUT", "DELETE");
  // /account is a page, so nginx or the worker refuses the method once the visitor is let in.
  const int refused = std::string(method) == "GET" ? 200 : 404;
  CHECK(browser.send({.method = method, .path = "/account"}).status == 401);
  REQUIRE(browser.post_form("/register", form("kim", kPassword)).status == 200);
  REQUIRE(browser.post_form("/login", form("kim", kPassword)).status == 200);
  CHECK(browser.send({.method = method, .path = "/account"}).status == refused);
}

TEST_CASE("a place for a role lets in who has it and tells the others, as the README has it") {
  const std::string guard =
      "include userbin_guard.conf; root $userbin_www; try_files /userbin.svg =404; }\n";
  Site site({.locations = "location = /members/ { " + guard +
                          "location = /staff/ { set $userbin_require \"role:admin\"; " + guard});
  HttpClient user(site.url()), admin(site.url()), nobody(site.url());
  for (const auto& [client, name] : {std::pair{&user, "lena"}, std::pair{&admin, "mona"}}) {
    REQUIRE(client->post_form("/register", form(name, kPassword)).status == 200);
    REQUIRE(client->post_form("/login", form(name, kPassword)).status == 200);
  }
  site.sql("UPDATE users SET record = " + Site::record_with("role", R"("admin")") +
           ", revision = revision + 1 WHERE name = 'mona'");
  CHECK(nobody.get("/members/").status == 401);
  CHECK(nobody.get("/staff/?a=1&b=%25", kBrowser).header("Location") ==
        "/login?rd=/staff/%3Fa%3D1%26b%3D%2525");
  CHECK(user.get("/members/").status == 200);
  CHECK(user.get("/staff/").status == 403);
  CHECK(admin.get("/members/").status == 200);
  CHECK(admin.get("/staff/").status == 200);
}

TEST_CASE("a target that is too long for an answer's head is forgotten, not an error") {
  Site site;
  HttpClient browser(site.url());
  std::string target = "/";
  for (int i = 0; i < 1500; ++i) target += "%3F";
  Answer answer = browser.post_form("/register?rd=" + target, form("nina", kPassword), kBrowser);
  CHECK(answer.header("Location") == "/login?notice=registered&username=nina");
  answer = browser.post_form("/login?rd=" + target, form("nina", "wrong password"), kBrowser);
  CHECK(answer.header("Location") == "/login?error=invalid_credentials&username=nina");
  answer = browser.post_form("/login?rd=" + target, form("nina", kPassword), kBrowser);
  CHECK(answer.header("Location") == "/account");
}
