// The routes under /users, as an admin with curl uses them, through nginx.
#include <atomic>
#include <thread>

#include "support/catch.h"
#include "support/owner.h"

namespace userbin::test {

namespace {

constexpr const char* kPassword = "tuesday grows heavy";
constexpr const char* kOther = "seven green lanterns";

int log_in(HttpClient& client, const std::string& name, const std::string& password = kPassword) {
  return client.post_json("/login", credentials(name, password)).status;
}

/// An admin's curl, signed in.
struct Admin {
  HttpClient client;

  Admin(const Site& site, const std::string& name, const std::string& prefix = "")
      : client(site.url() + prefix) {
    REQUIRE(run_owner(site, {"user", "add", name, "--role", "admin"}, kPassword).status == 0);
    REQUIRE(log_in(client, name) == 200);
  }

  Answer send(const std::string& method, const std::string& path, const std::string& body = "") {
    HttpClient::Call call{.method = method, .path = path, .body = body};
    call.headers = {"Sec-Fetch-Site: same-origin"};
    if (!body.empty()) call.headers.emplace_back("Content-Type: application/json");
    return client.send(call);
  }

  std::vector<std::string> names(const std::string& query = "") {
    const Json::Value body = client.get("/users" + query).json();
    std::vector<std::string> found;
    for (const Json::Value& user : body["users"]) found.push_back(user["username"].asString());
    return found;
  }
};

using Names = std::vector<std::string>;

std::string in_json(const std::string& name, const std::string& password) {
  return credentials(name, password);
}

}  // namespace

TEST_CASE("a name that is no text is nobody's to an admin") {
  Site site;
  Admin admin(site, "ada");
  const std::string path = GENERATE("/users/%FF", "/users/%ED%A0%80");
  CAPTURE(path);
  CHECK(admin.client.get(path).status == 404);
  CHECK(admin.send("PATCH", path, R"({"role":"editor"})").status == 404);
  CHECK(admin.send("DELETE", path).status == 404);
  CHECK(admin.send("POST", path + "/restore").status == 404);
  CHECK(admin.client.get("/users?q=ada%00").json()["users"].empty());
  CHECK(admin.client.get("/users?q=%FF").status == 400);
  CHECK(admin.client.get("/users?after=ad%00").json()["users"].size() == 1);
}

TEST_CASE("an admin looks after users by curl, wherever the login is") {
  const std::string prefix = GENERATE("", "/auth");
  Site::Options options;
  options.url_prefix = prefix;
  options.worker_flags.emplace_back("--registration=closed");
  Site site(options);
  Admin admin(site, "ada", prefix);
  HttpClient bob(site.url() + prefix);

  CHECK(bob.get("/users").code() == "not_signed_in");
  CHECK(admin.send("POST", "/users", in_json("Bob", kPassword)).status == 200);
  CHECK(admin.send("POST", "/users", in_json("bob", kPassword)).code() == "username_taken");
  REQUIRE(log_in(bob, "bob") == 200);
  CHECK(bob.get("/users").code() == "forbidden");
  CHECK(bob.get("/users/ada").code() == "forbidden");
  CHECK(admin.names() == Names{"ada", "Bob"});

  CHECK(admin.send("PATCH", "/users/bob", R"({"role":"editor"})").status == 200);
  CHECK(bob.get("/me").json()["role"] == "editor");
  CHECK(admin.client.get("/users/BOB").json()["role"] == "editor");
  CHECK(admin.send("PATCH", "/users/bob", R"({"disabled":true})").status == 200);
  CHECK(bob.get("/me").status == 401);
  CHECK(log_in(bob, "bob") == 401);
  CHECK(admin.send("PATCH", "/users/bob", R"({"disabled":false})").status == 200);
  REQUIRE(log_in(bob, "bob") == 200);
  CHECK(admin.send("PATCH", "/users/bob", R"({"password":"short"})").code() == "weak_password");
  CHECK(admin.send("PATCH", "/users/bob", R"({"password":"seven green lanterns"})").status == 200);
  CHECK(bob.get("/me").status == 401);
  CHECK(log_in(bob, "bob") == 401);
  REQUIRE(log_in(bob, "bob", kOther) == 200);

  CHECK(admin.send("DELETE", "/users/bob").status == 200);
  CHECK(bob.get("/me").status == 401);
  CHECK(admin.client.get("/users/bob").code() == "no_such_user");
  CHECK(admin.send("POST", "/users/bob/restore").status == 200);
  CHECK(log_in(bob, "bob", kOther) == 200);
  CHECK(bob.get("/me").json()["role"] == "editor");
  CHECK(admin.send("DELETE", "/users/ada").code() == "last_admin");
  const Answer wrong = admin.send("PUT", "/users/bob", "{}");
  CHECK(wrong.status == 405);
  CHECK(wrong.header("allow") == "GET, HEAD, PATCH, DELETE");
  CHECK(admin.client.get("/users/").status == 404);
}

TEST_CASE("a form, too, changes users, and another site's changes nobody") {
  Site site;
  Admin admin(site, "ada");
  REQUIRE(admin.send("POST", "/users", in_json("bob", kPassword)).status == 200);
  HttpClient::Call call{.method = "PATCH", .path = "/users/bob", .body = "role=editor"};
  call.headers = {"Content-Type: application/x-www-form-urlencoded",
                  "Origin: https://evil.example"};
  CHECK(admin.client.send(call).code() == "cross_site");
  call.headers[1] = "Origin: " + site.url();
  CHECK(admin.client.send(call).status == 200);
  CHECK(admin.client.get("/users/bob").json()["role"] == "editor");
}

TEST_CASE("a list of many users is read page by page, each user once") {
  Site site;
  Admin admin(site, "admin");
  std::string lines;
  for (int i = 0; i < 250; ++i) {
    lines += "{\"username\":\"user" + std::to_string(1000 + i) +
             R"(","password":"$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC"},)";
  }
  lines.back() = ']';
  write_file(site.file("users.json"), "[" + lines);
  const Finished imported =
      run_owner(site, {"import", "--format", "json", site.file("users.json")});
  CAPTURE(imported.output);
  REQUIRE(imported.status == 0);
  Names all;
  std::string after;
  int pages = 0;
  for (bool is_last = false; !is_last; ++pages) {
    const Json::Value page = admin.client.get("/users?limit=100&after=" + after).json();
    for (const Json::Value& user : page["users"]) all.push_back(user["username"].asString());
    is_last = page["next"].isNull();
    after = page["next"].asString();
    REQUIRE(pages < 10);
  }
  CHECK(pages == 3);
  REQUIRE(all.size() == 251);
  CHECK(all[1] == "user1000");
  CHECK(all[250] == "user1249");
  CHECK(std::adjacent_find(all.begin(), all.end(), std::greater_equal<>()) == all.end());
  CHECK(admin.names("?q=USER12&limit=100").size() == 50);
  CHECK(admin.names("?role=admin") == Names{"admin"});
}

