// The places that nginx guards with the files under nginx/. Each trap of nginx has a test that also
// takes the mend out, to see the trap itself: should it be gone one day, the mend may go too.
#include <algorithm>
#include <filesystem>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>

#include "base/unique_fd.h"
#include "support/catch.h"
#include "support/site.h"
#include "support/text.h"

using namespace userbin::test;
using userbin::base::UniqueFd;

namespace {

using Edit = Site::Edit;

const std::string kPassword = "seven green lanterns";
const std::vector<std::string> kPerson = {"Accept: text/html,*/*;q=0.8"};
const std::vector<std::string> kForged = {
    "Remote-User: mona",
    "Remote-Groups: admin",
    "Remote-Name: mona",
    "Remote-Email: m@mona",
    "Remote_User: mona",
    "Remote_Groups: admin",
    "REMOTE-USER: mona",
    "X-Remote-User: mona",
    "Userbin-Require: ",
    "X-Original-URI: /",
    "Document-Uri: /",
    "Proxy: mona",
    "Authorization: Basic bW9uYTptb25h"  // mona:mona
};
const Edit kUnderscores{"example.conf", "server_tokens off;",
                        "server_tokens off; underscores_in_headers on;"};

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

/// The example site with its application.
Site::Options example(const std::vector<Edit>& edits = {}, const std::string& locations = "") {
  return {.locations = locations, .edits = edits, .start_application = true};
}

void sign_in(const Site& site, HttpClient& client, const std::string& name,
             const std::string& role = "user") {
  const std::string body = credentials(name, kPassword);
  REQUIRE(client.post_json("/register", body).status == 200);
  site.sql("UPDATE users SET record = " + Site::record_with("role", '"' + role + '"') +
           ", revision = revision + 1 WHERE name = '" + name + "'");
  REQUIRE(client.post_json("/login", body).status == 200);
}

/// What nginx sends a worker; one that never answers.
class Recorder {
 public:
  explicit Recorder(const std::string& socket_path)
      : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    REQUIRE(socket_path.size() < sizeof address.sun_path);
    std::copy(socket_path.begin(), socket_path.end(), std::begin(address.sun_path));
    REQUIRE(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_.get(), 8) == 0);
    std::filesystem::permissions(socket_path, std::filesystem::perms(0666));
  }

  struct Recorded {
    bool keeps_connection = false;
    std::map<std::string, std::string> parameters;
    std::string body;
  };

  /// The next request; its connection is closed then.
  Recorded next() const {
    const UniqueFd connection(::accept(listener_.get(), nullptr, nullptr));
    const auto read = [&](std::size_t size) {
      std::string bytes(size, '\0');
      // To read nothing may wait for something.
      if (size > 0 &&
          ::recv(connection.get(), bytes.data(), size, MSG_WAITALL) != static_cast<ssize_t>(size)) {
        throw std::runtime_error("nginx sent no whole record");
      }
      return bytes;
    };
    Recorded recorded;
    std::string parameters;
    for (;;) {
      const std::string header = read(8);
      const std::string content = read(number(header, 4, 2));
      read(number(header, 6, 1));
      if (header[1] == 1) recorded.keeps_connection = content.at(2) != 0;
      if (header[1] == 4) parameters += content;
      if (header[1] == 5) recorded.body += content;
      if (header[1] == 5 && content.empty()) break;
    }
    for (std::size_t at = 0; at < parameters.size();) {
      const std::size_t name = length(parameters, at), value = length(parameters, at);
      recorded.parameters[parameters.substr(at, name)] = parameters.substr(at + name, value);
      at += name + value;
    }
    return recorded;
  }

 private:
  static std::size_t number(const std::string& bytes, std::size_t at, std::size_t size) {
    std::size_t value = 0;
    for (; size > 0; --size) value = value << 8 | static_cast<unsigned char>(bytes.at(at++));
    return value;
  }
  static std::size_t length(const std::string& bytes, std::size_t& at) {
    const std::size_t size = bytes.at(at) < 0 ? 4 : 1;
    const std::size_t value = number(bytes, at, size);
    at += size;
    return value & (size == 4 ? 0x7FFFFFFF : 0x7F);
  }

  const UniqueFd listener_;
};

