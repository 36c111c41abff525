// Who may register, and what becomes of him; GET, POST and DELETE /invitations.
#include "auth/token.h"
#include "handlers/dispatcher.h"
#include "support/catch.h"
#include "support/handlers_on_fakes.h"

namespace userbin::handlers {

namespace {

using auth::RegistrationPolicy;
using Catch::Generators::table;
using test::form_to;
using test::header_of;
using test::json_of;
using test::json_to;
using test::request_to;

constexpr const char* kStranger = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A site with an admin, Ada.
struct Site : test::HandlersOnFakes {
  explicit Site(RegistrationPolicy policy = RegistrationPolicy::kOpen) {
    services.registration = policy;
    add_user("Ada", "admin");
  }

  std::string invite(const std::string& role = "user") {
    const auto made = invitations.create(*auth::Role::parse(role), "ada", std::chrono::days{7});
    return std::string(made.token.reveal());
  }

  http::Response register_user(const std::string& name, const std::string& invitation = "",
                               const std::string& password = test::kGoodPassword) {
    Json::Value body;
    body["username"] = name;
    body["password"] = password;
    if (!invitation.empty()) body["invitation"] = invitation;
    return answer(json_to("/register", body.toStyledString()));
  }

  http::Response log_in(const std::string& name, const std::string& password) {
    return answer(
        json_to("/login", R"({"username": ")" + name + R"(", "password": ")" + password + R"("})"));
  }

