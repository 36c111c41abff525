#include "auth/hash_pool.h"

#include <memory>

#include "base/failure.h"
#include "support/catch.h"
#include "support/inline_executor.h"

namespace userbin::auth {

namespace {

using test::Started;
using test::TestExecutor;
using test::wait_for;

constexpr HashCost kCheap{8, 1};
const base::SecretString kPassword("correct horse battery");

/// A pool without threads: what is queued stays there.
constexpr HashPool::Options kStandingStill{.cost = kCheap, .slots = 0, .max_queue = 2};

base::Task<std::thread::id> thread_after_hash(HashPool& pool) {
  co_await pool.hash(kPassword);
  co_return std::this_thread::get_id();
}

}  // namespace

TEST_CASE("a pool hashes at its cost, and verifies what it hashed") {
  TestExecutor executor;
  HashPool pool({.cost = {16, 2}, .slots = 2}, executor);
  const std::string hash = wait_for(pool.hash(kPassword), executor);
  CHECK(hash.starts_with("$argon2id$v=19$m=16,t=2,p=1$"));
  CHECK(verify_password(hash, kPassword));
  CHECK(wait_for(pool.verify(hash, kPassword), executor));
  CHECK_FALSE(wait_for(pool.verify(hash, base::SecretString("another")), executor));
  CHECK_FALSE(wait_for(pool.verify("!", kPassword), executor));
  CHECK(pool.cost().memory_kib == 16);
}

TEST_CASE("work goes on on the executor's thread, not on the pool's") {
  TestExecutor executor;
  HashPool pool({.cost = kCheap}, executor);
  CHECK(wait_for(thread_after_hash(pool), executor) == std::this_thread::get_id());
}

TEST_CASE("work that waits for a hash does not go on before the executor resumes it") {
  TestExecutor executor;
  HashPool pool({.cost = kCheap}, executor);
  Started<std::string> first(pool.hash(kPassword));
  Started<std::string> second(pool.hash(kPassword));
  pool.stop();  // the thread has ended, so whatever it has hashed is posted
  CHECK_FALSE(first.done());
  CHECK_FALSE(second.done());
}

TEST_CASE("each of many at once gets his own result") {
  TestExecutor executor;
  HashPool pool({.cost = kCheap, .slots = 3}, executor);
  std::vector<std::unique_ptr<Started<std::string>>> started;
  for (int i = 0; i < 30; ++i) {
    const base::SecretString password("password " + std::to_string(i));
    started.push_back(std::make_unique<Started<std::string>>(pool.hash(password)));
  }
  for (int i = 0; i < 30; ++i) {
    const std::string hash = started[static_cast<std::size_t>(i)]->result(executor);
    CHECK(verify_password(hash, base::SecretString("password " + std::to_string(i))));
  }
}

TEST_CASE("what does not fit into the queue is refused at once, and may be tried again later") {
  TestExecutor executor;
  HashPool pool(kStandingStill, executor);
  Started<std::string> first(pool.hash(kPassword));
  Started<bool> second(pool.verify("!", kPassword));
  Started<std::string> hash(pool.hash(kPassword));
  Started<bool> verification(pool.verify("!", kPassword));
  CHECK_FALSE(first.done());
  CHECK_FALSE(second.done());
  REQUIRE(hash.done());
  REQUIRE(verification.done());
  CHECK_THROWS_AS(hash.result(executor), base::Overloaded);
  try {
    verification.result(executor);
    FAIL("it was queued");
  } catch (const base::Overloaded& overloaded) {
    CHECK(overloaded.retry_after() > std::chrono::seconds{0});
  }
}

TEST_CASE("a queue that was full takes work again once there is room") {
  TestExecutor executor;
  HashPool pool({.cost = kCheap, .slots = 1, .max_queue = 1}, executor);
  bool refused = false;
  executor.hold(true);  // the one thread stands still when it hands over its first hash
  std::vector<std::unique_ptr<Started<std::string>>> started;
  while (!refused) {
    started.push_back(std::make_unique<Started<std::string>>(pool.hash(kPassword)));
    refused = started.back()->done();
  }
  CHECK(started.size() <= 3);  // one handed over, one in the queue, one refused
  executor.hold(false);
  CHECK_THROWS_AS(started.back()->result(executor), base::Overloaded);
  started.pop_back();
  for (auto& task : started) CHECK(verify_password(task->result(executor), kPassword));
  CHECK(verify_password(wait_for(pool.hash(kPassword), executor), kPassword));
}

TEST_CASE("what fails in the pool is thrown where it is awaited") {
  TestExecutor executor;
  HashPool pool({.cost = {std::size_t{1} << 40, 1}}, executor);  // more memory than there is
  CHECK_THROWS_AS(wait_for(pool.hash(kPassword), executor), base::Overloaded);
}

TEST_CASE("a pool that stops leaves what waits alone, and can be stopped twice") {
  TestExecutor executor;
  auto pool = std::make_unique<HashPool>(kStandingStill, executor);
  Started<std::string> first(pool->hash(kPassword));
  Started<bool> second(pool->verify("!", kPassword));
  pool->stop();
  pool->stop();
  pool.reset();
  CHECK_FALSE(first.done());
  CHECK_FALSE(second.done());
}

TEST_CASE("a pool says how many hashes run and wait, how many it refused, and how long they took") {
  TestExecutor executor;
  HashPool standing(kStandingStill, executor);
  Started first(standing.hash(kPassword));
  Started second(standing.hash(kPassword));
  CHECK_THROWS_AS(wait_for(standing.hash(kPassword), executor), base::Overloaded);
  CHECK(standing.stats().queued == 2);
  CHECK(standing.stats().max_queue == 2);
  CHECK(standing.stats().running == 0);
  CHECK(standing.stats().refused == 1);

  HashPool pool({.cost = kCheap, .slots = 1}, executor);
  wait_for(pool.hash(kPassword), executor);
  std::uint64_t observed = 0;
  for (const std::uint64_t count : pool.stats().duration.counts) observed += count;
  CHECK(observed == 1);
  CHECK(pool.stats().running == 0);
  CHECK(pool.stats().queued == 0);
}

TEST_CASE("a hash that had to share its processor is followed by a rest") {
  using namespace std::chrono_literals;
  CHECK(HashPool::rest(10ms, 10ms) == 0ns);
  CHECK(HashPool::rest(10ms, 5ms) == 0ns);
  CHECK(HashPool::rest(30ms, 9ms) == 70ms);
  // It has had less than its share already.
  CHECK(HashPool::rest(200ms, 9ms) == 0ns);
}

}  // namespace userbin::auth
