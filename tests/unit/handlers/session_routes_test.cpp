// GET /me/sessions, as JSON and as a piece of a page, and the two ways to end a session.
#include "handlers/dispatcher.h"
#include "support/catch.h"
#include "support/handlers_on_fakes.h"

namespace userbin::handlers {

namespace {

using Catch::Generators::table;
using test::form_to;
using test::header_of;
using test::json_of;
using test::request_to;

/// Ada, logged in twice, a minute apart.
struct AdaAtTwoPlaces : test::HandlersOnFakes {
  std::string laptop, phone;

  explicit AdaAtTwoPlaces(const std::string& user_agent = "curl/8") {
    add_user("Ada");
    laptop = cookie_from({"192.0.2.7", "w3m/0.5"});
    clock.advance(std::chrono::minutes{1});
    phone = cookie_from({"2001:db8::1", user_agent});
    clock.advance(std::chrono::minutes{1});
  }

  std::string cookie_from(const auth::ClientInfo& client) {
    return "userbin=" + std::string(sessions.begin("ada", client, false).token.reveal());
  }

  http::Response get(const std::string& path, const std::string& cookie) {
    http::Request request = request_to("GET", path);
    request.cookie = cookie;
    return answer(request);
  }

  http::Response delete_session(const std::string& id, const std::string& cookie) {
    http::Request request = request_to("DELETE", "/me/sessions/" + id);
    request.cookie = cookie;
    request.sec_fetch_site = "same-origin";
    return answer(request);
  }

  http::Response end_by_form(const std::string& body, const std::string& cookie) {
    http::Request request = form_to("/me/sessions/end", body);
    request.cookie = cookie;
    return answer(request);
  }

  /// The id of the session of `cookie`, or of the other one.
  std::string id_of(const std::string& cookie, bool is_current = true) {
    const Json::Value body = json_of(get("/me/sessions", cookie));
    for (const Json::Value& session : body["sessions"]) {
      if (session["current"].asBool() == is_current) return session["id"].asString();
    }
    return "";
  }