  http::Response as(const std::string& user_key, http::Request request) {
    if (!user_key.empty()) request.cookie = cookie_of(user_key);
    request.sec_fetch_site = "same-origin";
    return answer(request);
  }
};

std::string code_of(const http::Response& response) {
  return json_of(response)["code"].asString();
}

}  // namespace

TEST_CASE("who may register, and as what, is the site's policy, and an invitation goes before it") {
  const auto [policy, invitation, status, code, role] =
      GENERATE(table<RegistrationPolicy, std::string, int, std::string, std::string>({
          {RegistrationPolicy::kOpen, "", 200, "", "user"},
          {RegistrationPolicy::kOpen, "good", 200, "", "member"},
          {RegistrationPolicy::kOpen, kStranger, 403, "invalid_invitation", ""},
          {RegistrationPolicy::kInvite, "", 403, "invitation_required", ""},
          {RegistrationPolicy::kInvite, "good", 200, "", "member"},
          {RegistrationPolicy::kInvite, kStranger, 403, "invalid_invitation", ""},
          {RegistrationPolicy::kInvite, "x", 403, "invalid_invitation", ""},
          {RegistrationPolicy::kApproval, "", 200, "", "waiting"},
          {RegistrationPolicy::kApproval, "good", 200, "", "member"},
          {RegistrationPolicy::kApproval, kStranger, 403, "invalid_invitation", ""},
          {RegistrationPolicy::kClosed, "", 403, "registration_closed", ""},
          {RegistrationPolicy::kClosed, "good", 403, "registration_closed", ""},
      }));
  CAPTURE(policy, invitation);
  Site site(policy);
  const std::string good = site.invite("member");
  const http::Response response =
      site.register_user("Bob", invitation == "good" ? good : invitation);
  CHECK(response.status == status);
  CHECK(code_of(response) == code);
  const auto bob = site.users.find("bob");
  REQUIRE(bob.has_value() == (status == 200));
  if (!bob) {
    CHECK(site.invitations.find(good));
    return;
  }
  CHECK(bob->user.waiting() == (role == "waiting"));
  CHECK(bob->user.disabled() == (role == "waiting"));
  CHECK(json_of(response)["waiting"].asBool() == (role == "waiting"));
  CHECK(bob->user.role() == (role == "waiting" ? "user" : role));
  CHECK(site.invitations.find(good).has_value() == (invitation != "good"));
}

TEST_CASE("a registration that fails leaves its invitation good") {
  Site site(RegistrationPolicy::kInvite);
  const std::string token = site.invite();
  CHECK(code_of(site.register_user("Ada", token)) == "username_taken");
  CHECK(code_of(site.register_user("a b", token)) == "invalid_username");
  CHECK(code_of(site.register_user("Bob", token, "short")) == "weak_password");
  site.replica.has_room = false;
  CHECK(code_of(site.register_user("Bob", token)) == "user_list_full");
  site.replica.has_room = true;
  CHECK(site.register_user("Bob", token).status == 200);
  CHECK(code_of(site.register_user("Carl", token)) == "invalid_invitation");
}

TEST_CASE("an invitation that is not good counts as a registration of the client") {
  Site site(RegistrationPolicy::kInvite);
  const std::string token = site.invite();
  const int limit = site.throttle_rules.registrations_per_client;
  for (int i = 0; i < limit; ++i) {
    REQUIRE(code_of(site.register_user("Bob", kStranger)) == "invalid_invitation");
  }
  CHECK(code_of(site.register_user("Bob", token)) == "too_many_attempts");
  CHECK(code_of(site.register_user("Bob")) == "invitation_required");
}

TEST_CASE("who waits is told so, but to nobody without his password") {
  Site site(RegistrationPolicy::kApproval);
  REQUIRE(site.register_user("Bob").status == 200);
  const http::Response told = site.log_in("bob", test::kGoodPassword);
  CHECK(told.status == 403);
  CHECK(code_of(told) == "awaiting_approval");
  CHECK_FALSE(header_of(told, "Set-Cookie"));
  CHECK(site.session_rows.list("bob").empty());
  const http::Response wrong = site.log_in("bob", "wrong");
  const http::Response unknown = site.log_in("carl", "wrong");
  CHECK(wrong.status == 401);
  CHECK(wrong.body == unknown.body);

  auto stored = *site.users.find("bob");
  stored.user.set_disabled(true);
  REQUIRE(site.users.update(stored.user, stored.revision));
  CHECK(code_of(site.log_in("bob", test::kGoodPassword)) == "invalid_credentials");
}

TEST_CASE("a browser learns on the login page that its account waits, and keeps its invitation") {
  Site site(RegistrationPolicy::kApproval);
  const std::string good = "&password=tuesday+grows+heavy";
  CHECK(header_of(site.answer(form_to("/register", "username=Bob" + good)), "Location") ==
        "/login?notice=awaiting_approval&username=Bob");
  CHECK(header_of(site.answer(form_to("/login", "username=Bob" + good)), "Location") ==
        "/login?error=awaiting_approval&username=Bob");
  const std::string token = site.invite();
  const bool in_body = GENERATE(true, false);
  const std::string body = in_body ? "&invitation=" + token : "";
  const std::string query = "invitation=" + (in_body ? std::string(kStranger) : token);
  http::Request request = form_to("/register", "username=Carl&password=short" + body);
  request.query = query;
  CHECK(header_of(site.answer(request), "Location") ==
        "/register?error=weak_password&reason=too_short&username=Carl&invitation=" + token);
  request = form_to("/register", "username=Carl" + good + body);
  request.query = query;
  CHECK(header_of(site.answer(request), "Location") == "/login?notice=registered&username=Carl");
}

TEST_CASE("what cannot be an invitation is not put into an address") {
  Site site;
  const http::Response response = site.answer(
      form_to("/register", "username=Bob&password=short&invitation=" + std::string(3000, 'a')));
  CHECK(header_of(response, "Location") ==
        "/register?error=weak_password&reason=too_short&username=Bob");
}

TEST_CASE("an admin makes an invitation, sees it once, and revokes it") {
  Site site;
  site.services.public_origin = GENERATE("", "https://example.org");
  http::Request request = json_to("/invitations", R"({"role": "member", "days": 3})");
  request.mount = "/auth";
  const http::Response response = site.as("ada", request);
  REQUIRE(response.status == 200);
  const Json::Value made = json_of(response);
  const std::string token = made["token"].asString();
  CHECK(token.size() == 43);
  CHECK(made["link"] == site.services.public_origin + "/auth/register?invitation=" + token);
  CHECK(made["role"] == "member");
  CHECK(made["expires_at"] == base::format_rfc3339(site.clock.now() + std::chrono::days{3}));

  const http::Response listed = site.as("ada", request_to("GET", "/invitations"));
  const Json::Value list = json_of(listed)["invitations"];
  REQUIRE(list.size() == 1);
  CHECK(list[0]["id"] == made["id"]);
  CHECK(list[0]["role"] == "member");
  CHECK(list[0]["created_by"] == "ada");
  CHECK(list[0]["created_at"] == base::format_rfc3339(site.clock.now()));
  CHECK(list[0]["expires_at"] == made["expires_at"]);
  CHECK(listed.body.find(token) == std::string::npos);
  CHECK(listed.body.find(auth::hash_of_token(token)) == std::string::npos);

  const std::string path = "/invitations/" + made["id"].asString();
  CHECK(site.as("ada", request_to("DELETE", path)).status == 200);
  const http::Response again = site.as("ada", request_to("DELETE", path));
  CHECK(again.status == 404);
  CHECK(code_of(again) == "no_such_invitation");
  CHECK(code_of(site.register_user("Bob", token)) == "invalid_invitation");
}

TEST_CASE("an invitation is for a user and for a week, unless it is said otherwise") {
  Site site;
  const auto [body, role, days] = GENERATE(table<std::string, std::string, int>({
      {"", "user", 7},
      {"role=&days=", "", 0},
      {"role=admin", "admin", 7},
      {"days=1", "user", 1},
      {"days=90", "user", 90},
      {"days=0", "", 0},
      {"days=91", "", 0},
      {"days=-1", "", 0},
      {"days=1.5", "", 0},
      {"days=99999999999", "", 0},
      {"days=x", "", 0},
      {"role=deleted", "", 0},
      {"role=a+b", "", 0},
  }));
  CAPTURE(body);
  http::Request request = form_to("/invitations", body);
  request.accept = "application/json";
  const http::Response response = site.as("ada", request);
  if (role.empty()) {
    CHECK(response.status == 400);
    CHECK(code_of(response) == "malformed_body");
    CHECK(site.invitations.list().empty());
    return;
  }
  REQUIRE(response.status == 200);
  CHECK(json_of(response)["role"] == role);
  CHECK(site.invitations.list()[0].expires_at == site.clock.now() + std::chrono::days{days});
}

TEST_CASE("a number of days in JSON may be a number or a text, and nothing else") {
  Site site;
  const auto [days, status] = GENERATE(table<std::string, int>({
      {"5", 200},
      {"\"5\"", 200},
      {"null", 200},
      {"5.5", 400},
      {"-5", 400},
      {"true", 400},
      {"[5]", 400},
      {"1e30", 400},
      {"\"\\u0035x\"", 400},
  }));
  CAPTURE(days);
  CHECK(site.as("ada", json_to("/invitations", R"({"days": )" + days + "}")).status == status);
}

TEST_CASE("nobody but an admin makes, sees or revokes invitations") {
  Site site;
  site.add_user("Bob");
  const std::string token = site.invite();
  const std::string id = auth::invitation_id(*site.invitations.find(token));
  const auto [who, status, code] = GENERATE(table<std::string, int, std::string>({
      {"", 401, "not_signed_in"},
      {"bob", 403, "forbidden"},
  }));
  for (const http::Request& request :
       {request_to("GET", "/invitations"), json_to("/invitations", "{}"),
        request_to("DELETE", "/invitations/" + id)}) {
    CAPTURE(request.method);
    const http::Response response = site.as(who, request);
    CHECK(response.status == status);
    CHECK(code_of(response) == code);
  }
  CHECK(site.invitations.list().size() == 1);
}

}  // namespace userbin::handlers
