// What a user does with his own account: POST /me/password, DELETE /me and POST /me/delete.
#include "handlers/dispatcher.h"
#include "support/catch.h"
#include "support/handlers_on_fakes.h"

namespace userbin::handlers {

namespace {

using Catch::Generators::table;
using test::form_to;
using test::header_of;
using test::json_of;
using test::json_to;
using test::kGoodPassword;
using test::request_to;

const std::string kNewPassword = "marble tractor whispers";

struct AdaSignedIn : test::HandlersOnFakes {
  std::string cookie, other;

  explicit AdaSignedIn(const std::string& role = "user") {
    add_user("Ada", role);
    cookie = cookie_of("ada");
    other = cookie_of("ada");
  }

  http::Response send(http::Request request) {
    request.cookie = cookie;
    return answer(request);
  }

  http::Response change_password(const std::string& current, const std::string& next) {
    return send(json_to("/me/password", R"({"current_password":")" + current +
                                            R"(","new_password":")" + next + R"("})"));
  }

  http::Response delete_me(const std::string& current) {
    http::Request request = json_to("/me", R"({"current_password":")" + current + R"("})");
    request.method = "DELETE";
    return send(request);
  }

  bool is_signed_in(const std::string& with_cookie) {
    http::Request request = request_to("GET", "/me");
    request.cookie = with_cookie;
    return answer(request).status == 200;
  }

  int log_in(const std::string& password) {
    return answer(json_to("/login", R"({"username":"Ada","password":")" + password + R"("})"))
        .status;
  }
};

}  // namespace

TEST_CASE("a new password ends all sessions and begins a fresh one") {
  AdaSignedIn site;
  const http::Response response = site.change_password(kGoodPassword, kNewPassword);
  CHECK(response.status == 200);
  CHECK(json_of(response)["message"] == "Password changed");
  CHECK_FALSE(json_of(response).isMember("token"));
  CHECK_FALSE(site.is_signed_in(site.cookie));
  CHECK_FALSE(site.is_signed_in(site.other));
  const std::string set = header_of(response, "Set-Cookie").value_or("");
  CHECK(site.is_signed_in(set.substr(0, set.find(';'))));
  CHECK(site.log_in(kNewPassword) == 200);
  CHECK(site.log_in(kGoodPassword) == 401);
}

TEST_CASE("a program that changes its password gets the new token if it asks") {
  AdaSignedIn site;
  const http::Response response =
      site.send(json_to("/me/password", R"({"current_password":"tuesday grows heavy","token":true,)"
                                        R"("new_password":"marble tractor whispers"})"));
  CHECK(site.is_signed_in("userbin=" + json_of(response)["token"].asString()));
}

TEST_CASE("a password is not changed without the current one, or to a bad one") {
  AdaSignedIn site;
  const auto [current, next, status, code] =
      GENERATE(table<const char*, const char*, int, const char*>({
          {"wrong", "marble tractor whispers", 403, "wrong_password"},
          {"tuesday grows heavy", "short", 400, "weak_password"},
          {"tuesday grows heavy", "ada ada ada", 400, "weak_password"},
          {"", "marble tractor whispers", 400, "missing_field"},
          {"tuesday grows heavy", "", 400, "missing_field"},
      }));
  const http::Response response = site.change_password(current, next);
  CHECK(response.status == status);
  CHECK(json_of(response)["code"] == code);
  CHECK_FALSE(header_of(response, "Set-Cookie"));
  CHECK(site.is_signed_in(site.cookie));
  CHECK(site.is_signed_in(site.other));
  CHECK(site.log_in(kGoodPassword) == 200);
}

TEST_CASE("the current password can't be guessed any faster than at login") {
  AdaSignedIn site;
  const bool deletes = GENERATE(false, true);
  const auto attempt = [&](const std::string& current) {
    return deletes ? site.delete_me(current) : site.change_password(current, kNewPassword);
  };
  for (int i = 0; i < 5; ++i) CHECK(attempt("wrong").status == 403);
  const http::Response response = attempt(kGoodPassword);
  CHECK(response.status == 429);
  CHECK(json_of(response)["code"] == "too_many_attempts");
  CHECK(header_of(response, "Retry-After") == "1");
  CHECK(site.log_in(kGoodPassword) == 429);
  site.clock.advance(std::chrono::seconds{1});
  CHECK(attempt(kGoodPassword).status == 200);
}