  bool is_signed_in(const std::string& cookie) { return get("/me", cookie).status == 200; }
};

}  // namespace

TEST_CASE("a user sees when, from where and by what he is logged in, and which one this is") {
  AdaAtTwoPlaces site;
  const http::Response response = site.get("/me/sessions", site.laptop);
  CHECK(response.status == 200);
  const Json::Value sessions = json_of(response)["sessions"];
  REQUIRE(sessions.size() == 2);
  CHECK(sessions[0]["created_at"] == "2026-11-23T17:30:00.000000Z");
  CHECK(sessions[0]["last_seen_at"] == "2026-11-23T17:32:00.000000Z");
  CHECK(sessions[0]["client"] == "192.0.2.7");
  CHECK(sessions[0]["user_agent"] == "w3m/0.5");
  CHECK(sessions[0]["current"] == true);
  CHECK(sessions[1]["created_at"] == "2026-11-23T17:31:00.000000Z");
  CHECK(sessions[1]["last_seen_at"] == "2026-11-23T17:31:00.000000Z");
  CHECK(sessions[1]["client"] == "2001:db8::1");
  CHECK(sessions[1]["user_agent"] == "curl/8");
  CHECK(sessions[1]["current"] == false);
  CHECK(sessions[0]["id"] != sessions[1]["id"]);
}

TEST_CASE("no list of sessions tells a token or its hash") {
  AdaAtTwoPlaces site;
  const auto* path = GENERATE("/me/sessions", "/me/sessions.html");
  const std::string body = site.get(path, site.laptop).body;
  REQUIRE(body.find(site.id_of(site.laptop, false)) != std::string::npos);
  for (const store::Session& session : site.session_rows.list("ada")) {
    CHECK(body.find(session.token_hash.substr(0, 16)) == std::string::npos);
  }
  for (const std::string& cookie : {site.laptop, site.phone}) {
    CHECK(body.find(cookie.substr(cookie.find('=') + 1)) == std::string::npos);
  }
}

TEST_CASE("a user agent that is no text comes as text") {
  AdaAtTwoPlaces site("caf\xE9\x01");
  const Json::Value sessions = json_of(site.get("/me/sessions", site.phone))["sessions"];
  REQUIRE(sessions.size() == 2);
  CHECK(sessions[0]["user_agent"] == "caf\uFFFD\uFFFD");
}

TEST_CASE("the piece of a page has each session with its times, and a form for each other one") {
  AdaAtTwoPlaces site("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0");
  http::Request request = request_to("GET", "/me/sessions.html");
  request.cookie = site.laptop;
  request.mount = "/auth";
  const http::Response response = site.answer(request);
  CHECK(response.status == 200);
  CHECK(header_of(response, "Content-Type") == "text/html; charset=utf-8");
  const std::string current = site.id_of(site.laptop);
  const std::string other = site.id_of(site.laptop, false);
  CHECK(response.body ==
        "<ul class=\"rows\">\n"
        "<li><div><p id=\"session-" +
            current +
            "\"><bdi>w3m/0.5</bdi> (this one)</p>"
            "<p class=\"hint\">From <bdi>192.0.2.7</bdi>. Logged in "
            "<time datetime=\"2026-11-23T17:30Z\">2026-11-23 17:30 UTC</time>, last seen "
            "<time datetime=\"2026-11-23T17:32Z\">2026-11-23 17:32 UTC</time>.</p></div></li>\n"
            "<li><div><p id=\"session-" +
            other +
            "\"><bdi>Firefox on Linux</bdi></p>"
            "<p class=\"hint\">From <bdi>2001:db8::1</bdi>. Logged in "
            "<time datetime=\"2026-11-23T17:31Z\">2026-11-23 17:31 UTC</time>, last seen "
            "<time datetime=\"2026-11-23T17:31Z\">2026-11-23 17:31 UTC</time>.</p></div>"
            "<form method=\"post\" action=\"/auth/me/sessions/end\">"
            "<input type=\"hidden\" name=\"id\" value=\"" +
            other +
            "\">"
            "<button class=\"quiet\" type=\"submit\" aria-describedby=\"session-" +
            other +
            "\">End</button></form></li>\n"
            "</ul>\n");
}

TEST_CASE("a user agent puts nothing but text into a page") {
  const auto [user_agent, shown] = GENERATE(table<std::string, std::string>({
      {"<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"},
      {"\"><b onclick='x'>", "&quot;&gt;&lt;b onclick=&#39;x&#39;&gt;"},
      {"<!--# echo var=\"http_cookie\" -->", "&lt;!--# echo var=&quot;http_cookie&quot; --&gt;"},
      {"&lt;", "&amp;lt;"},
      {std::string(79, '&') + "<>",
       [] {
         std::string escaped;
         for (int i = 0; i < 79; ++i) escaped += "&amp;";
         return escaped + "\u2026";
       }()},
      {"", "Unknown browser"},
  }));
  AdaAtTwoPlaces site(user_agent);
  const std::string body = site.get("/me/sessions.html", site.laptop).body;
  CHECK(body.find("<bdi>" + shown + "</bdi>") != std::string::npos);
}

TEST_CASE("a page shows fifty sessions and says how many more there are") {
  AdaAtTwoPlaces site;
  for (int i = 0; i < 60; ++i) site.cookie_from({"192.0.2.8", "robot"});
  const std::string body = site.get("/me/sessions.html", site.laptop).body;
  std::size_t items = 0;
  for (auto at = body.find("<li>"); at != std::string::npos; at = body.find("<li>", at + 1))
    ++items;
  CHECK(items == 50);
  CHECK(body.find("And 12 more") != std::string::npos);
  CHECK(body.find("(this one)") != std::string::npos);
  CHECK(json_of(site.get("/me/sessions", site.laptop))["sessions"].size() == 62);
}

TEST_CASE("a user ends another session of his, by DELETE or by form") {
  AdaAtTwoPlaces site;
  const std::string other = site.id_of(site.laptop, false);
  SECTION("by DELETE") {
    const http::Response response = site.delete_session(other, site.laptop);
    CHECK(response.status == 200);
    CHECK(json_of(response)["message"] == "Session ended");
    CHECK_FALSE(header_of(response, "Set-Cookie"));
    CHECK(json_of(site.delete_session(other, site.laptop))["code"] == "no_such_session");
  }
  SECTION("by form") {
    const http::Response response = site.end_by_form("id=" + other, site.laptop);
    CHECK(response.status == 303);
    CHECK(header_of(response, "Location") == "/account?notice=session_ended");
    CHECK_FALSE(header_of(response, "Set-Cookie"));
    CHECK(header_of(site.end_by_form("id=" + other, site.laptop), "Location") ==
          "/account?error=no_such_session");
  }
  CHECK_FALSE(site.is_signed_in(site.phone));
  CHECK(site.is_signed_in(site.laptop));
}

TEST_CASE("whoever ends the session that he asks with is logged out") {
  AdaAtTwoPlaces site;
  const std::string own = site.id_of(site.laptop);
  http::Response response;
  SECTION("by DELETE") {
    response = site.delete_session(own, site.laptop);
    CHECK(response.status == 200);
  }
  SECTION("by form") {
    response = site.end_by_form("id=" + own, site.laptop);
    CHECK(header_of(response, "Location") == "/login?notice=logged_out");
  }
  CHECK(header_of(response, "Set-Cookie") == "userbin=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
  CHECK_FALSE(site.is_signed_in(site.laptop));
  CHECK(site.is_signed_in(site.phone));
}

TEST_CASE("nobody ends another user's session, or one by a name that is none") {
  AdaAtTwoPlaces site;
  site.add_user("Eve");
  const std::string eve = site.cookie_of("eve");
  const std::string hash = site.session_rows.list("ada").front().token_hash;
  for (const std::string& id : {site.id_of(site.laptop), hash, std::string("x")}) {
    CAPTURE(id);
    const http::Response response = site.delete_session(id, eve);
    CHECK(response.status == 404);
    CHECK(json_of(response)["code"] == "no_such_session");
    CHECK(header_of(site.end_by_form("id=" + id, eve), "Location") ==
          "/account?error=no_such_session");
  }
  CHECK(site.is_signed_in(site.laptop));
  CHECK(site.is_signed_in(site.phone));
}

TEST_CASE("another site ends no session") {
  AdaAtTwoPlaces site;
  const std::string id = site.id_of(site.laptop, false);
  http::Request request = form_to("/me/sessions/end", "id=" + id);
  if (GENERATE(false, true)) request = request_to("DELETE", "/me/sessions/" + id);
  request.cookie = site.laptop;
  request.sec_fetch_site = "cross-site";
  CHECK(site.answer(request).error_code == "cross_site");
  CHECK(site.is_signed_in(site.phone));
}

TEST_CASE("sessions are shown and ended only to who is logged in") {
  AdaAtTwoPlaces site;
  const std::string id = site.id_of(site.laptop);
  const auto* cookie = GENERATE("", "userbin=x");
  CHECK(site.get("/me/sessions", cookie).status == 401);
  CHECK(site.get("/me/sessions.html", cookie).status == 401);
  CHECK(site.delete_session(id, cookie).status == 401);
  CHECK(header_of(site.end_by_form("id=" + id, cookie), "Location") ==
        "/login?notice=login_required&rd=/account");
  CHECK(site.is_signed_in(site.laptop));
}

TEST_CASE("a form that names no session leads back to the account") {
  AdaAtTwoPlaces site;
  const auto [body, code] = GENERATE(table<std::string, std::string>({
      {"", "missing_field"},
      {"id=", "missing_field"},
      {"id=%", "malformed_body"},
      {"id=a&id=b", "malformed_body"},
  }));
  CAPTURE(body);
  CHECK(header_of(site.end_by_form(body, site.laptop), "Location") == "/account?error=" + code);
}

TEST_CASE("a store that is away neither lists nor ends sessions") {
  AdaAtTwoPlaces site;
  const std::string id = site.id_of(site.laptop, false);
  site.session_rows.fault.set(test::Fault::Hits::kEverything);
  CHECK(site.get("/me/sessions", site.laptop).status == 503);
  CHECK(site.get("/me/sessions.html", site.laptop).status == 503);
  CHECK(site.delete_session(id, site.laptop).status == 503);
  CHECK(header_of(site.end_by_form("id=" + id, site.laptop), "Location") ==
        "/account?error=store_unavailable");
  site.session_rows.fault.clear();
  CHECK(site.is_signed_in(site.phone));
}

}  // namespace userbin::handlers