/// What the verifier is asked when somebody posts to a guarded place.
Recorder::Recorded question(const std::vector<Edit>& edits) {
  const Site site({.start_worker = false, .edits = edits});
  const Recorder recorder(site.socket());
  std::thread client([&] {
    HttpClient nobody(site.url());
    nobody.post_form("/staff/../staff//a%2Fb?c=%20d", "the=body", kForged);
  });
  const Recorder::Recorded recorded = recorder.next();
  client.join();
  return recorded;
}

}  // namespace

TEST_CASE("a person who is not logged in is led to the login, a program is told") {
  const Site site(example());
  HttpClient nobody(site.url());
  for (const char* place : {"/members/", "/staff/"}) {
    CAPTURE(place);
    const std::string path = std::string(place) + "a%2Fb?c=d&e=%20f";
    const Answer person = nobody.get(path, kPerson);
    CHECK(person.status == 303);
    CHECK(person.header("Location") ==
          "/login?rd=" + std::string(place) + "a%252Fb%3Fc%3Dd%26e%3D%2520f");
    CHECK(person.header("Cache-Control") == "no-store");
    CHECK(nobody.send({.method = "HEAD", .path = path, .headers = kPerson}).status == 303);
    for (const auto& program : std::vector<std::vector<std::string>>{
             {}, {"Accept: application/json"}, {kPerson[0], "Sec-Fetch-Mode: cors"}}) {
      const Answer answer = nobody.get(path, program);
      CHECK(answer.status == 401);
      CHECK(answer.code() == "not_signed_in");
      CHECK(answer.header("Location").empty());
      CHECK(answer.header("WWW-Authenticate") == "Bearer");
    }
    const Answer form = nobody.post_form(path, "a=b", kBrowser);
    CHECK(form.status == 401);
    CHECK(contains(form.body, "<h1>Not sent: you are logged out</h1>"));
    CHECK(nobody.post_form(path, "a=b").code() == "not_signed_in");
  }
  const Answer api = nobody.get("/api/", kPerson);
  CHECK(api.status == 401);
  CHECK(api.code() == "not_signed_in");
}

TEST_CASE("who lacks the role sees a page that says so, and is sent nowhere") {
  const Site site(example());
  HttpClient user(site.url()), admin(site.url());
  sign_in(site, user, "alice");
  sign_in(site, admin, "mona", "admin");
  const Answer person = user.get("/staff/deep/page", kPerson);
  CHECK(person.status == 403);
  CHECK(person.header("Location").empty());
  CHECK(person.header("Content-Type") == "text/html; charset=utf-8");
  CHECK(contains(person.body, "<strong>admin</strong>"));
  CHECK(contains(person.body, "href=\"/userbin.css\""));
  CHECK(user.post_form("/staff/", "a=b", kBrowser).status == 403);
  const Answer program = user.get("/staff/");
  CHECK(program.status == 403);
  CHECK(program.code() == "forbidden");
  CHECK(contains(admin.get("/staff/", kPerson).body, "HTTP_REMOTE_GROUPS=admin\n"));
}

TEST_CASE("trap: a requirement of the server takes the place of the location's") {
  const bool is_trapped = GENERATE(false, true);
  std::vector<Edit> edits;
  if (is_trapped) {
    edits = {{"userbin.conf", "set $userbin_prefix \"\";",
              "set $userbin_prefix \"\"; set $userbin_require \"\";"}};
  }
  const Site site(example(edits));
  HttpClient user(site.url());
  sign_in(site, user, "alice");
  CHECK(user.get("/staff/").status == (is_trapped ? 200 : 403));
}

