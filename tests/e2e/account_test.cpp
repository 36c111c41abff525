// One's own account, through nginx.
#include "support/catch.h"
#include "support/site.h"
#include "support/text.h"

using namespace userbin::test;

namespace {

const std::string kPassword = "seven green lanterns";

void log_in(HttpClient& client, const std::string& name, const std::string& user_agent) {
  client.post_json("/register", credentials(name, kPassword));
  REQUIRE(client.post_json("/login", credentials(name, kPassword), {"User-Agent: " + user_agent})
              .status == 200);
}

/// The id of the session that is, or is not, the client's own.
std::string session_id(HttpClient& client, bool is_current) {
  const Json::Value sessions = client.get("/me/sessions").json()["sessions"];
  for (const Json::Value& session : sessions) {
    if (session["current"].asBool() == is_current) return session["id"].asString();
  }
  return "";
}

}  // namespace

TEST_CASE("a program lists its user's sessions and ends one") {
  Site site;
  HttpClient laptop(site.url()), phone(site.url());
  log_in(laptop, "alice", "curl/8");
  log_in(phone, "alice", "w3m/0.5");
  const Json::Value sessions = laptop.get("/me/sessions").json()["sessions"];
  REQUIRE(sessions.size() == 2);
  for (const Json::Value& session : sessions) {
    CHECK(session["client"] == "127.0.0.1");
    CHECK(session["user_agent"] == (session["current"].asBool() ? "curl/8" : "w3m/0.5"));
  }
  const std::string path = "/me/sessions/" + session_id(laptop, false);
  CHECK(laptop.send({.method = "DELETE", .path = path}).code() == "cross_site");
  CHECK(phone.get("/me").status == 200);
  const std::vector<std::string> own = {"Origin: " + site.url()};
  const Answer ended = laptop.send({.method = "DELETE", .path = path, .headers = own});
  CHECK(ended.status == 200);
  CHECK(phone.get("/me").status == 401);
  CHECK(laptop.get("/me").status == 200);
  const Answer again = laptop.send({.method = "DELETE", .path = path, .headers = own});
  CHECK(again.status == 404);
  CHECK(again.code() == "no_such_session");
  CHECK(laptop.get("/me/nothing").code() == "not_found");
}

TEST_CASE("the account's page lists the sessions with a form for each, wherever it is mounted") {
  const std::string prefix = GENERATE("", "/auth");
  Site site({.url_prefix = prefix});
  HttpClient browser(site.url() + prefix), phone(site.url() + prefix), other(site.url() + prefix);
  log_in(browser, "bob", "<script>laptop</script>");
  log_in(phone, "bob", "Mozilla/5.0 (Android 14; Mobile; rv:130.0) Gecko/130.0 Firefox/130.0");
  log_in(other, "mallory", "mallory's");
  // Whatever the Accept, what is put into the page is HTML.
  const auto* accept = GENERATE("Accept: text/html", "Accept: application/json", "Accept:");
  const Answer page = browser.get("/account", {accept});
  CHECK(page.status == 200);
  CHECK(contains(page.body, "<bdi>&lt;script&gt;laptop&lt;/script&gt;</bdi> (this one)"));
  CHECK(contains(page.body, "<bdi>Firefox on Android</bdi>"));
  CHECK(contains(page.body, "From <bdi>127.0.0.1</bdi>"));
  CHECK_FALSE(contains(page.body, "mallory"));
  CHECK_FALSE(contains(page.body, "We cannot list"));
  CHECK(contains(page.body, "</html>"));

  const std::string id = session_id(browser, false);
  CHECK(contains(page.body, "action=\"" + prefix +
                                "/me/sessions/end\"><input type=\"hidden\" "
                                "name=\"id\" value=\"" +
                                id + "\">"));
  std::vector<std::string> headers = kBrowser;
  headers.push_back("Origin: " + site.url());
  Answer answer = browser.post_form("/me/sessions/end", "id=" + id, headers);
  CHECK(answer.status == 303);
  CHECK(answer.header("Location") == prefix + "/account?notice=session_ended");
  CHECK(phone.get("/me").status == 401);
  answer = browser.post_form("/me/sessions/end", "id=" + session_id(other, true), headers);
  CHECK(answer.header("Location") == prefix + "/account?error=no_such_session");
  CHECK(other.get("/me").status == 200);
  answer = phone.post_form("/me/sessions/end", "id=" + id, headers);
  CHECK(answer.header("Location") ==
        prefix + "/login?notice=login_required&rd=" + prefix + "/account");
}

