// The emulator's faults, as a plain libcurl client meets them and as our own JSONBin client does.
#include <atomic>
#include <chrono>
#include <thread>

#include "base/clock.h"
#include "jsonbin/client.h"
#include "jsonbin/curl_transport.h"
#include "support/catch.h"
#include "support/emulator.h"

using namespace userbin;
using namespace userbin::test;
using namespace std::chrono_literals;
using jsonbin::ErrorKind;

namespace {

const std::string kDocument = R"([{"name":"alice"}])";
const std::string kChanged = R"([{"name":"bob"}])";

/// One bin, and both clients. Each starts without a kept connection: on one of those, libcurl
/// repeats a request that was cut.
struct Scene {
  Emulator emulator;
  std::string id = emulator.create_bin(kDocument);

  Answer get() const { return HttpClient(emulator.url()).get("/b/" + id + "/latest", headers()); }
  Answer put(const std::string& document) const {
    auto all = headers();
    all.push_back("Content-Type: application/json");
    return HttpClient(emulator.url())
        .send({.method = "PUT", .path = "/b/" + id, .body = document, .headers = all});
  }

  /// What our own client makes of a call.
  template <typename Call>
  auto ours(Call call, std::chrono::milliseconds timeout = 20s) const {
    const base::SystemClock clock;
    jsonbin::CurlTransport transport({.whole_timeout = timeout});
    jsonbin::Client client(transport, clock,
                           {.base_url = emulator.url(), .key = base::SecretString(emulator.key())});
    return call(client);
  }
  jsonbin::Answer<Json::Value> read(std::chrono::milliseconds timeout = 20s) const {
    return ours([&](jsonbin::Client& client) { return client.read_latest(id); }, timeout);
  }
  jsonbin::Answer<Json::Value> replace() const {
    Json::Value document(Json::arrayValue);
    document[0]["name"] = "bob";
    return ours([&](jsonbin::Client& client) { return client.replace(id, document); });
  }

 private:
  std::vector<std::string> headers() const {
    return {"X-Master-Key: " + emulator.key(), "X-Bin-Meta: false"};
  }
};

}  // namespace

