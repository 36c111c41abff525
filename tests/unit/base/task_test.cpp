#include "base/task.h"

#include <coroutine>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "support/catch.h"

using userbin::base::Task;

namespace {

/// Suspends and leaves the handle where the test can resume it.
struct Pause {
  std::coroutine_handle<>& paused;
  bool await_ready() noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) noexcept { paused = handle; }
  void await_resume() noexcept {}
};

/// What on_done left.
struct Done {
  int calls = 0;
  std::thread::id thread;
  static void note(void* context) noexcept {
    auto* done = static_cast<Done*>(context);
    ++done->calls;
    done->thread = std::this_thread::get_id();
  }
};

template <typename T>
T run(Task<T> task) {
  Done done;
  task.start(&Done::note, &done);
  REQUIRE(done.calls == 1);
  return task.take();
}

Task<int> give(int value) {
  co_return value;
}

Task<int> add(int a, int b) {
  const int left = co_await give(a);
  co_return left + co_await give(b);
}

Task<int> fail(std::string why) {
  throw std::runtime_error(why);
  co_return 0;
}

Task<int> pass_on(std::string why) {
  co_return co_await fail(std::move(why)) + 1;
}

Task<int> pass_on_twice(std::string why) {
  co_return co_await pass_on(std::move(why)) + 1;
}

Task<std::string> rescue(std::string why) {
  try {
    co_await pass_on(std::move(why));
  } catch (const std::runtime_error& error) {
    co_return error.what();
  }
  co_return "nothing was thrown";
}

Task<std::unique_ptr<int>> give_box(int value) {
  co_return std::make_unique<int>(value);
}

Task<int> unbox() {
  co_return *co_await give_box(7);
}

/// The frame keeps `alive` until it is destroyed.
Task<int> hold(std::shared_ptr<int> alive) {
  co_return *alive;
}

Task<std::thread::id> where_resumed(std::coroutine_handle<>& paused) {
  co_await Pause{paused};
  co_return std::this_thread::get_id();
}

Task<std::thread::id> wait_for_it(std::coroutine_handle<>& paused, std::shared_ptr<int> alive) {
  const std::thread::id id = co_await where_resumed(paused);
  *alive = 2;
  co_return id;
}

}  // namespace

TEST_CASE("a task gives what its coroutine returns", "[task]") {
  CHECK(run(give(42)) == 42);
}

TEST_CASE("a task may wait for several others, one after the other", "[task]") {
  CHECK(run(add(20, 22)) == 42);
}

TEST_CASE("a task's value may be one that can only be moved", "[task]") {
  CHECK(*run(give_box(6)) == 6);
  CHECK(run(unbox()) == 7);
}

TEST_CASE("a task does nothing before it is started", "[task]") {
  const auto alive = std::make_shared<int>(1);
  std::coroutine_handle<> paused;
  const auto task = wait_for_it(paused, alive);
  CHECK_FALSE(paused);
}

TEST_CASE("what a coroutine throws goes through two levels of co_await", "[task]") {
  CHECK_THROWS_WITH(run(pass_on_twice("deep down")), "deep down");
}

TEST_CASE("what a coroutine throws can be caught where it is awaited", "[task]") {
  CHECK(run(rescue("deep down")) == "deep down");
}

TEST_CASE("on_done may destroy the task, inside of start()", "[task]") {
  struct Owner {
    std::unique_ptr<Task<int>> task;
    int result = 0;
  } owner;
  auto alive = std::make_shared<int>(5);
  const std::weak_ptr<int> frame = alive;
  owner.task = std::make_unique<Task<int>>(hold(std::move(alive)));
  owner.task->start(
      [](void* context) noexcept {
        auto* mine = static_cast<Owner*>(context);
        mine->result = mine->task->take();
        mine->task.reset();
      },
      &owner);
  CHECK(owner.result == 5);
  CHECK(frame.expired());
}

TEST_CASE("a suspended task goes on and ends on the thread that resumes it", "[task]") {
  std::coroutine_handle<> paused;
  Done done;
  const auto alive = std::make_shared<int>(1);
  auto task = wait_for_it(paused, alive);
  task.start(&Done::note, &done);
  REQUIRE(paused);
  REQUIRE(done.calls == 0);

  std::thread other([&] { paused.resume(); });
  const std::thread::id other_id = other.get_id();
  other.join();
  CHECK(done.calls == 1);
  CHECK(done.thread == other_id);
  CHECK(task.take() == other_id);
}

TEST_CASE("destroying a suspended task destroys all it waits for", "[task]") {
  std::coroutine_handle<> paused;
  Done done;
  auto alive = std::make_shared<int>(1);
  const std::weak_ptr<int> frame = alive;
  auto task = std::make_unique<Task<std::thread::id>>(wait_for_it(paused, std::move(alive)));
  task->start(&Done::note, &done);
  REQUIRE_FALSE(frame.expired());
  task.reset();
  CHECK(frame.expired());
  CHECK(done.calls == 0);
}

TEST_CASE("a task that is assigned to drops the work it had", "[task]") {
  auto first = std::make_shared<int>(1);
  const std::weak_ptr<int> frame = first;
  Task<int> task = hold(std::move(first));
  task = give(2);
  CHECK(frame.expired());
  CHECK(run(std::move(task)) == 2);
}