TEST_CASE("users whose names came with a bin are reached under them") {
  const SiteWithBin home(
      R"([{"username":"Ada","password":"tuesday grows heavy","role":"admin"},
          {"username":"a/b","password":"x1"}, {"username":"a//b","password":"x2"},
          {"username":"what? 50%","password":"x3"}, {"username":"x/../Ada","password":"x4"},
          {"username":"Jürgen","password":"x5"}])",
      {"--registration=closed"});
  home.wait_until_in_step();
  HttpClient admin(home.site.url());
  REQUIRE(log_in(admin, "ada") == 200);
  const auto [name, path] = GENERATE(table<std::string, std::string>({
      {"a/b", "/users/a%2Fb"},
      {"a//b", "/users/a%2F%2Fb"},
      {"what? 50%", "/users/what%3F%2050%25"},
      {"x/../Ada", "/users/x%2F..%2FAda"},
      {"Jürgen", "/users/J%C3%BCrgen"},
  }));
  CAPTURE(path);
  CHECK(admin.get(path).json()["username"] == name);
  const std::vector<std::string> own = {"Sec-Fetch-Site: same-origin"};
  CHECK(admin.send({.method = "DELETE", .path = path, .headers = own}).status == 200);
  CHECK(home.user(name)["role"] == "deleted");
  CHECK(home.user("Ada")["role"] == "admin");
  CHECK(admin.send({.method = "POST", .path = path + "/restore", .headers = own}).status == 200);
  CHECK(home.user(name)["role"] != "deleted");
}

TEST_CASE("what an admin changes is in the bin when he is answered") {
  const SiteWithBin home(R"([{"username":"Ada","password":"tuesday grows heavy","role":"admin"}])");
  home.wait_until_in_step();
  HttpClient admin(home.site.url());
  REQUIRE(log_in(admin, "ada") == 200);
  const std::vector<std::string> headers = {"Content-Type: application/json"};
  REQUIRE(admin.post_json("/users", in_json("bob", kPassword)).status == 200);
  CHECK(home.user("bob")["role"] == "user");
  const HttpClient::Call promotion{
      .method = "PATCH", .path = "/users/bob", .body = R"({"role":"editor"})", .headers = headers};
  REQUIRE(admin.send(promotion).status == 200);
  CHECK(home.user("bob")["role"] == "editor");
}

TEST_CASE("of two admins who remove each other at once, at two workers, one remains") {
  Site site;
  Site::Options options;
  options.store = site.store();
  Site other(options);
  Admin ada(site, "ada");
  for (int round = 0; round < 5; ++round) {
    const std::string name = "eve" + std::to_string(round);
    REQUIRE(ada.send("POST", "/users", in_json(name, kPassword)).status == 200);
    REQUIRE(ada.send("PATCH", "/users/" + name, R"({"role":"admin"})").status == 200);
    HttpClient eve(other.url());
    REQUIRE(log_in(eve, name) == 200);
    const HttpClient::Call against_ada{.method = "PATCH",
                                       .path = "/users/ada",
                                       .body = R"({"role":"user"})",
                                       .headers = {"Content-Type: application/json"}};
    std::atomic<int> by_eve = 0;
    std::thread thread([&] { by_eve = eve.send(against_ada).status; });
    const int by_ada = ada.send("DELETE", "/users/" + name).status;
    thread.join();
    CAPTURE(round, by_ada, by_eve.load());
    // Whoever came second was no admin any more, or the last one.
    CHECK((by_ada == 200) != (by_eve == 200));
    if (by_eve != 200) continue;
    REQUIRE(run_owner(site, {"user", "set-role", "ada", "admin"}).status == 0);
    REQUIRE(ada.send("DELETE", "/users/" + name).status == 200);
  }
}

}  // namespace userbin::test
