// The audit log, as requests and commands write it, and as fail2ban reads it.
#include <csignal>
#include <filesystem>
#include <sstream>

#include "base/json.h"
#include "support/catch.h"
#include "support/owner.h"
#include "support/text.h"

namespace userbin::test {

namespace {

constexpr const char* kPassword = "tuesday grows heavy";

/// Clients say in X-Real-IP from where they come, as if another proxy did.
constexpr const char* kBehindProxy = R"(
      set_real_ip_from 127.0.0.1;
      real_ip_header X-Real-IP;
)";

/// A site that writes its audit log into a file.
class AuditedSite {
 public:
  explicit AuditedSite(const std::string& format, const std::vector<std::string>& flags = {})
      : format_(format), site({.worker_flags = all_flags(flags), .locations = kBehindProxy}) {}

  std::string log() const { return folder_.file("audit.log"); }

  std::vector<Json::Value> lines() const {
    std::vector<Json::Value> lines;
    std::istringstream text(read_file(log()));
    for (std::string line; std::getline(text, line);) {
      const auto value = base::from_json(line);
      REQUIRE(value);
      lines.push_back(*value);
    }
    return lines;
  }

  Finished run(std::vector<std::string> arguments, const std::string& input = "") const {
    arguments.push_back("--audit-log=" + log());
    arguments.push_back("--audit-format=" + format_);
    return run_owner(site, arguments, input);
  }

 private:
  std::vector<std::string> all_flags(const std::vector<std::string>& more) const {
    std::vector<std::string> flags = kCheapHashing;
    flags.push_back("--audit-log=" + log());
    flags.push_back("--audit-format=" + format_);
    flags.insert(flags.end(), more.begin(), more.end());
    return flags;
  }

  const std::string format_;
  TemporaryFolder folder_;

 public:
  Site site;
};

std::string text_in(const Json::Value& line, const char* member) {
  return line[member].isNull() ? "-" : line[member].asString();
}

/// What of a line is the same each time.
std::string summary(const Json::Value& line) {
  return text_in(line, "event") + " " + text_in(line, "outcome") + " " + text_in(line, "client") +
         " " + text_in(line, "user") + " " + text_in(line, "detail");
}

std::vector<std::string> from(const std::string& address) {
  return {"X-Real-IP: " + address};
}

}  // namespace

