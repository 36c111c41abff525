// Who may register: --registration and invitations, through nginx.
#include <atomic>
#include <thread>

#include "support/catch.h"
#include "support/owner.h"
#include "support/text.h"

namespace userbin::test {

namespace {

constexpr const char* kPassword = "tuesday grows heavy";

Site::Options with_registration(const std::string& policy, const std::string& prefix = "") {
  Site::Options options;
  options.worker_flags.push_back("--registration=" + policy);
  options.url_prefix = prefix;
  return options;
}

std::string credentials_with(const std::string& name, const std::string& invitation) {
  return R"({"username":")" + name + R"(","password":")" + kPassword + R"(","invitation":")" +
         invitation + R"("})";
}

int log_in(HttpClient& client, const std::string& name) {
  return client.post_json("/login", credentials(name, kPassword)).status;
}

/// Ada, an admin, signed in.
void add_admin(const Site& site, HttpClient& client) {
  REQUIRE(run_owner(site, {"user", "add", "ada", "--role", "admin"}, kPassword).status == 0);
  REQUIRE(log_in(client, "ada") == 200);
}

}  // namespace

TEST_CASE("an admin invites by curl, and one alone registers by the link, wherever the login is") {
  const std::string prefix = GENERATE("", "/auth");
  Site site(with_registration("invite", prefix));
  HttpClient admin(site.url() + prefix), guest(site.url() + prefix);
  add_admin(site, admin);
  CHECK(guest.get("/invitations").code() == "not_signed_in");
  CHECK(guest.post_json("/invitations", "{}").code() == "not_signed_in");

  const Answer made = admin.post_json("/invitations", R"({"role":"member","days":1})");
  REQUIRE(made.status == 200);
  const std::string token = made.json()["token"].asString();
  CHECK(made.json()["link"] == prefix + "/register?invitation=" + token);
  CHECK(admin.get("/invitations").json()["invitations"][0]["id"] == made.json()["id"]);
  CHECK_FALSE(contains(read_file(site.store()) + site.log(), token));

  CHECK(guest.post_json("/register", credentials("bob", kPassword)).code() ==
        "invitation_required");
  CHECK(guest.post_json("/register", credentials_with("bob", token)).status == 200);
  CHECK(guest.post_json("/register", credentials_with("carl", token)).code() ==
        "invalid_invitation");
  REQUIRE(log_in(guest, "bob") == 200);
  CHECK(guest.get("/me").json()["role"] == "member");
  CHECK(guest.get("/invitations").code() == "forbidden");
  CHECK(admin.get("/invitations").json()["invitations"].empty());

  const std::string id = admin.post_json("/invitations", "{}").json()["id"].asString();
  const std::vector<std::string> own = {"Origin: " + site.url()};
  const HttpClient::Call revocation{
      .method = "DELETE", .path = "/invitations/" + id, .headers = own};
  CHECK(guest.send(revocation).code() == "forbidden");
  CHECK(admin.send(revocation).status == 200);
  CHECK(admin.send(revocation).code() == "no_such_invitation");
}

TEST_CASE("of many who register by one invitation at once, at two workers, exactly one succeeds") {
  Site site(with_registration("invite"));
  Site::Options options = with_registration("invite");
  options.store = site.store();
  Site other(options);
  HttpClient admin(site.url());
  add_admin(site, admin);
  for (int round = 0; round < 5; ++round) {
    const std::string token = admin.post_json("/invitations", "{}").json()["token"].asString();
    std::atomic<int> admitted = 0;
    std::atomic<int> refused = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        HttpClient client(i % 2 == 0 ? site.url() : other.url());
        const std::string name = "user" + std::to_string(round) + "." + std::to_string(i);
        const Answer answer = client.post_json("/register", credentials_with(name, token));
        if (answer.status == 200) ++admitted;
        if (answer.status == 403 && answer.code() == "invalid_invitation") ++refused;
      });
    }
    for (std::thread& thread : threads) thread.join();
    CAPTURE(round);
    CHECK(admitted == 1);
    CHECK(refused == 7);
  }
  CHECK(ask_owner(site, {"user", "list"}).size() == 1 + 5);
}