TEST_CASE("trap: error_page with a relative Location redirects to nowhere") {
  const bool is_trapped = GENERATE(false, true);
  std::vector<Edit> edits;
  if (is_trapped) {
    edits = {{"userbin_guard.conf", "401 = @userbin_login", "401 =303 $userbin_login"}};
  }
  const Site site(example(edits));
  HttpClient nobody(site.url());
  const Answer answer = nobody.get("/members/", kPerson);
  CHECK(answer.status == 303);
  CHECK(answer.header("Location") == (is_trapped ? "" : "/login?rd=/members/"));
}

TEST_CASE("trap: auth_request with a query asks some other page, and lets everybody in") {
  const bool is_trapped = GENERATE(false, true);
  std::vector<Edit> edits = {{"example.conf", "location /   { return 404; }",
                              "location / { root $userbin_www; try_files /login.html =404; }"}};
  if (is_trapped) {
    edits.push_back({"userbin_guard.conf", "auth_request /verify;", "auth_request /verify?a=b;"});
  }
  const Site site(example(edits));
  HttpClient nobody(site.url());
  CHECK(nobody.get("/members/").status == (is_trapped ? 200 : 401));
}

TEST_CASE("trap: a return beside the guard is done before it") {
  const Site site(example({},
                          "location /trapped/ { include userbin_guard.conf; return 200 x; }\n"
                          "location /mended/ { include userbin_guard.conf; "
                          "try_files /none @mended; }\nlocation @mended { return 200 x; }\n"));
  HttpClient nobody(site.url()), user(site.url());
  sign_in(site, user, "alice");
  CHECK(nobody.get("/trapped/").status == 200);
  CHECK(nobody.get("/mended/").status == 401);
  CHECK(user.get("/mended/").body == "x");
}

TEST_CASE("trap: nginx makes 500 of a verifier that is away") {
  const bool is_trapped = GENERATE(false, true);
  std::vector<Edit> edits;
  if (is_trapped) edits = {{"userbin_guard.conf", "error_page 500 = @userbin_away;", ""}};
  Site site(example(edits));
  HttpClient user(site.url());
  sign_in(site, user, "alice");
  REQUIRE(user.get("/members/").status == 200);
  site.kill_worker();
  const Answer program = user.get("/members/"), person = user.get("/members/a", kPerson);
  if (is_trapped) {
    CHECK(program.status == 500);
    return;
  }
  CHECK(program.status == 503);
  CHECK(program.code() == "overloaded");
  CHECK(person.status == 503);
  CHECK(person.header("Retry-After") == "5");
  CHECK(contains(person.body, "<h1>The login is away</h1>"));
  CHECK(user.post_form("/members/", "a=b", kBrowser).status == 503);
  CHECK(user.get("/api/", kPerson).code() == "overloaded");
  CHECK(contains(user.post_form("/login", "username=a&password=b", kBrowser).body, "The login is"));
}

TEST_CASE("a store that is away is no error of nginx's: nobody is let in", "[sqlite]") {
  const Site site(example());
  HttpClient user(site.url());
  sign_in(site, user, "alice");
  REQUIRE(user.get("/members/").status == 200);
  std::filesystem::rename(site.store(), site.file("elsewhere"));
  wait_until("the store is missed", [&] { return user.get("/members/").status == 401; });
  CHECK(user.get("/members/").status == 401);
  CHECK(user.get("/members/", kPerson).status == 303);
}

TEST_CASE("no client's header, parameter or password becomes the user") {
  const Site site(example({kUnderscores}));
  HttpClient user(site.url());
  sign_in(site, user, "alice");
  for (const char* path : {"/members/?REMOTE_USER=mona", "/api/?Remote-User=mona"}) {
    const std::string seen = user.get(path, kForged).body;
    CAPTURE(path, seen);
    CHECK(count(seen, "REMOTE_USER=alice\n") == (std::string(path).starts_with("/m") ? 2 : 1));
    CHECK(count(seen, "mona") == 1);  // in the path
    CHECK_FALSE(contains(seen, "admin"));
  }
}