TEST_CASE("the audit log tells what people do and try, from where, and no secret") {
  const AuditedSite audited("json", {"--login-failures=2"});
  const Site& site = audited.site;
  HttpClient ada(site.url()), phone(site.url()), other(site.url());
  const auto here = from("192.0.2.7");
  const std::string mistyped = "hunter2 typed into the wrong field";
  REQUIRE(ada.post_json("/register", credentials("Ada", kPassword), here).status == 200);
  REQUIRE(other.post_json("/register", credentials("ADA", kPassword), from("2001:db8::5")).status ==
          400);
  REQUIRE(other.post_json("/login", credentials(mistyped, kPassword), here).status == 401);
  for (const int status : {401, 401, 429}) {
    REQUIRE(other.post_json("/login", credentials("ada", "wrong " + mistyped), from("198.51.100.1"))
                .status == status);
  }
  const Answer login = ada.post_json("/login", credentials("ada", kPassword), here);
  REQUIRE(login.status == 200);
  const std::string request_id = login.header("X-Request-Id");
  REQUIRE(phone.post_json("/login", credentials("ada", kPassword), from("203.0.113.8")).status ==
          200);
  std::string of_phone;
  const Json::Value sessions = ada.get("/me/sessions").json()["sessions"];
  for (const Json::Value& session : sessions) {
    if (!session["current"].asBool()) of_phone = session["id"].asString();
  }
  const std::vector<std::string> own = {"X-Real-IP: 192.0.2.7", "Origin: " + site.url()};
  REQUIRE(
      ada.send({.method = "DELETE", .path = "/me/sessions/" + of_phone, .headers = own}).status ==
      200);
  const std::string next = "nine yellow trombones";
  REQUIRE(ada.post_json("/me/password",
                        R"({"current_password":"not it at all","new_password":")" + next + "\"}",
                        own)
              .status == 403);
  REQUIRE(ada.post_json("/me/password",
                        std::string(R"({"current_password":")") + kPassword +
                            R"(","new_password":")" + next + "\"}",
                        own)
              .status == 200);
  REQUIRE(ada.post_json("/logout", R"({"everywhere":true})", own).status == 200);
  REQUIRE(ada.post_json("/logout", "{}", own).status == 200);  // nobody any more
  REQUIRE(ada.post_json("/login", credentials("ada", next), own).status == 200);
  REQUIRE(ada.send({.method = "DELETE",
                    .path = "/me",
                    .body = R"({"current_password":")" + next + "\"}",
                    .headers = {own[0], own[1], "Content-Type: application/json"}})
              .status == 200);

  std::vector<std::string> told;
  std::string id_of_login;
  for (const Json::Value& line : audited.lines()) {
    told.push_back(summary(line));
    CHECK(line["by"].isNull());
    CHECK(contains(line["time"].asString(), "T"));
    CHECK(line["request_id"].asString().size() == 32);
    if (told.back() == "login ok 192.0.2.7 Ada -" && id_of_login.empty()) {
      id_of_login = line["request_id"].asString();
    }
  }
  CHECK(id_of_login == request_id);
  CHECK(told == std::vector<std::string>{
                    "register ok 192.0.2.7 Ada -",
                    "register failed 2001:db8::5 ADA username_taken",
                    "login failed 192.0.2.7 - unknown_user",
                    "login failed 198.51.100.1 Ada wrong_password",
                    "login failed 198.51.100.1 Ada wrong_password",
                    "login throttled 198.51.100.1 Ada -",
                    "login ok 192.0.2.7 Ada -",
                    "login ok 203.0.113.8 Ada -",
                    "session_end ok 192.0.2.7 Ada " + of_phone,
                    "password_change failed 192.0.2.7 Ada wrong_password",
                    "password_change ok 192.0.2.7 Ada -",
                    "logout ok 192.0.2.7 Ada everywhere",
                    "login ok 192.0.2.7 Ada -",
                    "delete ok 192.0.2.7 Ada -",
                });
  const std::string text = read_file(audited.log());
  for (const std::string& secret :
       {std::string(kPassword), next, mistyped, std::string("not it")}) {
    CHECK_FALSE(contains(text, secret));
  }
}

TEST_CASE("the audit log tells what the owner does by the command line, and who he is") {
  const AuditedSite audited("json");
  const std::string password = std::string(kPassword) + "\n";
  const auto run = [&](const std::vector<std::string>& arguments, const std::string& input = "") {
    const Finished done = audited.run(arguments, input);
    CAPTURE(arguments.at(0), arguments.at(1), done.output);
    CHECK(done.status == 0);
    return done.output;
  };
  run({"user", "add", "Ada", "--role", "admin"}, password);
  run({"user", "add", "Bob"}, password);
  run({"user", "set-role", "bob", "editor"});
  run({"user", "set-password", "bob"}, "nine yellow trombones\n");
  run({"user", "disable", "bob"});
  run({"user", "enable", "bob"});
  run({"user", "delete", "bob"});
  run({"user", "restore", "bob"});
  run({"session", "end", "bob", "--all"});
  run({"ban", "lift", "--user", "bob", "--client", "192.0.2.7"});
  const Json::Value invitation =
      SiteWithBin::json_in(run({"invite", "create", "--role", "editor", "--json"}));
  HttpClient guest(audited.site.url());
  REQUIRE(guest
              .post_json("/register", R"({"username":"Carol","password":"tuesday grows heavy",)"
                                      R"("invitation":")" +
                                          invitation["token"].asString() + "\"}")
              .status == 200);
  const Json::Value other = SiteWithBin::json_in(run({"invite", "create", "--json"}));
  run({"invite", "revoke", other["id"].asString()});
  run({"import", "--format", "htpasswd", "-"}, "dora:$apr1$abcdefgh$0a8Ol9v9x9.x2MHJO3D2o0\n");
  CHECK(audited.run({"user", "disable", "ada"}).status == 1);  // the last admin

  std::vector<std::string> told;
  for (const Json::Value& line : audited.lines()) {
    told.push_back(summary(line));
    const bool is_request = line["event"] == "register";
    CHECK(line["by"].isNull() == is_request);
    if (!is_request) CHECK(contains(line["by"].asString(), " (command line)"));
  }
  const std::string id = "invitation " + invitation["id"].asString();
  CHECK(told == std::vector<std::string>{
                    "create ok - Ada admin",
                    "create ok - Bob user",
                    "role_change ok - Bob editor",
                    "password_change ok - Bob -",
                    "disable ok - Bob -",
                    "enable ok - Bob -",
                    "delete ok - Bob -",
                    "restore ok - Bob -",
                    "session_end ok - bob all",
                    "ban_lift ok 192.0.2.7 bob -",
                    "invite ok - - " + id + ", role editor",
                    "register ok 127.0.0.1 Carol " + id,
                    "invite ok - - invitation " + other["id"].asString() + ", role user",
                    "invitation_revoke ok - - invitation " + other["id"].asString(),
                    "import ok - dora new",
                });
  const std::string text = read_file(audited.log());
  CHECK_FALSE(contains(text, invitation["token"].asString()));
  CHECK_FALSE(contains(text, "apr1"));
}

