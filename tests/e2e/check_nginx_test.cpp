// 'userbin check-nginx' on configurations that a real nginx accepts, and on running sites.
#include <algorithm>
#include <filesystem>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/unique_fd.h"
#include "support/catch.h"
#include "support/site.h"
#include "support/text.h"

using namespace userbin::test;
using userbin::base::UniqueFd;

namespace {

const std::string kPassword = "seven green lanterns";
const std::string kPage = "root $userbin_www; try_files /register.html =404;";
const std::string kGuard =
    "auth_request /verify; auth_request_set $userbin_login $upstream_http_location; "
    "error_page 401 = @userbin_login;";
const std::string kIdentities =
    "auth_request_set $userbin_user $upstream_http_remote_user;"
    "proxy_set_header Remote-User $userbin_user; proxy_set_header Remote-Groups \"\";"
    "proxy_set_header Remote-Name \"\"; proxy_set_header Remote-Email \"\";";
/// An application that says who it thinks asks.
const std::string kEcho =
    "location = /echo { return 200 \"<$http_remote_user>\"; }\n"
    "location /app/ { proxy_pass http://127.0.0.1:$server_port/echo;";

Finished check(const std::vector<std::string>& arguments, const std::string& input = "",
               const std::vector<std::string>& environment = {}) {
  std::vector<std::string> command{userbin_program(), "check-nginx"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run_command(command, input, environment);
}

/// A configuration as tools/make-site writes it, with more of `what` before `mark`.
class Configuration {
 public:
  explicit Configuration(const std::string& what = "", const std::string& mark = "location /  ") {
    const Finished made = run_command({"tools/make-site", folder_.path().string(), "18080"});
    REQUIRE(made.status == 0);
    std::string text = read_file(path());
    text.insert(text.find(mark), what);
    write_file(path(), text);
  }

  std::string path() const { return folder_.file("nginx/example.conf"); }
  std::string file(const std::string& name) const { return folder_.file(name); }

  std::vector<std::string> nginx(const std::string& flag) const {
    return {"/usr/sbin/nginx",        flag, "-p", folder_.path().string(), "-c", path(), "-e",
            folder_.file("error.log")};
  }

  /// What 'nginx -T' prints; it accepts the configuration.
  std::string dump() const {
    const Finished tested = run_command(nginx("-T"));
    INFO(tested.output);
    REQUIRE(tested.status == 0);
    return tested.output;
  }

  /// "PATH:LINE: " of the line that has this text.
  std::string place_of(const std::string& text) const {
    const std::string whole = read_file(path());
    const auto at = whole.find(text);
    REQUIRE(at != std::string::npos);
    const auto end = whole.begin() + static_cast<std::ptrdiff_t>(at);
    return path() + ":" + std::to_string(std::count(whole.begin(), end, '\n') + 1) + ": ";
  }

 private:
  TemporaryFolder folder_;
};

void register_alice(const Site& site) {
  HttpClient client(site.url());
  REQUIRE(client.post_json("/register", credentials("alice", kPassword)).status == 200);
}

/// The status of a page; with alice's session if there is one.
int status_of(const Site& site, const std::string& path, bool is_logged_in) {
  HttpClient client(site.url());
  if (is_logged_in) {
    REQUIRE(client.post_json("/login", credentials("alice", kPassword)).status == 200);
  }
  return client.get(path).status;
}

}  // namespace

TEST_CASE("nothing is found in what userbin installs") {
  const std::string url_prefix = GENERATE("", "/auth");
  const TemporaryFolder folder;
  REQUIRE(run_command({"tools/make-site", folder.path().string(), "18080", url_prefix}).status ==
          0);
  const std::string path = folder.file("nginx/example.conf");
  const Finished dump = run_command({"/usr/sbin/nginx", "-T", "-p", folder.path().string(), "-c",
                                     path, "-e", folder.file("error.log")});
  REQUIRE(dump.status == 0);
  for (const Finished& checked : {check({"-"}, dump.output), check({path})}) {
    CHECK(checked.output == "nothing found\n");
    CHECK(checked.status == 0);
  }
}

TEST_CASE("without a file, nginx is asked") {
  const Configuration configuration("location /m/ { auth_request /verify?x; }\n");
  const TemporaryFolder folder;
  const auto run_as_nginx = [&](const std::string& script) {
    write_file(folder.file("nginx"), "#!/bin/sh\n" + script);
    std::filesystem::permissions(folder.file("nginx"), std::filesystem::perms::owner_all);
    return check({}, "", {"PATH=" + folder.path().string() + ":/usr/bin:/bin"});
  };
  std::string command = "exec";
  for (const std::string& word : configuration.nginx("\"$@\"")) command += " " + word;
  const Finished found = run_as_nginx(command);
  CHECK(contains(found.output, configuration.place_of("verify?x") + "hole: "));
  CHECK(contains(found.output, "\n1 hole, 0 faults, 0 notes\n"));
  CHECK(found.status == 1);

  const Finished failed = run_as_nginx("echo 'nginx: [emerg] broken' >&2; exit 1");
  CHECK(contains(failed.output, "nginx: [emerg] broken\n"));
  CHECK(contains(failed.output, "'nginx -T' failed (status 1)"));
  CHECK(failed.status == 1);
}

TEST_CASE("what cannot be read or makes no sense is said, and is no success") {
  const TemporaryFolder folder;
  const std::string file = folder.file("nginx.conf");
  CHECK(check({file}).status == 1);
  write_file(file, "http {\n server {\n");
  const Finished broken = check({file});
  CHECK(broken.output ==
        "userbin check-nginx: " + file + ":3: the file ends where a '}' is missing\n");
  CHECK(broken.status == 1);
  write_file(file, "http { server { location / { return 404; } } }");
  CHECK(check({file}).output ==
        "nothing found, but no place is protected by auth_request either\n");
  CHECK(check({"--no-such-flag"}).status == 2);
  CHECK(check({"--live", "ftp://example.org/"}).status == 2);
  CHECK(check({"--live", "http://a@example.org/"}).status == 2);
  CHECK(check({"--login-as", "alice"}).status == 2);
  CHECK(check({"--help"}).status == 0);
}

TEST_CASE("what is called a hole lets people in, in a real nginx") {
  struct Hole {
    std::string rule;
    std::string locations;
    /// In the line that is reported.
    std::string line;
    std::string path;
    /// Whether it takes a session, of a user without the role.
    bool needs_session = false;
  };
  const std::string admin = "set $userbin_require \"role:admin\";";
  const auto hole = GENERATE_COPY(values<Hole>({
      {"auth-request-query",
       "location / { " + kPage + "}\nlocation /m/ {\nauth_request /verify?x;\n" + kPage + "}\n#",
       "/verify?x", "/m/"},
      {"auth-request-astray",
       "location / { " + kPage + "}\nlocation /m/ {\nauth_request /verifi;\n" + kPage + "}\n#",
       "/verifi;", "/m/"},
      {"auth-request-astray",
       "location = /yes { internal; return 200; }\nlocation /m/ {\nauth_request /yes;\n" + kPage +
           "}\n",
       "auth_request /yes", "/m/"},
      {"auth-request-rewritten",
       "rewrite ^/(v.*)$ /open/$1 last;\nlocation /open/ { " + kPage + "}\nlocation /m/ {\n" +
           kGuard + kPage + "}\n",
       "rewrite", "/m/"},
      {"return-first", "location /m/ {\n" + kGuard + "\nreturn 200 secret;\n}\n", "secret", "/m/"},
      {"return-first",
       "location /m/ {\n" + kGuard + kPage + "\nif ($arg_x) {\nreturn 200 secret;\n}\n}\n",
       "secret", "/m/?x=1"},
      {"rewrite-first",
       "location /m/ {\n" + kGuard + "\nrewrite ^/m/ /files/a last;\n}\nlocation /files/ { " +
           kPage + "}\n",
       "rewrite", "/m/"},
      {"place-beside",
       "location /m/ {\n" + kGuard + kPage + "}\nlocation ~ \\.css$ {\n" + kPage + "}\n",
       "location ~", "/m/a.css"},
      {"require-at-server",
       "set $userbin_require \"\";\nlocation /m/ {\n" + kGuard + admin + kPage + "}\n",
       "$userbin_require \"\"", "/m/", true},
      {"require-lost",
       "location /m/ {\n" + kGuard + admin + kPage + "\nlocation ~ x$ {\n" + kPage + "}\n}\n",
       "location ~", "/m/x", true},
      {"require-unasked", "location /m/ {\n" + admin + "\n" + kPage + "}\n", admin, "/m/"},
  }));
  CAPTURE(hole.rule, hole.locations);
  const Configuration configuration(hole.locations);
  const Finished found = check({"-"}, configuration.dump());
  CAPTURE(found.output);
  CHECK(contains(found.output, configuration.place_of(hole.line) + "hole: "));
  CHECK(contains(found.output, " [" + hole.rule + "]\n    mend: "));
  CHECK(found.status == 1);

  const Site site({.locations = hole.locations});
  register_alice(site);
  CHECK(status_of(site, hole.path, hole.needs_session) == 200);
}

TEST_CASE("a place that is mended as advised keeps people out, in a real nginx") {
  const std::string locations = "location /return/ { " + kGuard +
                                "try_files /none @page; }\nlocation @page { return 200 secret; }\n"
                                "location /rewrite/ { " +
                                kGuard +
                                "root $userbin_www; rewrite ^ /register.html break; }\n"
                                "location ^~ /m/ { " +
                                kGuard + kPage + "}\nlocation ~ ^/m/.+\\.css$ { " + kPage +
                                "}\n"
                                "location /admin/ { " +
                                kGuard + kPage +
                                "set $userbin_require \"role:admin\";\n"
                                "location ~ x$ { set $userbin_require \"role:admin\"; " +
                                kPage + "} }\n";
  const Configuration configuration(locations);
  CHECK(check({"-"}, configuration.dump()).output == "nothing found\n");
  const Site site({.locations = locations});
  register_alice(site);
  for (const char* path : {"/return/", "/rewrite/", "/m/a.css"}) {
    CAPTURE(path);
    CHECK(status_of(site, path, false) == 401);
    CHECK(status_of(site, path, true) == 200);
  }
  for (const char* path : {"/admin/", "/admin/x"}) CHECK(status_of(site, path, true) == 403);
}

TEST_CASE("traps in the files that are included are found there") {
  const Configuration configuration;
  std::string text = read_file(configuration.file("nginx/userbin.conf"));
  const std::string internal = "    internal;\n";
  text.erase(text.find(internal, text.find("location = /verify")), internal.size());
  write_file(configuration.file("nginx/userbin.conf"), text);
  const Finished found = check({"-"}, configuration.dump());
  CHECK(contains(found.output, configuration.file("nginx/userbin.conf") + ":"));
  CHECK(contains(found.output, ": fault: 'location = /verify' is not internal"));
  CHECK(contains(found.output, "\n0 holes, 1 fault, 0 notes\n"));
  CHECK(found.status == 1);
}

TEST_CASE("notes alone are no failure") {
  const Configuration configuration("location /m/ { " + kGuard + kPage +
                                    " satisfy any; allow 127.0.0.1; deny all; }\n");
  const Finished found = check({"-"}, configuration.dump());
  CHECK(contains(found.output, configuration.place_of("satisfy any") + "note: "));
  CHECK(contains(found.output, "\n0 holes, 0 faults, 1 note\n"));
  CHECK(found.status == 0);
}

TEST_CASE("nothing gets through to a guarded page") {
  const Site site({.locations = "location /m/ { " + kGuard + kPage + "}\n" + kEcho + kGuard +
                                kIdentities + "}\n"});
  register_alice(site);
  for (const char* page : {"/m/", "/m/deep/page?a=b", "/app/"}) {
    CAPTURE(page);
    const Finished anonymous = check({"--live", site.url() + page});
    CHECK(contains(anonymous.output, " requests, nothing got through\n"));
    CHECK(anonymous.status == 0);
    const Finished with_session =
        check({"--live", site.url() + page, "--login-as=alice"}, kPassword + "\n");
    CHECK(contains(with_session.output, " requests, nothing got through\n"));
    CHECK(std::stoi(with_session.output) <= 60);
    CHECK(std::stoi(with_session.output) > std::stoi(anonymous.output));
    CHECK(with_session.status == 0);
  }
}

TEST_CASE("what gets through to a page with a hole is said") {
  struct Hole {
    std::string locations;
    std::string page;
    std::string said;
  };
  const auto hole = GENERATE(values<Hole>({
      {"location / { " + kPage + "}\nlocation /m/ { auth_request /verify?x; " + kPage + "}\n#",
       "/m/", "hole: GET /m/: answered 200\n1 request, 1 got through\n"},
      {"location /m/ { " + kGuard + kPage +
           "}\nlocation ~ /$ { if ($arg_userbin) { return 200 x; } " + kGuard + kPage + "}\n",
       "/m/", "hole: GET /m/?userbin=1: answered 200\n"},
      {"location /m/ { " + kGuard + kPage + " if ($http_x_forwarded_for) { return 200 x; } }\n",
       "/m/", "hole: GET /m/ with X-Forwarded-For: 127.0.0.1: answered 200\n"},
      {"location /m/ { " + kGuard + kPage + " if ($request_method = POST) { return 200 x; } }\n",
       "/m/", "hole: POST /m/: answered 200\n"},
      {"location = /m { " + kGuard + kPage + "}\nlocation \"/m;\" { " + kPage + "}\n", "/m",
       "hole: GET /m;x: answered 200\n"},
      {kEcho + kGuard + "}\n", "/app/",
       "hole: GET /app/ with Remote-User: userbin-check-forged, logged in as alice: the answer "
       "repeats the forged name\n"},
      {kEcho + kGuard + "proxy_set_header Remote-User $remote_user; }\n", "/app/",
       "with Authorization: Basic dXNlcmJpbi1jaGVjay1mb3JnZWQ6eA==, logged in as alice: the answer "
       "repeats the forged name\n"},
  }));
  CAPTURE(hole.locations);
  const Site site({.locations = hole.locations});
  register_alice(site);
  const Finished found =
      check({"--live", site.url() + hole.page, "--login-as=alice"}, kPassword + "\n");
  CAPTURE(found.output);
  CHECK(contains(found.output, hole.said));
  CHECK(contains(found.output, " got through\n"));
  CHECK(found.status == 1);
}

TEST_CASE("a verifier that anybody can ask is said") {
  // The login page of a refused request tells where the verifier is.
  const Site site({.locations = "location /m/ { return 303 /x/login?rd=/m/; }\n"
                                "location = /x/verify { return 401; }\n"});
  const Finished found = check({"--live", site.url() + "/m/"});
  CHECK(contains(found.output,
                 "hole: GET /x/verify: the verifier answers anybody (401): it is not internal\n"));
  CHECK(found.status == 1);
}

TEST_CASE("a page that says nothing about protection is no success") {
  const Site site({.locations = "location /m/ { " + kGuard + kPage +
                                "set $userbin_require \"role:admin\"; }\n"});
  register_alice(site);
  const Finished missing = check({"--live", site.url() + "/none"});
  CHECK(contains(missing.output, "without a login the page answers 404"));
  CHECK(missing.status == 1);
  const Finished refused =
      check({"--live", site.url() + "/m/", "--login-as=alice"}, kPassword + "\n");
  CHECK(contains(refused.output, "fault: to alice the page answers 403"));
  CHECK(refused.status == 1);
  const Finished wrong = check({"--live", site.url() + "/m/", "--login-as=alice"}, "wrong\n");
  CHECK(contains(wrong.output, "fault: the login as alice is answered 401"));
  CHECK(wrong.status == 1);
  const Finished away = check({"--live", "http://127.0.0.1:" + std::to_string(free_port()) + "/"});
  CHECK(contains(away.output, "the site does not answer"));
  CHECK(away.status == 1);
}

TEST_CASE("only the host of the URL is asked") {
  const UniqueFd other(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  REQUIRE(::bind(other.get(), generic, length) == 0);
  REQUIRE(::listen(other.get(), 100) == 0);
  REQUIRE(::getsockname(other.get(), generic, &length) == 0);
  const std::string elsewhere = "//127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/login";
  const Site site({.locations = "location / { return 303 http:" + elsewhere + "; }\n#"});
  const std::vector<std::string> proxies{"http_proxy=http:" + elsewhere,
                                         "ALL_PROXY=http:" + elsewhere};
  for (const std::string& page : {std::string("/m/"), elsewhere}) {
    const Finished checked = check({"--live", site.url() + page}, "", proxies);
    CHECK(contains(checked.output, " requests, nothing got through\n"));
  }
  CHECK(::accept(other.get(), nullptr, nullptr) < 0);
}
