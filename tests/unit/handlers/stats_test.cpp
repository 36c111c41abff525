#include "handlers/stats.h"

#include "support/catch.h"
#include "support/handlers_on_fakes.h"

namespace userbin::handlers {

namespace {

using test::HandlersOnFakes;
using test::json_to;
using test::request_to;

/// How often a route, "" for none, had a status.
std::uint64_t count_of(const Dispatcher& dispatcher, const std::string& method,
                       const std::string& pattern, int status) {
  const auto& statuses = RequestStats::kStatuses;
  for (const auto& entry : dispatcher.stats().entries()) {
    if (entry.method != method || entry.pattern != pattern) continue;
    const auto* found = std::find(statuses.begin(), statuses.end(), status);
    return entry.by_status[static_cast<std::size_t>(found - statuses.begin())].value();
  }
  FAIL("there is no such route");
  return 0;
}

std::uint64_t observed(const Dispatcher& dispatcher, const std::string& pattern) {
  std::uint64_t sum = 0;
  for (const auto& entry : dispatcher.stats().entries()) {
    if (entry.pattern != pattern) continue;
    for (const std::uint64_t count : entry.duration.snapshot().counts) sum += count;
  }
  return sum;
}

std::uint64_t sign_ins(const HandlersOnFakes& house, SignIn outcome) {
  return house.stats.sign_ins.counters()[static_cast<std::size_t>(outcome)].value();
}

std::uint64_t registrations(const HandlersOnFakes& house, Registration outcome) {
  return house.stats.registrations.counters()[static_cast<std::size_t>(outcome)].value();
}

std::string credentials(const std::string& name, const std::string& password) {
  return R"({"username": ")" + name + R"(", "password": ")" + password + "\"}";
}

}  // namespace

TEST_CASE("a request is counted under its route's pattern, never under what was asked for") {
  HandlersOnFakes house;
  house.answer(request_to("GET", "/users/somebody"));
  house.answer(request_to("GET", "/users/some/body"));
  house.answer(request_to("HEAD", "/healthz"));
  house.answer(request_to("GET", "/healthz"));
  CHECK(count_of(house.dispatcher, "GET", "/users/**", 401) == 2);
  CHECK(count_of(house.dispatcher, "GET", "/healthz", 200) == 2);
  CHECK(observed(house.dispatcher, "/healthz") == 2);
}

TEST_CASE("what no route is for is counted as one, whatever the path and method") {
  HandlersOnFakes house;
  const std::size_t before = house.dispatcher.stats().entries().size();
  house.answer(request_to("GET", "/no/such/thing"));
  house.answer(request_to("GET", "/../../etc/passwd"));
  house.answer(request_to("BREW", "/healthz"));
  CHECK(count_of(house.dispatcher, "", "", 404) == 2);
  CHECK(count_of(house.dispatcher, "", "", 405) == 1);
  CHECK(house.dispatcher.stats().entries().size() == before);
}

TEST_CASE("a web server's question counts as /verify, by whatever method and path") {
  HandlersOnFakes house;
  house.answer(request_to("DELETE", "/verify"));
  http::Request authorizer = request_to("POST", "/login");
  authorizer.is_authorizer = true;
  house.answer(authorizer);
  CHECK(count_of(house.dispatcher, "GET", "/verify", 401) == 2);
  CHECK(count_of(house.dispatcher, "POST", "/login", 401) == 0);
}

TEST_CASE("what /verify turns into a 401 keeps its own status in the count") {
  HandlersOnFakes house;
  http::Request request = request_to("GET", "/verify");
  request.ambiguous = true;
  CHECK(house.answer(request).status == 401);
  CHECK(count_of(house.dispatcher, "GET", "/verify", 400) == 1);
}

TEST_CASE("a browser's form counts as what it came to, not as the way back to its page") {
  HandlersOnFakes house;
  const auto answer =
      house.answer(test::form_to("/login", "username=nobody&password=tuesday+grows+heavy"));
  CHECK(answer.status == 303);
  CHECK(count_of(house.dispatcher, "POST", "/login", 401) == 1);
}

TEST_CASE("logins are counted by what they came to") {
  HandlersOnFakes house;
  house.add_user("ada");
  house.answer(json_to("/login", credentials("ada", test::kGoodPassword)));
  house.answer(json_to("/login", credentials("nobody", "something else")));
  std::uint64_t wrong = 0;
  while (house.answer(json_to("/login", credentials("ada", "something else"))).status == 401) {
    ++wrong;
  }
  CHECK(sign_ins(house, SignIn::kOk) == 1);
  CHECK(sign_ins(house, SignIn::kWrongPassword) == wrong);
  CHECK(sign_ins(house, SignIn::kUnknownUser) == 1);
  CHECK(sign_ins(house, SignIn::kThrottled) == 1);
  CHECK(house.throttle.refused_logins() == 1);
  CHECK(house.throttle.refused_registrations() == 0);
}

TEST_CASE("registrations are counted by what they came to") {
  HandlersOnFakes house;
  const auto again = [&] {
    return house.answer(json_to("/register", credentials("Ada", test::kGoodPassword))).status;
  };
  CHECK(again() == 200);
  std::uint64_t taken = 0;
  while (again() == 400) ++taken;
  CHECK(registrations(house, Registration::kOk) == 1);
  CHECK(registrations(house, Registration::kUsernameTaken) == taken);
  CHECK(registrations(house, Registration::kThrottled) == 1);
  CHECK(house.throttle.refused_registrations() == 1);
}

}  // namespace userbin::handlers