TEST_CASE("the audit log tells what the bin brings, to the worker and to the commands") {
  const TemporaryFolder folder;
  const std::string log = folder.file("audit.log");
  SiteWithBin it("[]", {"--audit-log=" + log, "--audit-format=json"});
  it.wait_until_in_step();
  const bool by_command = GENERATE(false, true);
  const std::string list = R"([{"username": "Ada", "password": "tuesday grows heavy"}])";
  it.service.set_bin(it.id, list);
  if (by_command) {
    REQUIRE(it.command({"pull", "--audit-log=" + log, "--audit-format=json"}).status == 0);
  } else {
    it.site.worker().signal(SIGHUP);
  }
  wait_until("the bin's user is told of", [&] { return contains(read_file(log), "ada"); });
  std::istringstream text(read_file(log));
  std::string line;
  REQUIRE(std::getline(text, line));
  const auto told = base::from_json(line);
  REQUIRE(told);
  CHECK(summary(*told) == "pull ok - ada new");
  CHECK(contains((*told)["by"].asString(), by_command ? " (command line)" : "bin"));
  CHECK_FALSE(contains(read_file(log), kPassword));
}

TEST_CASE("nothing is changed that the audit log could not be told") {
  const Site site;
  const Finished done = run_owner(site, {"user", "add", "ada", "--audit-log=/nowhere/audit.log"},
                                  "nine yellow trombones\n");
  CHECK(done.status == 2);
  CHECK(contains(done.output, "--audit-log: /nowhere/audit.log: No such file or directory; give"));
  CHECK(run_owner(site, {"user", "list"}).output == "nobody\n");
  const Finished worker =
      run_command({userbin_program(), "serve", "--listen=unix:" + site.file("other.sock"),
                   "--store=" + site.file("other.db"), "--audit-log=/nowhere/audit.log"});
  CHECK(worker.status == 2);
  CHECK(contains(worker.output, "--audit-log: /nowhere/audit.log"));
}

TEST_CASE("the worker's audit log is on stderr, or nowhere, or in a file that SIGHUP opens anew") {
  const std::string target = GENERATE("stderr", "off");
  std::vector<std::string> flags = kCheapHashing;
  flags.push_back("--audit-log=" + target);
  const Site site({.worker_flags = flags});
  HttpClient client(site.url());
  REQUIRE(client.post_json("/register", credentials("ada", kPassword)).status == 200);
  CHECK(contains(site.log(), " audit event=register outcome=ok client=127.0.0.1 user=\"ada\"") ==
        (target == "stderr"));

  AuditedSite audited("text");
  HttpClient other(audited.site.url());
  REQUIRE(other.post_json("/register", credentials("ada", kPassword)).status == 200);
  const std::string moved = audited.log() + ".1";
  std::filesystem::rename(audited.log(), moved);
  audited.site.worker().signal(SIGHUP);
  wait_until("the file is there again", [&] { return std::filesystem::exists(audited.log()); });
  REQUIRE(other.post_json("/register", credentials("bob", kPassword)).status == 200);
  CHECK(contains(read_file(moved), "user=\"ada\""));
  CHECK(contains(read_file(audited.log()), "user=\"bob\""));
  CHECK_FALSE(contains(read_file(moved), "user=\"bob\""));
}

