// The clock of the machine leaps, ahead and back, under a worker that runs.
#include <filesystem>

#include "base/clock.h"
#include "support/faults.h"
#include "support/site_with_bin.h"

namespace userbin::test {

namespace {

/// libfaketime for programs with threads; empty if it is not installed.
std::string faketime_library() {
  for (const auto& folder : std::filesystem::directory_iterator("/usr/lib")) {
    const auto library = folder.path() / "faketime/libfaketimeMT.so.1";
    std::error_code ignored;
    if (std::filesystem::exists(library, ignored)) return library;
  }
  return "";
}

/// A site with a bin, whose worker takes the time from a file.
struct LeapingSite {
  TemporaryFolder folder;
  Emulator service;
  std::string bin = service.create_bin("[{}]");
  Site site;

  explicit LeapingSite(const std::string& library) : site(options(library)) {}

  Site::Options options(const std::string& library) const {
    write_file(folder.file("time"), "+0\n");
    Site::Options options = options_with(bin_flags(service, bin),
                                         {"--bin-wait=10s", "--bin-delay=0s", "--bin-confirm=1s",
                                          "--bin-requests=100000/day", "--login-failures=3"});
    options.worker_environment = {"LD_PRELOAD=" + library,
                                  "FAKETIME_TIMESTAMP_FILE=" + folder.file("time"),
                                  "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"};
    return options;
  }

  /// "+3d", "-5h"; away from the true time.
  void leap_to(const std::string& offset) const {
    write_file(folder.file("new"), offset + '\n');
    std::filesystem::rename(folder.file("new"), folder.file("time"));
  }

  Json::Value user(const std::string& name) const {
    for (const Json::Value& element : SiteWithBin::json_in(service.bin(bin))) {
      if (element["username"] == name) return element;
    }
    return {};
  }
  base::WallTime stamp(const std::string& name) const {
    return base::parse_rfc3339(user(name)["updated_at"].asString()).value();
  }

  /// A registration and a change of it are in the bin when they are answered, and later ones have
  /// later stamps.
  void check_bin_goes_on(const std::string& name) const {
    CAPTURE(name);
    CHECK(register_at(site, name).status == 200);
    CHECK(user(name)["username"] == name);
    const base::WallTime before = stamp("ada");
    HttpClient client(site.url());
    REQUIRE(client.post_json("/login", credentials("ada", kPassword)).status == 200);
    const std::string body =
        R"({"current_password": ")" + kPassword + R"(", "new_password": ")" + kPassword + "\"}";
    CHECK(client.post_json("/me/password", body, {"Sec-Fetch-Site: same-origin"}).status == 200);
    wait_until("the bin has a later stamp", [&] { return stamp("ada") > before; });
  }

  /// How long somebody waits who types wrong passwords until he must.
  std::chrono::seconds wait_of(const std::string& name) const {
    Answer answer;
    wait_until("he must wait", [&] {
      answer = log_in_at(site, name, "wrong");
      return answer.status == 429;
    });
    return std::chrono::seconds{std::stol(answer.header("Retry-After"))};
  }
};

}  // namespace

TEST_CASE(
    "a clock that leaps ahead and back ends no session for ever, and makes none last for ever") {
  const std::string library = faketime_library();
  if (kIsSanitized || library.empty()) {
    WARN("not under a sanitizer, nor without libfaketime");
    return;
  }
  const LeapingSite it(library);
  const std::string ada = newcomer_at(it.site, "ada");
  const std::string early = newcomer_at(it.site, "early");

  it.leap_to("+3h");
  CHECK(verified(it.site, early) == 200);
  const std::string bob = newcomer_at(it.site, "bob");
  it.leap_to("-5h");
  CHECK(verified(it.site, early) == 200);
  CHECK(verified(it.site, bob) == 200);
  CHECK(verified(it.site, newcomer_at(it.site, "carl")) == 200);

  it.leap_to("+3d");
  CHECK(verified(it.site, early) == 401);
  it.leap_to("+0");
  CHECK(verified(it.site, early) == 200);

  it.leap_to("+3650d");
  const std::string late = newcomer_at(it.site, "late");
  CHECK(verified(it.site, late) == 200);
  it.leap_to("+0");
  CHECK(verified(it.site, late) == 401);
  check_is_well(it.site, "late", "dora");
}

TEST_CASE("while the clock leaps the bin follows, stamps rise, and nobody waits for days") {
  const std::string library = faketime_library();
  if (kIsSanitized || library.empty()) {
    WARN("not under a sanitizer, nor without libfaketime");
    return;
  }
  const LeapingSite it(library);
  REQUIRE(register_at(it.site, "ada").status == 200);
  int number = 0;
  for (const char* offset : {"+0", "+3h", "-5h", "+3d", "-30d", "+3650d", "+0"}) {
    it.leap_to(offset);
    const std::string name = "user" + std::to_string(++number);
    it.check_bin_goes_on(name);
    CHECK(it.wait_of(name) <= std::chrono::minutes{15});
  }
  // What was counted at another time holds nobody any longer.
  for (int each = 1; each <= number; ++each) {
    const Answer answer = log_in_at(it.site, "user" + std::to_string(each));
    CHECK((answer.status == 200 || std::stol(answer.header("Retry-After")) <= 15 * 60));
  }
  CHECK_FALSE(has_logged(it.site, " error: "));
  check_is_well(it.site, "ada", "bob");
}

}  // namespace userbin::test
