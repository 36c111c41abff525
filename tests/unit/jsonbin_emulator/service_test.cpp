#include "support/jsonbin_emulator/service.h"

#include "support/catch.h"
#include "support/fake_clock.h"
#include "support/jsonbin_emulator/json_input.h"
#include "support/temporary_folder.h"

using namespace userbin;
using namespace userbin::emulator;
using namespace std::chrono_literals;
using Milliseconds = std::chrono::milliseconds;

namespace {

/// A service whose pauses take no time: what is done in one is what `in_pause` says.
struct Scene {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  std::vector<Milliseconds> pauses;
  std::function<void(Milliseconds)> in_pause = [this](Milliseconds time) {
    if (time > 0ms) pauses.push_back(time);
  };
  Service service{folder.path(), Keys{.master = "key", .access = ""}, Switches{}, clock,
                  [this](Milliseconds time) { in_pause(time); }};
  std::string id = service.bins().create({}, "[1]").id;

  http::Response put(const std::string& body) {
    http::Request request;
    request.method = "PUT";
    request.path = "/b/" + id;
    request.content_type = "application/json";
    request.body = body;
    request.extra[header::kMasterKey] = "key";
    return service.answer(request);
  }
  http::Response get() {
    http::Request request;
    request.method = "GET";
    request.path = "/b/" + id + "/latest";
    request.extra = {{header::kMasterKey, "key"}, {header::kBinMeta, "false"}};
    return service.answer(request);
  }
  void fault(const char* json) { service.faults().add(parse_json(json).value()); }
  void set(const char* json) { service.switches().change(parse_json(json).value()); }
};

}  // namespace

TEST_CASE("half of the latency passes before the bin is touched, and half after", "[emulator]") {
  Scene scene;
  scene.set(R"({"latency_ms": 100})");
  scene.fault(R"({"fault": "latency", "ms": 51})");
  std::vector<std::string> seen;
  scene.in_pause = [&](Milliseconds time) {
    scene.pauses.push_back(time);
    seen.push_back(*scene.service.bins().latest(scene.id));
  };
  CHECK(scene.put("[2]").status == 200);
  CHECK(scene.pauses == std::vector<Milliseconds>{75ms, 76ms});
  CHECK(seen == std::vector<std::string>{"[1]", "[2]"});
}

TEST_CASE("without latency nothing waits", "[emulator]") {
  Scene scene;
  scene.put("[2]");
  scene.get();
  CHECK(scene.pauses.empty());
}

TEST_CASE("the last PUT wins, whatever its writer has read", "[emulator]") {
  Scene scene;
  scene.set(R"({"latency_ms": 2})");
  int depth = 0;
  scene.in_pause = [&](Milliseconds) {
    if (depth++ == 0) scene.put("[\"within\"]");  // while the first one is still on its way
  };
  CHECK(scene.put("[\"first\"]").status == 200);
  CHECK(scene.get().body == "[\"first\"]");
}

TEST_CASE("what costs a request, and what does not", "[emulator]") {
  const auto [fault, cost] = GENERATE(table<const char*, std::uint64_t>({
      {R"([])", 1},
      {R"({"fault": "too_fast"})", 1},
      {R"({"fault": "html_500"})", 1},
      {R"({"fault": "quota_spent"})", 1},
      {R"({"fault": "lost_answer"})", 1},
      {R"({"fault": "cut"})", 0},
  }));
  CAPTURE(fault);
  Scene scene;
  scene.set(R"({"requests_left": 5})");
  scene.fault(fault);
  scene.get();
  CHECK(scene.service.switches().get().requests_left == 5 - cost);
}

TEST_CASE("the guard's refusals cost nothing and are counted", "[emulator]") {
  Scene scene;
  scene.set(R"({"requests_left": 5, "bot_rule": true})");
  CHECK(scene.get().status == 403);
  CHECK(scene.service.switches().get().requests_left == 5U);
  CHECK(scene.service.stats().to_json()["refused"].asInt() == 1);
}

TEST_CASE("Retry-After as a date is RFC 9110's", "[emulator]") {
  Scene scene;
  scene.set(R"({"retry_after": "date", "retry_after_seconds": 90})");
  scene.fault(R"({"fault": "too_fast"})");
  const auto headers = scene.get().headers;
  CHECK(headers.back() ==
        std::pair<std::string, std::string>{"Retry-After", "Mon, 23 Nov 2026 17:31:30 GMT"});
}

TEST_CASE("a switch that is no switch changes nothing", "[emulator]") {
  Scene scene;
  CHECK_THROWS_AS(scene.set(R"({"latency_ms": 5, "latency": 1})"), BadInput);
  CHECK_THROWS_AS(scene.set(R"({"latency_ms": 5, "plain_get": "last"})"), BadInput);
  CHECK_THROWS_AS(scene.set(R"([])"), BadInput);
  CHECK(scene.service.switches().get().latency_ms == 0);
}

TEST_CASE("a bin makes no more versions than the service keeps", "[emulator]") {
  const test::TemporaryFolder folder;
  const test::FakeClock clock;
  Bins bins(folder.path(), clock);
  const std::string id = bins.create({}, "[0]").id;
  for (std::uint64_t i = 1; i <= Bins::kMaxVersions; ++i) {
    REQUIRE(bins.replace(id, "[1]", true) == i);
  }
  CHECK(bins.replace(id, "[2]", true) == 0U);
  CHECK(bins.latest(id) == "[2]");
  CHECK(bins.version(id, 0) == "[0]");
  CHECK(bins.find(id)->versions == Bins::kMaxVersions);
  CHECK(bins.remove_versions(id, false) == Bins::kMaxVersions);
  CHECK(bins.latest(id) == "[0]");
}