namespace {

/// The addresses that fail2ban finds at fault in a log, in its order.
std::vector<std::string> found_by_fail2ban(const std::string& log) {
  const Finished done =
      run_command({"fail2ban-regex", "-o", "ip", log, "contrib/fail2ban/filter.d/userbin.conf"});
  CAPTURE(done.output);
  REQUIRE(done.status == 0);
  std::vector<std::string> addresses;
  std::istringstream text(done.output);
  for (std::string line; std::getline(text, line);) {
    if (!line.empty()) addresses.push_back(line);
  }
  return addresses;
}

/// As journald prints the worker's stderr.
void as_journal(const std::string& log) {
  std::istringstream text(read_file(log));
  std::string journal;
  for (std::string line; std::getline(text, line);) {
    journal += "debian userbin[4711]: " + line + "\n";
  }
  write_file(log, journal);
}

}  // namespace

TEST_CASE("fail2ban finds who failed, and nobody whose address is forged") {
  const std::string format = GENERATE("text", "json");
  const AuditedSite audited(format, {"--login-failures=2"});
  const Site& site = audited.site;
  const std::string hostile = "evil\" outcome=failed client=203.0.113.66 user=\"x";
  Json::Value list(Json::arrayValue);
  Json::Value user;
  user["username"] = hostile;
  user["password"] = kPassword;
  list.append(user);
  REQUIRE(audited.run({"import", "--format", "json", "--plain-passwords", "-"}, base::to_json(list))
              .status == 0);
  HttpClient client(site.url());
  const auto log_in = [&](const std::string& name, const std::string& password,
                          std::vector<std::string> headers) {
    Json::Value body;
    body["username"] = name;
    body["password"] = password;
    headers.emplace_back("User-Agent: client=203.0.113.67 \"client\":\"203.0.113.67\"");
    headers.emplace_back("X-Request-Id: client=203.0.113.68");
    headers.emplace_back("X-Forwarded-For: 203.0.113.69");
    return client.post_json("/login", base::to_json(body), headers).status;
  };
  CHECK(log_in(hostile, kPassword, from("192.0.2.1")) == 200);
  CHECK(log_in(hostile, "wrong", from("192.0.2.2")) == 401);
  CHECK(log_in("nobody\" client=203.0.113.66", "wrong", from("192.0.2.3")) == 401);
  CHECK(log_in("nobody\nclient=203.0.113.66", "wrong", from("2001:db8::5")) == 401);
  for (const int status : {401, 401, 429}) {
    CHECK(log_in("ada", "client=203.0.113.66", from("198.51.100.1")) == status);
  }
  REQUIRE(client.post_json("/register", credentials("ada", kPassword), from("192.0.2.4")).status ==
          200);
  CHECK(client.post_json("/register", credentials("ada", kPassword), from("192.0.2.5")).status ==
        400);
  CHECK(client.post_json("/logout", "{}", from("192.0.2.6")).status == 200);

  const std::vector<std::string> expected = {"192.0.2.2",    "192.0.2.3",    "2001:db8::5",
                                             "198.51.100.1", "198.51.100.1", "198.51.100.1",
                                             "192.0.2.5"};
  CHECK(found_by_fail2ban(audited.log()) == expected);
  if (format == "text") {
    as_journal(audited.log());
    CHECK(found_by_fail2ban(audited.log()) == expected);
  }
}

TEST_CASE("fail2ban accepts the jail") {
  const TemporaryFolder folder;
  const std::string config = folder.file("fail2ban");
  std::filesystem::copy("/etc/fail2ban", config, std::filesystem::copy_options::recursive);
  std::filesystem::remove_all(config + "/jail.d");
  std::filesystem::create_directory(config + "/jail.d");
  std::filesystem::copy("contrib/fail2ban/filter.d/userbin.conf",
                        config + "/filter.d/userbin.conf");
  write_file(folder.file("audit.log"), "");
  std::string jail = read_file("contrib/fail2ban/jail.d/userbin.conf");
  const std::string path = "/var/log/userbin/audit.log";
  REQUIRE(contains(jail, path));
  jail.replace(jail.find(path), path.size(), folder.file("audit.log"));
  write_file(config + "/jail.d/userbin.conf", jail);
  const Finished done = run_command({"fail2ban-client", "-c", config, "-d"});
  CAPTURE(done.output);
  CHECK(done.status == 0);
  CHECK(contains(done.output, "['add', 'userbin', 'auto']"));
  CHECK(contains(done.output, "['set', 'userbin', 'maxretry', 30]"));
  CHECK(contains(done.output, folder.file("audit.log")));
}

}  // namespace userbin::test