TEST_CASE("a read meets each fault in both clients", "[emulator]") {
  struct Row {
    std::string fault;
    int status;
    ErrorKind kind;
    std::string body;
  };
  const Scene scene;
  const std::vector<Row> rows = {
      {R"({"fault": "too_fast"})", 429, ErrorKind::kSlowDown, "Too many requests"},
      {R"({"fault": "html_500"})", 500, ErrorKind::kAway, "<!DOCTYPE html>"},
      {R"({"fault": "html_502"})", 502, ErrorKind::kAway, "<!DOCTYPE html>"},
      {R"({"fault": "html_504"})", 504, ErrorKind::kAway, "<!DOCTYPE html>"},
      {R"({"fault": "quota_spent"})", 403, ErrorKind::kOutOfRequests, "Requests exhausted."},
      {R"({"fault": "cut"})", 0, ErrorKind::kAway, ""},
      {R"({"fault": "lost_answer"})", 0, ErrorKind::kAway, ""},
      {R"({"fault": "cut_body"})", 0, ErrorKind::kAway, R"([{"name")"},
      {R"({"fault": "body", "body": "[{\"na"})", 200, ErrorKind::kAway, R"([{"na)"},
      {R"({"fault": "body", "body": "null"})", 200, ErrorKind::kAway, "null"},
      {R"({"fault": "body", "body": ""})", 200, ErrorKind::kAway, ""},
      {R"({"fault": "body", "body": "<html>", "content_type": "text/html"})", 200, ErrorKind::kAway,
       "<html>"},
      {R"({"fault": "body", "body": "?", "status": 418})", 418, ErrorKind::kAway, "?"},
      {R"({"fault": "huge", "bytes": 5000000})", 200, ErrorKind::kAway, "[\"aaa"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.fault);
    scene.emulator.add_fault(row.fault);
    const Answer plain = scene.get();
    CHECK(plain.status == row.status);
    CHECK(plain.body.find(row.body) != std::string::npos);
    const auto ours = scene.read();
    scene.emulator.clear_faults();
    REQUIRE_FALSE(ours);
    CHECK(ours.error().kind == row.kind);
    const bool is_whole_answer = row.fault.find("huge") == std::string::npos;
    CHECK(ours.error().status == (is_whole_answer ? row.status : 0));
    CHECK_FALSE(ours.error().may_have_been_done);
  }
  CHECK(scene.get().body == kDocument);
  CHECK(scene.read());
}

TEST_CASE("a write meets each fault, and is applied or not", "[emulator]") {
  struct Row {
    std::string fault;
    int status;
    bool is_applied;
    ErrorKind kind;
    bool may_have_been_done;
  };
  const Scene scene;
  const std::vector<Row> rows = {
      {R"({"fault": "too_fast"})", 429, false, ErrorKind::kSlowDown, false},
      {R"({"fault": "quota_spent"})", 403, false, ErrorKind::kOutOfRequests, false},
      {R"({"fault": "html_502"})", 502, false, ErrorKind::kAway, true},
      {R"({"fault": "html_504", "applied": true})", 504, true, ErrorKind::kAway, true},
      {R"({"fault": "cut"})", 0, false, ErrorKind::kAway, true},
      {R"({"fault": "lost_answer"})", 0, true, ErrorKind::kAway, true},
      {R"({"fault": "cut_body"})", 0, true, ErrorKind::kAway, true},
      {R"({"fault": "body", "body": "<html>"})", 200, true, ErrorKind::kAway, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.fault);
    scene.emulator.add_fault(row.fault);
    CHECK(scene.put(kChanged).status == row.status);
    CHECK(scene.emulator.bin(scene.id) == (row.is_applied ? kChanged : kDocument));
    scene.emulator.set_bin(scene.id, kDocument);
    const auto ours = scene.replace();
    scene.emulator.clear_faults();
    REQUIRE_FALSE(ours);
    CHECK(ours.error().kind == row.kind);
    CHECK(ours.error().may_have_been_done == row.may_have_been_done);
    CHECK(scene.emulator.bin(scene.id) == (row.is_applied ? kChanged : kDocument));
    scene.emulator.set_bin(scene.id, kDocument);
  }
}

TEST_CASE("a late write is applied after its answer was lost", "[emulator]") {
  const Scene scene;
  scene.emulator.add_fault(R"({"fault": "late_write", "ms": 700, "times": 1})");
  CHECK(scene.get().status == 200);  // it is for changes
  CHECK(scene.put(kChanged).status == 0);
  CHECK(scene.emulator.bin(scene.id) == kDocument);
  CHECK(scene.emulator.stats()["late_writes"] == 1);
  wait_until("it is applied", [&] { return scene.emulator.bin(scene.id) == kChanged; });
  wait_until("it is done", [&] { return scene.emulator.stats()["late_writes"] == 0; });
  CHECK(scene.put(kDocument).status == 200);
}

TEST_CASE("a stale read gives the document before the latest, and only that", "[emulator]") {
  const Scene scene;
  scene.put(kChanged);
  scene.emulator.add_fault(R"({"fault": "stale_read", "times": 2})");
  CHECK(scene.put(R"([{"name":"carol"}])").status == 200);
  CHECK(scene.get().body == kChanged);
  const auto ours = scene.read();
  REQUIRE(ours);
  CHECK(ours.value()[0]["name"] == "bob");
  CHECK(scene.get().body == R"([{"name":"carol"}])");
}

TEST_CASE("a 429 says when to come back, as it is told to", "[emulator]") {
  const Scene scene;
  scene.emulator.add_fault(R"({"fault": "too_fast"})");
  CHECK(scene.get().header("Retry-After").empty());
  CHECK_FALSE(scene.read().error().retry_after);
  for (const char* form : {"seconds", "date"}) {
    CAPTURE(form);
    scene.emulator.set(R"({"retry_after_seconds": 30, "retry_after": ")" + std::string(form) +
                       "\"}");
    CHECK_FALSE(scene.get().header("Retry-After").empty());
    const auto wait = scene.read().error().retry_after;
    REQUIRE(wait);
    CHECK(*wait >= 28s);
    CHECK(*wait <= 30s);
  }
}

TEST_CASE("latency and slow bodies outlast a client's patience", "[emulator]") {
  const Scene scene;
  const auto fault =
      GENERATE(values<std::string>({R"({"fault": "latency", "ms": 5000})",
                                    R"({"fault": "slow_body", "bytes_per_second": 20})"}));
  CAPTURE(fault);
  scene.emulator.add_fault(fault);
  const auto ours = scene.read(250ms);
  REQUIRE_FALSE(ours);
  CHECK(ours.error().kind == ErrorKind::kAway);
  CHECK(ours.error().status == 0);
  scene.emulator.clear_faults();
  CHECK(scene.read(5s));
}

TEST_CASE("latency passes", "[emulator]") {
  const Scene scene;
  scene.emulator.set(R"({"latency_ms": 100})");
  scene.emulator.add_fault(R"({"fault": "latency", "ms": 100})");
  CHECK(scene.get().body == kDocument);
}

TEST_CASE("a slow body arrives in the end", "[emulator]") {
  const Scene scene;
  // Too slow for the answer's two hundred bytes, with its headers, to come in two of nginx's steps.
  scene.emulator.add_fault(R"({"fault": "slow_body", "bytes_per_second": 80})");
  CHECK(scene.get().body == kDocument);
}

TEST_CASE("requests do not wait for each other's latency, and each PUT is done", "[emulator]") {
  const Scene scene;
  constexpr int kWriters = 16;
  // One after the other they would take longer than anybody waits for them.
  scene.emulator.set(R"({"latency_ms": 5000})");
  std::atomic<int> done = 0;
  std::vector<std::jthread> writers;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back([&] {
      if (scene.put("[" + std::to_string(i + 1) + "]").status == 200) ++done;
    });
  }
  wait_until(
      "all are done", [&] { return done == kWriters; }, 60);
  CHECK(scene.emulator.stats()["verbs"]["update"] == kWriters);
  CHECK(scene.emulator.stats()["refused"] == 0);
  CHECK(scene.emulator.bin(scene.id) != kDocument);
}

TEST_CASE("our client creates bins and finds them all in their collection", "[emulator]") {
  const Scene scene;
  const std::string collection =
      HttpClient(scene.emulator.url())
          .send({.method = "POST",
                 .path = "/c",
                 .headers = {"X-Master-Key: " + scene.emulator.key(), "X-Collection-Name: users"}})
          .json()["record"]
          .asString();
  Json::Value document(Json::arrayValue);
  document.append(Json::Value(Json::objectValue));
  const auto listed = scene.ours([&](jsonbin::Client& client) {
    for (int i = 0; i < 11; ++i) {
      const auto id = client.create(document, {.name = "shard", .collection_id = collection});
      REQUIRE(id);
      CHECK(scene.emulator.bin(id.value()) == "[{}]");
    }
    return client.list_collection(collection);
  });
  REQUIRE(listed);
  CHECK(listed.value().bins.size() == 11);
  CHECK(listed.value().bins[10].name == "shard");
  CHECK(scene.emulator.stats()["verbs"]["list"] == 3);
}

TEST_CASE("our client tells the service's refusals apart", "[emulator]") {
  const Scene scene;
  const auto kind = [&](auto call) {
    const auto answer = scene.ours(call);
    return answer ? std::string("none") : std::string(jsonbin::word_for(answer.error().kind));
  };
  Json::Value big(Json::arrayValue);
  big.append(std::string(100'000, 'x'));
  using jsonbin::Client;
  CHECK(kind([&](Client& c) { return c.replace(scene.id, big); }) == "too_big");
  CHECK(kind([&](Client& c) { return c.create(big, {}); }) == "too_big");
  CHECK(kind([&](Client& c) { return c.replace(scene.id, Json::arrayValue); }) == "blank_refused");
  CHECK(kind([&](Client& c) { return c.read_latest("nothing"); }) == "not_there");
  CHECK(kind([&](Client& c) { return c.read_latest("0123456789abcdef01234567"); }) == "not_there");
  CHECK(kind([&](Client& c) { return c.list_collection("0123456789abcdef01234567"); }) ==
        "not_there");
  CHECK(kind([&](Client& c) { return c.read_latest(scene.id); }) == "none");
  scene.emulator.set(R"({"requests_left": 0})");
  CHECK(kind([&](Client& c) { return c.read_latest(scene.id); }) == "out_of_requests");
}
