#include "jsonbin/schedule.h"

#include <deque>
#include <set>

#include "jsonbin/metered_transport.h"
#include "support/catch.h"
#include "support/fake_clock.h"
#include "support/fake_sync_store.h"
#include "support/fake_transport.h"

using namespace std::chrono_literals;

namespace userbin::jsonbin {

namespace {

using Catch::Generators::table;
using std::chrono::milliseconds;

constexpr BackOff::Range kRange{1s, 60s};
constexpr base::WallTime kHour{std::chrono::hours{500'000}};

}  // namespace

TEST_CASE("waits double at each failure up to the longest, half of each is jitter") {
  BackOff back_off(GENERATE(range(0U, 20U)));
  for (const milliseconds whole : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s, 60s}) {
    const milliseconds wait = back_off.after_failure(kRange);
    CAPTURE(whole.count());
    CHECK(wait >= whole / 2);
    CHECK(wait <= whole);
  }
}

TEST_CASE("jitter takes the whole of its half") {
  std::set<milliseconds> waits;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    waits.insert(BackOff(seed).after_failure(kRange));
  }
  CHECK(*waits.begin() < 550ms);
  CHECK(*waits.rbegin() > 950ms);
  CHECK(waits.size() > 50);
}

TEST_CASE("after a success waits begin anew") {
  BackOff back_off(7);
  for (int i = 0; i < 5; ++i) back_off.after_failure(kRange);
  back_off.reset();
  CHECK(back_off.after_failure(kRange) <= 1s);
  CHECK(back_off.after_failure(kRange) <= 2s);
}

TEST_CASE("waits stay within their bounds after any number of failures") {
  BackOff back_off(7);
  for (int i = 0; i < 100; ++i) back_off.after_failure({1h, 12h});
  const milliseconds wait = back_off.after_failure({1h, 12h});
  CHECK(wait >= 6h);
  CHECK(wait <= 12h);
}

TEST_CASE("the same seed gives the same waits") {
  BackOff first(7);
  BackOff second(7);
  for (int i = 0; i < 10; ++i) {
    CHECK(first.after_failure(kRange) == second.after_failure(kRange));
  }
}

TEST_CASE("how long an error is waited for says what it takes to mend it") {
  const auto [kind, first, longest] = GENERATE(table<ErrorKind, milliseconds, milliseconds>({
      {ErrorKind::kAway, 1s, 1min},
      {ErrorKind::kSlowDown, 2s, 5min},
      {ErrorKind::kNotThere, 1min, 1h},
      {ErrorKind::kNotAllowed, 1min, 1h},
      {ErrorKind::kTooBig, 1min, 1h},
      {ErrorKind::kBlankRefused, 1min, 1h},
      {ErrorKind::kRefused, 1min, 1h},
      {ErrorKind::kOutOfRequests, 1h, 12h},
  }));
  CAPTURE(word_for(kind));
  CHECK(back_off_for(kind).first == first);
  CHECK(back_off_for(kind).longest == longest);
}

TEST_CASE("a budget allows as many requests as it has") {
  const auto [per_day, used, is_allowed] = GENERATE(table<std::int64_t, std::int64_t, bool>({
      {0, 0, true},
      {0, 1'000'000, true},
      {1, 0, true},
      {1, 1, false},
      {24, 23, true},
      {24, 24, false},
      {24, 100, false},
  }));
  CAPTURE(per_day, used);
  CHECK(Budget(per_day).allows(used) == is_allowed);
  CHECK(Budget(per_day).has_limit() == (per_day > 0));
}

TEST_CASE("a quarter of a budget may be spent in one go, the rest lasts for the day") {
  const auto [per_day, used, distance] = GENERATE(table<std::int64_t, std::int64_t, milliseconds>({
      {0, 0, 0ms},
      {0, 1'000'000, 0ms},
      {24, 0, 0ms},
      {24, 5, 0ms},
      {24, 6, 4h},
      {24, 24, 4h},
      {1000, 249, 0ms},
      {1000, 250, milliseconds(24h) / 250},
      {3, 0, 24h},
      {1, 0, 24h},
  }));
  CAPTURE(per_day, used);
  CHECK(Budget(per_day).distance(used) == distance);
}

TEST_CASE("requests count for the hour they were sent in and the 24 hours after it") {
  const auto [time, hour] = GENERATE(table<base::WallTime, std::int64_t>({
      {kHour, 500'000},
      {kHour + 1h - 1us, 500'000},
      {kHour + 1h, 500'001},
      {base::WallTime{-1us}, -1},
  }));
  CHECK(Budget::hour_of(time) == hour);
  CHECK(Budget::first_hour(time) == hour - 24);
}

TEST_CASE("rounds that keep their distance never exceed the budget within any 24 hours") {
  const auto [per_day, requests_a_round] = GENERATE(table<std::int64_t, int>({
      {1, 3},
      {10, 3},
      {24, 3},
      {24, 1},
      {24, 7},
      {100, 3},
      {1000, 3},
  }));
  CAPTURE(per_day, requests_a_round);
  test::FakeClock clock(kHour + 40min);
  test::FakeSyncStore store;
  test::FakeTransport wire;
  MeteredTransport transport(wire, store, clock, Budget(per_day));
  std::deque<base::WallTime> sent;  // within the last 24 hours
  base::WallTime round_began{};
  std::size_t total = 0;
  for (const base::WallTime end = clock.now() + 72h; clock.now() < end; clock.advance(20s)) {
    if (clock.now() < round_began + transport.distance() || !transport.may_send()) continue;
    round_began = clock.now();
    for (int i = 0; i < requests_a_round; ++i, clock.advance(100ms)) {
      wire.will_answer(200, "[]");
      const std::size_t before = wire.requests().size();
      transport.send({.method = "GET"});
      if (wire.requests().size() == before) continue;
      sent.push_back(clock.now());
      ++total;
      while (sent.front() <= clock.now() - 24h) sent.pop_front();
      REQUIRE(sent.size() <= static_cast<std::size_t>(per_day));
    }
  }
  // And it is used.
  CHECK(total >= static_cast<std::size_t>(std::max<std::int64_t>(2, per_day * 2 / 3)));
}

TEST_CASE("a request is counted before it is sent, and not sent if that fails") {
  test::FakeClock clock(kHour);
  test::FakeSyncStore store;
  test::FakeTransport wire;
  MeteredTransport transport(wire, store, clock, Budget(GENERATE(0, 2)));
  wire.will_answer(200, "[]");
  store.fault.set(test::Fault::Hits::kChanges);
  CHECK_THROWS_AS(transport.send({.method = "GET"}), base::StoreUnavailable);
  CHECK(wire.requests().empty());
  store.fault.clear();
  CHECK(std::holds_alternative<HttpResponse>(transport.send({.method = "GET"})));
  CHECK(store.requests(500'000) == 1);
}

TEST_CASE("requests of a clock that ran ahead do not count against the budget for ever") {
  test::FakeClock clock(kHour);
  test::FakeSyncStore store;
  test::FakeTransport wire;
  MeteredTransport transport(wire, store, clock, Budget(1));
  wire.will_answer(200, "[]");
  clock.advance(24h * 3650);
  transport.send({.method = "GET"});
  REQUIRE_FALSE(transport.may_send());
  clock.advance(-24h * 3650);
  CHECK(transport.may_send());
}

TEST_CASE("above the budget nothing is sent or counted until requests are older than a day") {
  test::FakeClock clock(kHour + 59min);
  test::FakeSyncStore store;
  test::FakeTransport wire;
  MeteredTransport transport(wire, store, clock, Budget(2));
  for (int i = 0; i < 3; ++i) wire.will_answer(200, "[]");
  for (int i = 0; i < 2; ++i) transport.send({.method = "GET"});
  CHECK_FALSE(transport.may_send());
  const HttpResult refused = transport.send({.method = "PUT"});
  REQUIRE(std::holds_alternative<Away>(refused));
  CHECK(std::get<Away>(refused).reason.find("--bin-requests") != std::string::npos);
  CHECK_FALSE(std::get<Away>(refused).may_have_arrived);
  CHECK(wire.requests().size() == 2);
  CHECK(store.requests(0) == 2);

  clock.advance(24h);
  CHECK_FALSE(transport.may_send());
  clock.advance(1min);
  CHECK(transport.may_send());
  CHECK(std::holds_alternative<HttpResponse>(transport.send({.method = "GET"})));
}

}  // namespace userbin::jsonbin