TEST_CASE("the register page carries the invitation until it is used") {
  const std::string prefix = GENERATE("", "/auth");
  Site site(with_registration("invite", prefix));
  HttpClient admin(site.url() + prefix), browser(site.url() + prefix);
  add_admin(site, admin);
  const std::string token = admin.post_json("/invitations", "{}").json()["token"].asString();
  const std::string field = R"(<input type="hidden" name="invitation" value=")" + token + "\">";
  CHECK_FALSE(contains(browser.get("/register").body, "name=\"invitation\""));
  CHECK(contains(browser.get("/register?invitation=" + token).body, field));
  const std::string tricky = browser.get("/register?invitation=%22%3E%3Cb%3E\"><b>").body;
  CHECK_FALSE(contains(tricky, "<b>"));

  const auto lead = [&](const std::string& body) {
    return browser.post_form("/register", body, kBrowser).header("Location");
  };
  const std::string back = lead("username=bob&password=short&invitation=" + token);
  CHECK(back ==
        prefix + "/register?error=weak_password&reason=too_short&username=bob&invitation=" + token);
  CHECK(contains(browser.get(back.substr(prefix.size())).body, field));
  CHECK(lead("username=bob&password=tuesday+grows+heavy") ==
        prefix + "/register?error=invitation_required&username=bob");
  CHECK(
      contains(browser.get("/register?error=invitation_required").body, "You need an invitation"));
  const std::string whole = "username=bob&password=tuesday+grows+heavy&invitation=" + token;
  CHECK(lead(whole) == prefix + "/login?notice=registered&username=bob");
  CHECK(lead(whole) ==
        prefix + "/register?error=invalid_invitation&username=bob&invitation=" + token);
  CHECK(contains(browser.get("/register?error=invalid_invitation").body,
                 "This invitation was used already"));
}

TEST_CASE("an account waits until the owner approves, or is refused") {
  Site site(with_registration("approval"));
  HttpClient client(site.url());
  const Answer made = client.post_json("/register", credentials("bob", kPassword));
  CHECK(made.status == 200);
  CHECK(made.json()["waiting"] == true);
  CHECK(client.post_json("/login", credentials("bob", kPassword)).code() == "awaiting_approval");
  CHECK(client.post_json("/login", credentials("bob", "wrong")).code() == "invalid_credentials");
  CHECK(client.get("/me").status == 401);
  CHECK(client.post_form("/register", "username=carl&password=tuesday+grows+heavy", kBrowser)
            .header("Location") == "/login?notice=awaiting_approval&username=carl");
  CHECK(contains(client.get("/login?notice=awaiting_approval").body,
                 "waits for the approval of the people who run this site"));
  CHECK(contains(client.get("/login?error=awaiting_approval").body, "Your account waits"));
  CHECK(ask_owner(site, {"user", "list", "--waiting"}).size() == 2);
  CHECK(run_owner(site, {"user", "approve", "bob"}).output == "bob is let in\n");
  CHECK(run_owner(site, {"user", "approve", "bob"}).status == 1);
  CHECK(run_owner(site, {"user", "refuse", "bob"}).status == 1);
  CHECK(log_in(client, "bob") == 200);
  CHECK(run_owner(site, {"user", "refuse", "carl"}).status == 0);
  CHECK(log_in(client, "carl") == 401);
}

TEST_CASE("the owner invites from the command line, sees whom and takes it back") {
  Site site(with_registration("invite"));
  HttpClient guest(site.url());
  const std::string url = "--public-url=https://example.org";
  const Json::Value made = ask_owner(site, {"invite", "create", "--role=admin", url});
  const std::string token = made["token"].asString();
  CHECK(made["link"] == "https://example.org/register?invitation=" + token);
  const std::string shown = run_owner(site, {"invite", "create"}).output;
  CHECK(shown.starts_with("/register?invitation="));
  CHECK(contains(shown, "Put your site's address before it"));
  const Json::Value list = ask_owner(site, {"invite", "list"});
  REQUIRE(list.size() == 2);
  const std::string id = list[list[0]["id"] == made["id"] ? 1 : 0]["id"].asString();
  CHECK(run_owner(site, {"invite", "revoke", id}).status == 0);
  CHECK(run_owner(site, {"invite", "revoke", id}).status == 1);
  CHECK(run_owner(site, {"invite", "create", "--days=91"}).status == 2);
  CHECK(run_owner(site, {"invite", "create", "--role=deleted"}).status == 2);
  CHECK(guest.post_json("/register", credentials_with("bob", token)).status == 200);
  REQUIRE(log_in(guest, "bob") == 200);
  CHECK(guest.get("/me").json()["role"] == "admin");
  CHECK(run_owner(site, {"invite", "list"}).output == "nobody is invited\n");
}

TEST_CASE("where registration is closed nobody registers, and the owner makes users") {
  Site site(with_registration("closed"));
  HttpClient admin(site.url()), guest(site.url());
  add_admin(site, admin);
  const std::string token = admin.post_json("/invitations", "{}").json()["token"].asString();
  CHECK(guest.post_json("/register", credentials("bob", kPassword)).code() ==
        "registration_closed");
  CHECK(guest.post_json("/register", credentials_with("bob", token)).code() ==
        "registration_closed");
  CHECK(contains(guest.get("/register?error=registration_closed").body, "Registration is closed"));
}

TEST_CASE("a policy that there is none of is refused with those that there are") {
  const Finished refused = run_command({userbin_program(), "serve", "--registration=all"});
  CHECK(refused.status == 2);
  CHECK(contains(refused.output, "'all' is no way to register; choose open, invite, approval or"));
}

TEST_CASE("who may register is also said by the environment") {
  const Finished refused =
      run_command({userbin_program(), "serve"}, "", {"USERBIN_REGISTRATION=none"});
  CHECK(refused.status == 2);
  CHECK(contains(refused.output, "'none' is no way to register"));
}

}  // namespace userbin::test