TEST_CASE("the piece of the account's page is nobody's to ask for") {
  Site site;
  HttpClient client(site.url());
  log_in(client, "carol", "curl/8");
  CHECK(client.get("/me/sessions.html").status == 404);
  CHECK(client.get("/me//sessions.html").status == 404);
  CHECK(client.get("/me/x/../sessions.html").status == 404);
}

TEST_CASE("the account's page says so when the sessions cannot be listed") {
  // The worker is asked for who it is, and gone when it is asked for the sessions.
  Site site({.start_worker = false, .locations = R"(
      location = /page {
          alias $userbin_www/account.html;
          include userbin_page.conf;
      }
)"});
  HttpClient browser(site.url());
  const bool is_worker_there = GENERATE(false, true);
  if (is_worker_there) site.start_worker();  // which says that nobody is logged in
  const Answer page = browser.get("/page");
  CHECK(page.status == 200);
  CHECK(contains(page.body, "<p>We cannot list it right now."));
  CHECK_FALSE(contains(page.body, "\"code\""));
  CHECK_FALSE(contains(page.body, "<title>5"));
  CHECK_FALSE(contains(page.body, "class=\"rows\""));
  CHECK(contains(page.body, "</html>"));
}

TEST_CASE("a program changes its password and deletes its account") {
  Site site;
  HttpClient laptop(site.url()), phone(site.url());
  log_in(laptop, "dora", "curl/8");
  log_in(phone, "dora", "w3m/0.5");
  const std::string next = "nine yellow trombones";
  const auto change = [&](const std::string& current) {
    return laptop.post_json("/me/password", R"({"current_password":")" + current +
                                                R"(","new_password":")" + next + R"("})");
  };
  CHECK(change("wrong").code() == "wrong_password");
  CHECK(phone.get("/me").status == 200);
  CHECK(change(kPassword).status == 200);
  CHECK(phone.get("/me").status == 401);
  CHECK(laptop.get("/me").status == 200);

  const auto remove = [&](const std::string& current) {
    return laptop.send({.method = "DELETE",
                        .path = "/me",
                        .body = R"({"current_password":")" + current + R"("})",
                        .headers = {"Content-Type: application/json", "Origin: " + site.url()}});
  };
  CHECK(remove(kPassword).code() == "wrong_password");
  CHECK(remove(next).status == 200);
  CHECK(laptop.get("/me").status == 401);
  CHECK(laptop.post_json("/login", credentials("dora", next)).status == 401);
}

TEST_CASE("a person changes his password and deletes his account by the pages, wherever they are") {
  const std::string prefix = GENERATE("", "/auth");
  Site site({.url_prefix = prefix});
  HttpClient browser(site.url() + prefix), stranger(site.url());
  for (const std::string page : {"/account/password", "/account/delete"}) {
    const Answer refused = HttpClient(site.url() + prefix).get(page, kBrowser);
    CHECK(refused.status == 303);
    CHECK(refused.header("Location") == prefix + "/login?rd=" + prefix + page);
  }
  const Answer known = stranger.get("/.well-known/change-password");
  CHECK(known.status == 303);
  CHECK(known.header("Location") == prefix + "/account/password");

  log_in(browser, "erik", "w3m/0.5");
  std::vector<std::string> headers = kBrowser;
  headers.push_back("Origin: " + site.url());
  const auto lead = [&](const std::string& path, const std::string& body) {
    return browser.post_form(path, body, headers).header("Location");
  };
  CHECK(contains(browser.get("/account").body, "href=\"account/password\""));
  CHECK(lead("/me/password", "current_password=x&new_password=nine+yellow+trombones") ==
        prefix + "/account/password?error=wrong_password");
  const Answer page = browser.get("/account/password?error=wrong_password");
  CHECK(page.status == 200);
  CHECK(contains(page.body, "value=\"erik\" autocomplete=\"username\""));
  CHECK(contains(page.body, "That is not your current password."));
  CHECK(contains(browser.get("/account/password?error=weak_password&reason=too_short").body,
                 "It is too short"));
  CHECK(lead("/me/password",
             "username=erik&current_password=seven+green+lanterns&"
             "new_password=nine+yellow+trombones") == prefix + "/account?notice=password_changed");
  CHECK(
      contains(browser.get("/account?notice=password_changed").body, "Your password is changed."));
  CHECK(browser.get("/account/delete").status == 200);
  CHECK(lead("/me/delete", "username=erik&current_password=nine+yellow+trombones") ==
        prefix + "/login?notice=account_deleted");
  CHECK(browser.get("/me").status == 401);
}
