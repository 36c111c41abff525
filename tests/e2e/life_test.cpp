// The whole life of an account behind a real nginx: what the people do by HTTP, what the owner does
// once by HTTP and once by the command line.
#include "support/catch.h"
#include "support/owner.h"

namespace userbin::test {

namespace {

constexpr const char* kFirst = "tuesday grows heavy";
constexpr const char* kSecond = "seven green lanterns";
constexpr const char* kThird = "quiet harbour at noon";

const std::vector<std::string> kOwnPage = {"Sec-Fetch-Site: same-origin",
                                           "Content-Type: application/json"};

/// The owner as an admin with curl.
class OwnerByCurl {
 public:
  explicit OwnerByCurl(const Site& site) : client_(site.url()) {
    REQUIRE(client_.post_json("/login", credentials("ada", kFirst)).status == 200);
  }
  std::string invite(const std::string& role) {
    return client_.post_json("/invitations", "{\"role\":\"" + role + "\"}")
        .json()["token"]
        .asString();
  }
  bool approve(const std::string& name) { return change(name, R"({"disabled":false})"); }
  bool disable(const std::string& name) { return change(name, R"({"disabled":true})"); }
  bool enable(const std::string& name) { return change(name, R"({"disabled":false})"); }
  bool give_password(const std::string& name, const std::string& password) {
    return change(name, R"({"password":")" + password + "\"}");
  }
  bool remove(const std::string& name) { return send("DELETE", "/users/" + name); }
  bool restore(const std::string& name) { return send("POST", "/users/" + name + "/restore"); }
  Json::Value show(const std::string& name) { return client_.get("/users/" + name).json(); }

 private:
  bool send(const std::string& method, const std::string& path, const std::string& body = "") {
    return client_.send({.method = method, .path = path, .body = body, .headers = kOwnPage})
               .status == 200;
  }
  bool change(const std::string& name, const std::string& patch) {
    return send("PATCH", "/users/" + name, patch);
  }

  HttpClient client_;
};

/// The owner at a terminal, beside the running worker.
class OwnerByCommand {
 public:
  explicit OwnerByCommand(const Site& site) : site_(site) {}
  std::string invite(const std::string& role) {
    return ask_owner(site_, {"invite", "create", "--role", role})["token"].asString();
  }
  bool approve(const std::string& name) { return run({"approve", name}); }
  bool disable(const std::string& name) { return run({"disable", name}); }
  bool enable(const std::string& name) { return run({"enable", name}); }
  bool give_password(const std::string& name, const std::string& password) {
    return run({"set-password", name}, password);
  }
  bool remove(const std::string& name) { return run({"delete", name}); }
  bool restore(const std::string& name) { return run({"restore", name}); }
  Json::Value show(const std::string& name) { return ask_owner(site_, {"user", "show", name}); }

 private:
  bool run(std::vector<std::string> arguments, const std::string& input = "") {
    arguments.insert(arguments.begin(), "user");
    return run_owner(site_, arguments, input).status == 0;
  }

  const Site& site_;
};

/// One of a person's browsers, or a program of his.
struct Device {
  HttpClient client;

  explicit Device(const Site& site) : client(site.url()) {}

  Answer register_user(const std::string& name, const std::string& invitation = "") {
    return client.post_json("/register", R"({"username":")" + name + R"(","password":")" + kFirst +
                                             R"(","invitation":")" + invitation + "\"}");
  }
  /// "": logged in; else what was wrong.
  std::string log_in(const std::string& name, const std::string& password) {
    return client.post_json("/login", credentials(name, password)).code();
  }
  /// Whether the guarded place lets him in.
  bool gets_in() { return client.get("/members/page").status == 200; }
};

Site::Options with_approval() {
  Site::Options options;
  options.worker_flags.emplace_back("--registration=approval");
  options.start_application = true;
  return options;
}

}  // namespace