TEST_CASE("a user deletes himself with his password") {
  AdaSignedIn site;
  CHECK(json_of(site.delete_me("wrong"))["code"] == "wrong_password");
  CHECK(site.is_signed_in(site.cookie));
  const http::Response response = site.delete_me(kGoodPassword);
  CHECK(response.status == 200);
  CHECK(header_of(response, "Set-Cookie").value_or("").find("Max-Age=0") != std::string::npos);
  CHECK_FALSE(site.is_signed_in(site.cookie));
  CHECK_FALSE(site.is_signed_in(site.other));
  CHECK(site.log_in(kGoodPassword) == 401);
  CHECK(site.users.find("ada")->user.deleted());
}

TEST_CASE("the last admin can't delete himself") {
  AdaSignedIn site("admin");
  const http::Response response = site.delete_me(kGoodPassword);
  CHECK(response.status == 409);
  CHECK(json_of(response)["code"] == "last_admin");
  CHECK(site.is_signed_in(site.cookie));
  site.add_user("Bob", "admin");
  CHECK(site.delete_me(kGoodPassword).status == 200);
}

TEST_CASE("a form about one's account leads to a page") {
  AdaSignedIn site("admin");
  const auto [path, body, location] = GENERATE(table<const char*, const char*, const char*>({
      {"/me/password", "current_password=tuesday+grows+heavy&new_password=marble+tractor+whispers",
       "/account?notice=password_changed"},
      {"/me/password", "current_password=wrong&new_password=marble+tractor+whispers",
       "/account/password?error=wrong_password"},
      {"/me/password", "current_password=tuesday+grows+heavy&new_password=short",
       "/account/password?error=weak_password&reason=too_short"},
      {"/me/delete", "current_password=wrong", "/account/delete?error=wrong_password"},
      {"/me/delete", "current_password=tuesday+grows+heavy", "/account/delete?error=last_admin"},
  }));
  const http::Response response = site.send(form_to(path, body));
  CHECK(response.status == 303);
  CHECK(header_of(response, "Location") == location);
}

TEST_CASE("who deleted himself by a form comes to the login page") {
  AdaSignedIn site;
  const http::Response response =
      site.send(form_to("/me/delete", "current_password=tuesday+grows+heavy"));
  CHECK(response.status == 303);
  CHECK(header_of(response, "Location") == "/login?notice=account_deleted");
}

TEST_CASE("nobody's account can't be changed") {
  AdaSignedIn site;
  site.cookie = "";
  CHECK(site.change_password(kGoodPassword, kNewPassword).status == 401);
  CHECK(site.delete_me(kGoodPassword).status == 401);
  CHECK(site.log_in(kGoodPassword) == 200);
}

TEST_CASE("a login that a change of the user overtakes leaves no session") {
  AdaSignedIn site;
  const bool is_same_password = GENERATE(false, true);
  const std::string what = GENERATE("password", "disabled", "deleted");
  if (is_same_password && what != "password") return;
  site.users.after_find = [&] {
    auto stored = site.users.find("ada");
    const std::string next = is_same_password ? kGoodPassword : kNewPassword;
    if (what == "password") {
      stored->user.set_password_hash(auth::hash_password(base::SecretString(next), {8, 1}));
    }
    if (what == "disabled") stored->user.set_disabled(true);
    if (what == "deleted") stored->user.become_deleted(site.clock.now());
    site.users.change(stored->user, stored->revision, {.ends_sessions = true});
  };
  CHECK(site.log_in(kGoodPassword) == (is_same_password ? 200 : 401));
  CHECK(site.session_rows.list("ada").size() == (is_same_password ? 1 : 0));
}

}  // namespace userbin::handlers
