// What a client sees of a list that is kept in a bin too.
#include "handlers/dispatcher.h"
#include "support/catch.h"
#include "support/handlers_on_fakes.h"

namespace userbin::handlers {

namespace {

using Catch::Generators::table;
using test::header_of;
using test::json_of;
using test::json_to;
using test::request_to;

const std::string kAda = R"({"username": "Ada", "password": "tuesday grows heavy"})";
const std::string kForm = "username=Ada&password=tuesday+grows+heavy";

}  // namespace

TEST_CASE("a registration is 200 once it is in the bin, and 202 if it will be there later") {
  test::HandlersOnFakes site;
  const auto [is_reached, status, body] = GENERATE(table<bool, int, std::string>({
      {true, 200, R"({"message":"User registered successfully"})"},
      {false, 202, R"({"message":"User registered successfully","sync":"pending"})"},
  }));
  site.replica.is_reached = is_reached;
  const http::Response response = site.answer(json_to("/register", kAda));
  CHECK(response.status == status);
  CHECK(response.body == body + "\n");
  CHECK(site.replica.awaited == std::vector<std::string>{"ada"});
  CHECK(site.users.find("ada"));
  CHECK(site.answer(json_to("/login", kAda)).status == 200);
}

TEST_CASE("a user's own change is 200 once it is in the bin, and 202 if it will be there later") {
  test::HandlersOnFakes site;
  site.add_user("Ada");
  const auto [is_reached, status, sync] =
      GENERATE(table<bool, int, std::string>({{true, 200, ""}, {false, 202, "pending"}}));
  site.replica.is_reached = is_reached;
  const auto answer_to = [&](const std::string& path, const std::string& body) {
    http::Request request = json_to(path, body);
    request.cookie = site.cookie_of("ada");
    return site.answer(request);
  };
  const std::string old_password = test::kGoodPassword;
  const http::Response changed = answer_to(
      "/me/password", R"({"current_password": ")" + old_password +
                          R"(", "new_password": "marble tractor whispers", "token": true})");
  CHECK(changed.status == status);
  CHECK(json_of(changed)["sync"].asString() == sync);
  CHECK(json_of(changed)["token"].isString());
  CHECK(header_of(changed, "Set-Cookie"));
  const http::Response deleted =
      answer_to("/me/delete", R"({"current_password": "marble tractor whispers"})");
  CHECK(deleted.status == status);
  CHECK(json_of(deleted)["sync"].asString() == sync);
  CHECK(site.replica.awaited == std::vector<std::string>{"ada", "ada"});
}

TEST_CASE("a refused registration waits for no bin") {
  test::HandlersOnFakes site;
  site.add_user("Ada");
  CHECK(site.answer(json_to("/register", kAda)).status == 400);
  CHECK(site.replica.awaited.empty());
}

TEST_CASE("a browser's form leads to the login page also when the bin comes later") {
  test::HandlersOnFakes site;
  site.replica.is_reached = GENERATE(true, false);
  const http::Response response = site.answer(test::form_to("/register", kForm));
  CHECK(response.status == 303);
  CHECK(header_of(response, "Location") == "/login?notice=registered&username=Ada");
  CHECK(response.body.empty());
}

TEST_CASE("a list that is full is 507, and a page for a browser") {
  test::HandlersOnFakes site;
  site.replica.has_room = false;
  const http::Response response = site.answer(json_to("/register", kAda));
  CHECK(response.status == 507);
  CHECK(json_of(response)["code"] == "user_list_full");
  CHECK(json_of(response)["error"].isString());
  const http::Response page = site.answer(test::form_to("/register", kForm));
  CHECK(page.status == 303);
  CHECK(header_of(page, "Location") == "/register?error=user_list_full&username=Ada");
  CHECK(site.users.list("", 10).empty());
  CHECK(site.replica.awaited.empty());
}

TEST_CASE("a bin's problem makes the worker unready, one that passes is a warning") {
  test::HandlersOnFakes site;
  const auto [word, is_passing] = GENERATE(table<std::string, bool>({
      {"away", true},
      {"slow_down", true},
      {"full", false},
      {"out_of_requests", false},
      {"suspicious", false},
      {"refused", false},
  }));
  CAPTURE(word);
  site.replica.trouble =
      store::Replica::Problem{.word = word, .sentence = "what to do", .is_passing = is_passing};
  const http::Response response = site.answer(request_to("GET", "/readyz"));
  const Json::Value body = json_of(response);
  CHECK(response.status == (is_passing ? 200 : 503));
  CHECK(body["code"] == "bin_" + word);
  CHECK(body[is_passing ? "warning" : "error"] == "what to do");
  CHECK(body.isMember("status") == is_passing);
  CHECK_FALSE(body.isMember(is_passing ? "error" : "warning"));
  CHECK(site.answer(request_to("GET", "/healthz")).status == 200);
  CHECK(site.answer(json_to("/register", kAda)).status == 200);

  site.replica.trouble.reset();
  CHECK(site.answer(request_to("GET", "/readyz")).body == "{\"status\":\"ready\"}\n");
}

TEST_CASE("a store that is away is worse than a bin") {
  test::HandlersOnFakes site;
  site.replica.trouble =
      store::Replica::Problem{.word = "away", .sentence = "x", .is_passing = true};
  site.users.fault.set(test::Fault::Hits::kChanges);
  const http::Response response = site.answer(request_to("GET", "/readyz"));
  CHECK(response.status == 503);
  CHECK(json_of(response)["code"] == "store_unavailable");
}

TEST_CASE("the session of a user who was deleted is void") {
  test::HandlersOnFakes site;
  site.add_user("Ada");
  const std::string cookie = site.cookie_of("ada");
  const auto asks = [&](const std::string& path) {
    http::Request request = request_to("GET", path);
    request.cookie = cookie;
    return site.answer(request).status;
  };
  REQUIRE(asks("/me") == 200);
  REQUIRE(asks("/verify") == 200);
  const store::StoredUser ada = *site.users.find("ada");
  Json::Value record = ada.user.record();
  record["role"] = "deleted";
  REQUIRE(site.users.update(store::User(record), ada.revision));
  CHECK(asks("/me") == 401);
  CHECK(asks("/verify") == 401);
}

}  // namespace userbin::handlers