TEMPLATE_TEST_CASE("an account's life, from an invitation to its end", "", OwnerByCurl,
                   OwnerByCommand) {
  Site site(with_approval());
  REQUIRE(run_owner(site, {"user", "add", "ada", "--role", "admin"}, kFirst).status == 0);
  TestType owner(site);
  Device guest(site), laptop(site), phone(site);

  // Who is invited is in at once, as what he was invited.
  const std::string token = owner.invite("editor");
  CHECK_FALSE(guest.register_user("eve", token).json().isMember("waiting"));
  CHECK(guest.log_in("eve", kFirst).empty());
  CHECK(guest.gets_in());
  CHECK(owner.show("eve")["role"] == "editor");
  CHECK(laptop.register_user("bob", token).code() == "invalid_invitation");

  // Who comes by himself waits.
  CHECK(laptop.register_user("bob").json()["waiting"] == true);
  CHECK(laptop.log_in("bob", kFirst) == "awaiting_approval");
  CHECK_FALSE(laptop.gets_in());
  CHECK(owner.show("bob")["waiting"] == true);
  REQUIRE(owner.approve("bob"));
  CHECK(owner.show("bob")["waiting"] == false);

  // Two devices.
  CHECK(laptop.log_in("bob", kFirst).empty());
  CHECK(phone.log_in("bob", kFirst).empty());
  CHECK(laptop.gets_in());
  CHECK(phone.gets_in());
  CHECK(laptop.client.get("/me/sessions").json()["sessions"].size() == 2);

  // Another password, by himself: the other device is out. And by the owner: both are.
  const std::string change =
      std::string(R"({"current_password":")") + kFirst + R"(","new_password":")" + kSecond + "\"}";
  CHECK(laptop.client.post_json("/me/password", change, kOwnPage).status == 200);
  CHECK(laptop.gets_in());
  CHECK_FALSE(phone.gets_in());
  CHECK(phone.log_in("bob", kFirst) == "invalid_credentials");
  CHECK(phone.log_in("bob", kSecond).empty());
  REQUIRE(owner.give_password("bob", kThird));
  CHECK_FALSE(laptop.gets_in());
  CHECK_FALSE(phone.gets_in());
  CHECK(laptop.log_in("bob", kSecond) == "invalid_credentials");
  CHECK(laptop.log_in("bob", kThird).empty());

  // Disabled and enabled.
  REQUIRE(owner.disable("bob"));
  CHECK(owner.show("bob")["disabled"] == true);
  CHECK_FALSE(laptop.gets_in());
  CHECK(laptop.log_in("bob", kThird) == "invalid_credentials");
  REQUIRE(owner.enable("bob"));
  CHECK_FALSE(laptop.gets_in());
  CHECK(laptop.log_in("bob", kThird).empty());

  // Deleted and restored.
  REQUIRE(owner.remove("bob"));
  CHECK_FALSE(laptop.gets_in());
  CHECK(laptop.log_in("bob", kThird) == "invalid_credentials");
  CHECK_FALSE(owner.remove("bob"));
  REQUIRE(owner.restore("bob"));
  CHECK_FALSE(laptop.gets_in());
  CHECK(laptop.log_in("bob", kThird).empty());
  CHECK(laptop.gets_in());
  CHECK(owner.show("bob")["role"] == "user");

  // Deleted by himself: for good, and the name is free.
  const std::string farewell = std::string(R"({"current_password":")") + kThird + "\"}";
  const HttpClient::Call deletion{
      .method = "DELETE", .path = "/me", .body = farewell, .headers = kOwnPage};
  CHECK(laptop.client.send(deletion).status == 200);
  CHECK_FALSE(laptop.gets_in());
  CHECK(laptop.log_in("bob", kThird) == "invalid_credentials");
  CHECK_FALSE(owner.restore("bob"));
  CHECK(phone.register_user("bob").json()["waiting"] == true);
  CHECK(guest.gets_in());
}

}  // namespace userbin::test
