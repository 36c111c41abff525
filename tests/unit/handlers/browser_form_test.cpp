// What a browser that sent a form gets: always a page, never JSON.
#include "handlers/dispatcher.h"
#include "support/catch.h"
#include "support/handlers_on_fakes.h"

namespace userbin::handlers {

namespace {

using Catch::Generators::table;
using test::form_to;
using test::header_of;

const std::string kGood = "&password=tuesday+grows+heavy";

void check_leads_to(const http::Response& response, const std::string& location) {
  CHECK(response.status == 303);
  CHECK(header_of(response, "Location") == location);
  CHECK(response.body.empty());
  CHECK_FALSE(header_of(response, "Content-Type"));
}

}  // namespace

TEST_CASE("a form that was refused leads back to its page with the code and what was typed") {
  test::HandlersOnFakes site;
  site.add_user("Ada");
  const auto [path, body, location] = GENERATE(table<std::string, std::string, std::string>({
      {"/login", "username=Ada&password=wrong", "/login?error=invalid_credentials&username=Ada"},
      {"/login", "username=eve&password=wrong&rd=/wiki/a?b%3D1",
       "/login?error=invalid_credentials&username=eve&rd=/wiki/a%3Fb%3D1"},
      {"/login", "username=Ada", "/login?error=missing_field&username=Ada"},
      {"/login", "", "/login?error=missing_field"},
      {"/register", "username=ADA" + kGood, "/register?error=username_taken&username=ADA"},
      {"/register", "username=a%40b.c%2Bd&password=password",
       "/register?error=weak_password&reason=common&username=a@b.c+d"},
      {"/register", "username=xqzvkwjq&password=xqzvkwjq&rd=/wiki",
       "/register?error=weak_password&reason=contains_username&username=xqzvkwjq&rd=/wiki"},
      // What is no username is not shown again: nginx would put it into the page as it is.
      {"/register", "username=%3Cscript%3E" + kGood, "/register?error=invalid_username"},
      {"/login", "username=%22%3E%3Cb%3E&password=x", "/login?error=invalid_credentials"},
      // A body that cannot be read keeps nothing.
      {"/login", "username=Ada&password=%", "/login?error=malformed_body"},
      {"/login", "username=Ada&username=Ada&password=x", "/login?error=malformed_body"},
  }));
  CAPTURE(path, body);
  const http::Response response = site.answer(form_to(path, body));
  check_leads_to(response, location);
  CHECK_FALSE(header_of(response, "Set-Cookie"));
}

TEST_CASE("a form that succeeded leads on, to a safe path that was asked for or to the default") {
  test::HandlersOnFakes site;
  site.add_user("Ada");
  const auto [path, body, location] = GENERATE(table<std::string, std::string, std::string>({
      {"/login", "username=Ada" + kGood, "/account"},
      {"/login", "username=ada&rd=" + kGood, "/account"},
      {"/login", "username=Ada&rd=/wiki/page%3Fa%3Db%26c" + kGood, "/wiki/page?a=b&c"},
      {"/register", "username=Bob" + kGood, "/login?notice=registered&username=Bob"},
      {"/register", "username=Bob&rd=/wiki" + kGood,
       "/login?notice=registered&username=Bob&rd=/wiki"},
      {"/logout", "", "/login?notice=logged_out"},
  }));
  CAPTURE(path, body);
  check_leads_to(site.answer(form_to(path, body)), location);
}

TEST_CASE("a login never leads to another site") {
  test::HandlersOnFakes site;
  site.add_user("Ada");
  const auto target =
      GENERATE(as<std::string>{}, "//evil.example", "https://evil.example/", "/%5Cevil.example",
               "/%2Fevil.example", "%2F%2Fevil.example", "/.//evil.example", "/..//evil.example",
               "/%09/evil.example", "/a/..//evil.example", "javascript:alert(1)", "evil.example",
               "\\\\evil", "/a%0D%0ASet-Cookie:%20x=y", "%20/evil", "/%7F", "/a//evil.example");
  CAPTURE(target);
  const bool is_in_query = GENERATE(false, true);
  http::Request request =
      form_to("/login", "username=Ada" + kGood + (is_in_query ? "" : "&rd=" + target));
  if (is_in_query) request.query = "rd=" + target;
  check_leads_to(site.answer(request), "/account");
  request.body = "username=Ada&password=wrong" + (is_in_query ? "" : "&rd=" + target);
  check_leads_to(site.answer(request), "/login?error=invalid_credentials&username=Ada");
}

TEST_CASE("where to go may stand in the query, the form has precedence") {
  test::HandlersOnFakes site;
  site.add_user("Ada");
  http::Request request = form_to("/login", "username=Ada" + kGood);
  request.query = "rd=%2Fwiki";
  check_leads_to(site.answer(request), "/wiki");
  request.body += "&rd=/forum";
  check_leads_to(site.answer(request), "/forum");
  request.body = "username=Ada" + kGood;
  request.query = "rd=%2Fwiki&broken=%";
  check_leads_to(site.answer(request), "/account");
}

TEST_CASE("a login's cookie goes along, a logout's takes it away") {
  test::HandlersOnFakes site;
  site.add_user("Ada");
  const auto cookie =
      header_of(site.answer(form_to("/login", "username=Ada" + kGood)), "Set-Cookie");
  REQUIRE(cookie);
  CHECK(cookie->starts_with("userbin="));
  const auto cleared = header_of(site.answer(form_to("/logout", "")), "Set-Cookie");
  CHECK(cleared == "userbin=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
}

TEST_CASE("pages are found where nginx mounts us and where the settings say") {
  test::HandlersOnFakes site;
  site.add_user("Ada");
  site.services.pages.home = "/home";
  http::Request request = form_to("/login", "username=Ada" + kGood);
  request.mount = "/auth";
  check_leads_to(site.answer(request), "/auth/home");
  request.body = "username=Ada&password=wrong&rd=/wiki";
  check_leads_to(site.answer(request),
                 "/auth/login?error=invalid_credentials&username=Ada&rd=/wiki");
}

TEST_CASE("a store that is away, or another site's form, leads back to the page too") {
  test::HandlersOnFakes site;
  http::Request request = form_to("/login", "username=Ada" + kGood);
  SECTION("a store that is away") {
    site.users.fault.set(test::Fault::Hits::kEverything);
    check_leads_to(site.answer(request), "/login?error=store_unavailable&username=Ada");
  }
  SECTION("another site's form") {
    request.sec_fetch_site = "cross-site";
    check_leads_to(site.answer(request), "/login?error=cross_site&username=Ada");
  }
  SECTION("a body that nginx found too large") {
    request.refused_by_nginx = "body_too_large";
    request.body = "";
    check_leads_to(site.answer(request), "/login?error=body_too_large");
  }
}

TEST_CASE("a form from a program that does not ask for a page gets JSON") {
  test::HandlersOnFakes site;
  http::Request request = form_to("/login", "username=Ada&password=wrong");
  request.accept = GENERATE(as<std::string>{}, "", "*/*", "application/json");
  const http::Response response = site.answer(request);
  CHECK(response.status == 401);
  CHECK(test::json_of(response)["code"] == "invalid_credentials");
}

}  // namespace userbin::handlers
