// What ends a session or takes a role away has its effect on the very next request, whoever did it.
#include <functional>

#include "support/catch.h"
#include "support/site_with_bin.h"

namespace userbin::test {

namespace {

const std::string kPassword = "seven green lanterns";
const std::string kGuarded =
    "auth_request /verify; auth_request_set $userbin_login $upstream_http_location;"
    "error_page 401 = @userbin_login; root $userbin_www; try_files /userbin.svg =404; }\n";
const std::string kPlaces = "location = /members/ { " + kGuarded +
                            "location = /staff/ { set $userbin_require \"role:admin\"; " + kGuarded;

/// Two workers on one store, each behind an nginx of its own, and an administrator who is signed
/// in. Neither worker knows of a bin.
class Place {
 public:
  Place() {
    HttpClient client(first_.url());
    REQUIRE(client.post_json("/register", credentials("ada", kPassword)).status == 200);
    set("role", R"("admin")");
    token_ = log_in(first_);
  }

  const Site& first() const { return first_; }
  const Site& second() const { return second_; }

  /// A new session's token.
  static std::string log_in(const Site& site) {
    Json::Value body;
    body["username"] = "ada";
    body["password"] = kPassword;
    body["token"] = true;
    HttpClient client(site.url());
    return client.post_json("/login", body.toStyledString()).json()["token"].asString();
  }

  static int get(const Site& site, const std::string& path, const std::string& token) {
    HttpClient client(site.url());
    return client.get(path, {"Authorization: Bearer " + token}).status;
  }

  /// The statuses of both places at both workers, with the session of the beginning.
  std::vector<int> statuses() const {
    std::vector<int> found;
    for (const Site* site : {&second_, &first_}) {
      for (const char* path : {"/staff/", "/members/"}) found.push_back(get(*site, path, token_));
    }
    return found;
  }

  void log_out(const Site& site, bool everywhere = false) const {
    HttpClient client(site.url());
    const std::string token = everywhere ? log_in(site) : token_;
    const std::string body = everywhere ? R"({"everywhere": true})" : "{}";
    REQUIRE(client.post_json("/logout", body, {"Authorization: Bearer " + token}).status == 200);
  }

  void sql(const std::string& statement) const { first_.sql(statement); }
  void set(const std::string& member, const std::string& value) const {
    sql("UPDATE users SET record = " + Site::record_with(member, value));
  }

  /// The owner changes his element in the bin, and 'userbin bin pull' takes it over.
  void pull(const char* member, const Json::Value& value) const {
    REQUIRE(bin("push").status == 0);
    Json::Value list = SiteWithBin::json_in(service_.bin(bin_));
    REQUIRE(list[0]["username"] == "ada");
    list[0][member] = value;
    service_.set_bin(bin_, list.toStyledString());
    // Anything that the push changed in the store is forgotten before the pull.
    REQUIRE(statuses() == std::vector<int>(4, 200));
    REQUIRE(bin("pull").status == 0);
  }

 private:
  Finished bin(const std::string& what) const {
    std::vector<std::string> command = {userbin_program(), "bin", what,
                                        "--store=" + first_.store()};
    for (const auto& flags : {bin_flags(service_, bin_), kCheapHashing}) {
      command.insert(command.end(), flags.begin(), flags.end());
    }
    return run_command(command);
  }

  Emulator service_;
  const std::string bin_ = service_.create_bin("[{}]");
  Site first_{{.locations = kPlaces}};
  Site second_{{.locations = kPlaces, .store = first_.store()}};
  std::string token_;
};

}  // namespace

TEST_CASE("what takes a right away is seen by the very next request, at every worker") {
  struct Way {
    const char* what;
    std::function<void(const Place&)> change;
    int staff;
    int members;
  };
  const auto way = GENERATE(values<Way>({
      {"logout", [](const Place& place) { place.log_out(place.first()); }, 401, 401},
      {"logout at the other worker", [](const Place& place) { place.log_out(place.second()); }, 401,
       401},
      {"logout everywhere, by another session",
       [](const Place& place) { place.log_out(place.first(), true); }, 401, 401},
      {"logout everywhere, at the other worker",
       [](const Place& place) { place.log_out(place.second(), true); }, 401, 401},
      {"disabled by SQL", [](const Place& place) { place.set("disabled", "true"); }, 401, 401},
      {"demoted by SQL", [](const Place& place) { place.set("role", R"("user")"); }, 403, 200},
      {"removed by SQL", [](const Place& place) { place.sql("DELETE FROM users;"); }, 401, 401},
      {"session removed by SQL", [](const Place& place) { place.sql("DELETE FROM sessions;"); },
       401, 401},
      {"disabled in the bin", [](const Place& place) { place.pull("disabled", true); }, 401, 401},
      {"deleted in the bin", [](const Place& place) { place.pull("role", "deleted"); }, 401, 401},
      {"demoted in the bin", [](const Place& place) { place.pull("role", "user"); }, 403, 200},
      {"another password in the bin",
       [](const Place& place) { place.pull("password", "eight red balloons"); }, 401, 401},
  }));
  CAPTURE(way.what);
  const Place place;
  for (int i = 0; i < 3; ++i) REQUIRE(place.statuses() == std::vector<int>(4, 200));
  way.change(place);
  CHECK(place.statuses() == std::vector<int>{way.staff, way.members, way.staff, way.members});
}

TEST_CASE("what is given back is seen by the very next request as well") {
  const Place place;
  for (int i = 0; i < 10; ++i) {
    place.set("role", R"("user")");
    CHECK(place.statuses() == std::vector<int>{403, 200, 403, 200});
    place.set("role", R"("admin")");
    CHECK(place.statuses() == std::vector<int>(4, 200));
  }
}

TEST_CASE("workers on one store agree on who is signed in after every login and logout") {
  const Place place;
  const Site* here = &place.first();
  const Site* there = &place.second();
  for (int i = 0; i < 50; ++i) {
    CAPTURE(i);
    const std::string token = Place::log_in(*here);
    CHECK(Place::get(*there, "/members/", token) == 200);
    CHECK(Place::get(*here, "/members/", token) == 200);
    HttpClient client(there->url());
    REQUIRE(client.post_json("/logout", "{}", {"Authorization: Bearer " + token}).status == 200);
    CHECK(Place::get(*here, "/members/", token) == 401);
    CHECK(Place::get(*there, "/members/", token) == 401);
    std::swap(here, there);
  }
}

}  // namespace userbin::test