TEST_CASE("trap: an identity that the location does not set comes from the client") {
  const auto edit = GENERATE(values<Edit>({
      {"userbin_proxy_params", "proxy_set_header Remote-User   $userbin_user;", ""},
      {"userbin_proxy_params", "proxy_set_header Remote-Name   $userbin_name;", ""},
      {"userbin_proxy_params", "proxy_set_header Remote_User   \"\";", ""},
      {"userbin_proxy_params", "Remote-User   $userbin_user", "Remote-User $remote_user"},
      {"userbin_fastcgi_params", "fastcgi_param HTTP_REMOTE_USER   $userbin_user;", ""},
      {"userbin_fastcgi_params", "fastcgi_param HTTP_REMOTE_EMAIL  $userbin_email;", ""},
      {"userbin_fastcgi_params", "fastcgi_param REMOTE_USER        $userbin_user;",
       "include /etc/nginx/fastcgi_params;"},
  }));
  CAPTURE(edit.file, edit.from);
  const Site site(example({edit, kUnderscores}));
  HttpClient user(site.url());
  sign_in(site, user, "alice");
  const std::string path = edit.file == "userbin_proxy_params" ? "/api/" : "/members/";
  CHECK(contains(user.get(path, kForged).body, "mona"));
}

TEST_CASE("the verifier is told what it needs, and nothing else") {
  const Recorder::Recorded asked = question({});
  auto parameters = asked.parameters;
  CHECK_FALSE(asked.keeps_connection);
  CHECK(asked.body.empty());
  CHECK(parameters["DOCUMENT_URI"] == "/verify");
  CHECK(parameters["REQUEST_URI"] == "/staff/../staff//a%2Fb?c=%20d");
  CHECK(parameters["REQUEST_METHOD"] == "POST");
  CHECK(parameters["USERBIN_REQUIRE"] == "role:admin");
  CHECK(parameters["REMOTE_ADDR"] == "127.0.0.1");
  CHECK(parameters["HTTP_AUTHORIZATION"] == "Basic bW9uYTptb25h");
  for (const auto& [name, value] : asked.parameters) {
    CAPTURE(name, value);
    CHECK_FALSE(contains(name, "REMOTE_USER"));
    CHECK_FALSE(contains(name, "CONTENT"));
    CHECK_FALSE(contains(name, "HTTP_X_"));
    CHECK_FALSE(contains(value, "mona"));
  }
}

TEST_CASE("trap: what nginx sends a verifier unless it is told not to") {
  const auto [edit, check] = GENERATE(table<Edit, std::function<bool(Recorder::Recorded&)>>({
      {{"userbin.conf", "fastcgi_keep_conn off;", "fastcgi_keep_conn on;"},
       [](Recorder::Recorded& asked) { return asked.keeps_connection; }},
      {{"userbin_params", "fastcgi_pass_request_headers off;", ""},
       [](Recorder::Recorded& asked) {
         return asked.parameters["HTTP_REMOTE_USER"] == "mona" &&
                asked.parameters["HTTP_CONTENT_LENGTH"] == "8";
       }},
      {{"userbin.conf", "fastcgi_param REQUEST_URI     $request_uri;",
        "fastcgi_param REQUEST_URI $document_uri;"},
       [](Recorder::Recorded& asked) { return asked.parameters["REQUEST_URI"] == "/verify"; }},
  }));
  CAPTURE(edit.from);
  Recorder::Recorded asked = question({edit});
  CHECK(check(asked));
}

