// The throttle at the routes: what is counted, and what is said.
#include "handlers/dispatcher.h"
#include "support/catch.h"
#include "support/handlers_on_fakes.h"

namespace userbin::handlers {

namespace {

using std::chrono::seconds;
using test::form_to;
using test::header_of;
using test::json_of;
using test::json_to;
using test::kGoodPassword;

constexpr const char* kWrong = "marble tractor whispers";

struct Ada : test::HandlersOnFakes {
  Ada() { add_user("Ada"); }

  static http::Request login(const std::string& name, const std::string& password,
                             const std::string& address = "192.0.2.7") {
    http::Request request =
        json_to("/login", R"({"username":")" + name + R"(","password":")" + password + R"("})");
    request.remote_address = address;
    return request;
  }

  http::Response log_in(const std::string& name, const std::string& password,
                        const std::string& address = "192.0.2.7") {
    return answer(login(name, password, address));
  }
};

std::string told(const http::Response& response) {
  return std::to_string(response.status) + ' ' + response.error_code + ' ' +
         header_of(response, "Retry-After").value_or("-");
}

}  // namespace

TEST_CASE("wrong passwords make the next try wait, for a program and for a person") {
  Ada site;
  for (int i = 0; i < 5; ++i)
    CHECK(told(site.log_in("ada", kWrong)) == "401 invalid_credentials -");
  const http::Response refused = site.log_in("ADA", kGoodPassword);
  CHECK(told(refused) == "429 too_many_attempts 1");
  CHECK(json_of(refused)["code"] == "too_many_attempts");
  CHECK_FALSE(json_of(refused)["error"].asString().empty());

  const http::Response form =
      site.answer(form_to("/login", "username=Ada&password=x&rd=/members/"));
  CHECK(form.status == 303);
  CHECK(header_of(form, "Location") == "/login?error=too_many_attempts&username=Ada&rd=/members/");
  site.clock.advance(seconds{1});
  CHECK(site.log_in("ada", kGoodPassword).status == 200);
  CHECK(site.log_in("ada", kWrong).status == 401);
}

TEST_CASE("logins sent at once get no more tries than logins in turn") {
  Ada site;
  std::vector<http::Request> requests(50, Ada::login("ada", kWrong));
  std::vector<std::unique_ptr<test::Started<http::Response>>> started;
  site.executor.hold(true);
  for (const http::Request& request : requests) {
    started.push_back(
        std::make_unique<test::Started<http::Response>>(site.dispatcher.answer(request)));
  }
  site.executor.hold(false);
  int tried = 0;
  for (auto& each : started) {
    if (each->result(site.executor).status == 401) ++tried;
  }
  CHECK(tried == 5);
}

TEST_CASE("a name that nobody has is answered like one that somebody has") {
  Ada site;
  for (int round = 0; round < 40; ++round) {
    const std::string known = told(site.log_in("ada", kWrong, "192.0.2.1"));
    const std::string unknown = told(site.log_in("nobody", kWrong, "192.0.2.2"));
    const std::string odd = told(site.log_in("\\u00e9 no name at all", kWrong, "192.0.2.3"));
    CAPTURE(round);
    CHECK(known == unknown);
    CHECK(known == odd);
    site.clock.advance(seconds{1 << (round / 3)});
  }
}

TEST_CASE("what is refused for another reason is no wrong password") {
  Ada site;
  for (int i = 0; i < 20; ++i) {
    CHECK(site.answer(json_to("/login", "{")).status == 400);
    CHECK(site.answer(json_to("/login", R"({"username":"ada"})")).status == 400);
    http::Request foreign = Ada::login("ada", kWrong);
    foreign.sec_fetch_site = "cross-site";
    CHECK(site.answer(foreign).status == 403);
  }
  CHECK(site.log_in("ada", kGoodPassword).status == 200);
  CHECK(site.throttle.size() == 1);
}

TEST_CASE("so many registrations come from a client, those of taken names included") {
  Ada site;
  const auto registration = [&](const std::string& name, const std::string& password) {
    return site.answer(
        json_to("/register", R"({"username":")" + name + R"(","password":")" + password + R"("})"));
  };
  for (int i = 0; i < 30; ++i) {
    CHECK(registration("zoe", "123").status == 400);  // was not made, so does not count
  }
  for (int i = 0; i < 10; ++i) {
    CHECK(registration("user" + std::to_string(i), kGoodPassword).status == 200);
    CHECK(told(registration("ada", kGoodPassword)) == "400 username_taken -");
  }
  CHECK(told(registration("zoe", kGoodPassword)) == "429 too_many_attempts 180");
  CHECK(told(registration("ada", kGoodPassword)) == "429 too_many_attempts 180");
  CHECK(site.log_in("ada", kGoodPassword).status == 200);
  const http::Response form =
      site.answer(form_to("/register", "username=zoe&password=tuesday+grows+heavy"));
  CHECK(header_of(form, "Location") == "/register?error=too_many_attempts&username=zoe");
}

TEST_CASE("whoever is signed in guesses his password no faster") {
  Ada site;
  const std::string cookie = site.cookie_of("ada");
  const auto ask = [&](const std::string& method, const std::string& path) {
    http::Request request =
        json_to(path, std::string(R"({"current_password":")") + kWrong + R"(","new_password":")" +
                          "seven green lanterns" + R"("})");
    request.method = method;
    request.cookie = cookie;
    return told(site.answer(request));
  };
  CHECK(ask("POST", "/me/password") == "403 wrong_password -");
  CHECK(ask("DELETE", "/me") == "403 wrong_password -");
  for (int i = 0; i < 3; ++i) CHECK(ask("POST", "/me/password") == "403 wrong_password -");
  CHECK(ask("POST", "/me/password") == "429 too_many_attempts 1");
  CHECK(ask("DELETE", "/me") == "429 too_many_attempts 1");
  CHECK(told(site.log_in("ada", kGoodPassword)) == "429 too_many_attempts 1");
  CHECK(site.log_in("ada", kGoodPassword, "192.0.2.8").status == 200);
  http::Request form =
      form_to("/me/password", "current_password=x&new_password=seven+green+lanterns");
  form.cookie = cookie;
  CHECK(header_of(site.answer(form), "Location") == "/account/password?error=too_many_attempts");
}

}  // namespace userbin::handlers