TEST_CASE("what is sent to a guarded application reaches it whole, by any method") {
  const Site site(example());
  HttpClient user(site.url());
  sign_in(site, user, "alice");
  const std::string body(300'000, 'x');
  for (const char* method : {"POST", "PUT", "PATCH"}) {
    for (const char* place : {"/members/", "/api/"}) {
      const std::string seen = user.send({.method = method, .path = place, .body = body}).body;
      CHECK(contains(seen, std::string(method) + " " + place + "\n"));
      CHECK(contains(seen, "REMOTE_USER=alice\n"));
      CHECK(contains(seen, "300000 bytes of body\n"));
    }
  }
}

TEST_CASE("the verifier sets no cookie, of which nginx would hand on the first alone") {
  const Site site(example({{"userbin_guard.conf", "auth_request /verify;",
                            "auth_request /verify; auth_request_set $a $upstream_http_set_cookie; "
                            "add_header Seen-Cookie \"<$a>\" always;"}}));
  HttpClient user(site.url()), nobody(site.url());
  sign_in(site, user, "alice");
  CHECK(user.get("/members/").header("Seen-Cookie") == "<>");
  for (const Answer& answer : {user.get("/staff/"), nobody.get("/members/"),
                               nobody.get("/members/", {"Cookie: userbin=x"})}) {
    CHECK(answer.status >= 401);
    CHECK(answer.header("Set-Cookie").empty());
  }
}

TEST_CASE("a site that is guarded as a whole can still be logged in to") {
  const Site site(example({{"example.conf", "include userbin.conf;",
                            "include userbin.conf; include userbin_guard.conf;"},
                           {"example.conf", "# The site. Everybody:",
                            "location /site/ { proxy_pass http://unix:STATE/proxied.sock; }"}}));
  HttpClient person(site.url());
  CHECK(person.get("/site/", kPerson).header("Location") == "/login?rd=/site/");
  CHECK(person.get("/nothing", kPerson).status == 404);
  for (const char* open : {"/login", "/register", "/userbin.css", "/userbin.svg", "/healthz"}) {
    CHECK(person.get(open).status == 200);
  }
  sign_in(site, person, "alice");
  CHECK(person.get("/account").status == 200);
  CHECK(person.get("/me").status == 200);
  CHECK(person.get("/site/").status == 200);
  CHECK(person.post_json("/logout", "{}").status == 200);
  CHECK(person.get("/site/").status == 401);
}

TEST_CASE("a login whose cookie does not come back is recognised and explained") {
  const std::string prefix = GENERATE("", "/auth");
  Site::Options options = example();
  options.url_prefix = prefix;
  const Site site(options);
  HttpClient person(site.url());
  const auto asks_from = [&](const std::string& referer) {
    std::vector<std::string> headers = kPerson;
    headers.push_back("Referer: " + referer);
    return person.get("/members/a?b=c", headers).header("Location");
  };
  const std::string login = prefix + "/login?rd=/members/a%3Fb%3Dc";
  for (const char* query : {"", "?rd=/members/"}) {
    CHECK(asks_from(site.url() + prefix + "/login" + query) == login + "&error=no_cookie");
  }
  for (const std::string& other :
       {site.url() + "/", site.url() + prefix + "/login/x", site.url() + prefix + "/logins",
        "http://elsewhere.example" + prefix + "/login", std::string("/login")}) {
    CHECK(asks_from(other) == login);
  }
  CHECK(contains(person.get(login + "&error=no_cookie").body, "Allow cookies for this site"));
  // Reloaded when the session is over, the page still has the Referer of its first time.
  const Answer ended = person.get("/members/", {kPerson[0], "Cookie: a=b; userbin=ended",
                                                "Referer: " + site.url() + prefix + "/login"});
  CHECK(ended.header("Location") == prefix + "/login?rd=/members/");
}

TEST_CASE("under a prefix, the pages of refusals lead there") {
  Site::Options options = example();
  options.url_prefix = "/auth";
  Site site(options);
  HttpClient client(site.url() + "/auth"), user(site.url());
  const std::string body = credentials("alice", kPassword);
  client.post_json("/register", body);
  const std::string cookie = client.post_json("/login", body).header("Set-Cookie");
  const std::vector<std::string> session = {kPerson[0], "Cookie: " + cookie.substr(0, 58)};
  const Answer forbidden = user.get("/staff/deep/page", session);
  CHECK(forbidden.status == 403);
  CHECK(contains(forbidden.body, "href=\"/auth/account\""));
  CHECK(contains(user.post_form("/staff/deep/page", "a=b", kPerson).body, "\"/auth/login\""));
  site.kill_worker();
  CHECK(contains(user.get("/members/", session).body, "href=\"/auth/userbin.css\""));
}

namespace {

const std::string kCacheValid = "fastcgi_cache_valid 200 403 1s;";

/// The site with the microcache, which keeps for an hour unless `validity` says otherwise.
Site::Options cached(const std::string& validity = "fastcgi_cache_valid 200 403 1h;") {
  return example({{"example.conf", "include userbin_messages.conf;",
                   "include userbin_messages.conf; include userbin_microcache.conf;"},
                  {"userbin_microcache.conf", "/run/userbin-nginx", "STATE/cache"},
                  {"userbin_microcache.conf", "inactive=10s", "inactive=1h"},
                  {"userbin.conf", kCacheValid, validity},
                  {"example.conf", "include userbin.conf;",
                   "include userbin.conf; set $userbin_cache userbin;"}});
}

}  // namespace

TEST_CASE("the microcache knows one user, one place and one credential from another") {
  Site site(cached());
  HttpClient alice(site.url()), bob(site.url()), mona(site.url()), nobody(site.url());
  sign_in(site, alice, "alice");
  sign_in(site, bob, "bob");
  sign_in(site, mona, "mona", "admin");
  const auto all_is_right = [&] {
    CHECK(contains(alice.get("/members/").body, "\nREMOTE_USER=alice\n"));
    CHECK(contains(bob.get("/members/").body, "\nREMOTE_USER=bob\n"));
    CHECK(contains(mona.get("/staff/").body, "REMOTE_USER=mona\n"));
    CHECK(alice.get("/staff/").status == 403);
  };
  all_is_right();
  CHECK(nobody.get("/members/").status == 401);
  CHECK(nobody.get("/members/a", kPerson).header("Location") == "/login?rd=/members/a");
  CHECK(nobody.get("/members/b", kPerson).header("Location") == "/login?rd=/members/b");
  site.kill_worker();
  all_is_right();  // from the cache
  CHECK(nobody.get("/members/").status == 503);
  CHECK(alice.get("/members/", {"Cookie: a=b"}).status == 503);
  CHECK(alice.get("/members/", {"Authorization: Bearer x"}).status == 503);
}

TEST_CASE("trap: a cache that does not know the requirement lets users into other places") {
  Site::Options options = cached();
  options.edits.push_back({"userbin.conf", "$http_cookie\\n$userbin_require", "$http_cookie"});
  const Site site(options);
  HttpClient alice(site.url());
  sign_in(site, alice, "alice");
  CHECK(alice.get("/members/").status == 200);
  CHECK(alice.get("/staff/").status == 200);
}

TEST_CASE("with the microcache as it comes, a logout has its effect soon") {
  const Site site(cached(kCacheValid));
  HttpClient alice(site.url()), same(site.url());
  sign_in(site, alice, "alice");
  const std::string login =
      alice.post_json("/login", credentials("alice", kPassword)).header("Set-Cookie");
  const std::vector<std::string> session = {"Cookie: " + login.substr(0, login.find(';'))};
  REQUIRE(same.get("/members/", session).status == 200);
  REQUIRE(alice.post_json("/logout", "{}").status == 200);
  wait_until("the session is over", [&] { return same.get("/members/", session).status == 401; });
}
