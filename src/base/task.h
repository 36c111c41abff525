// Work that can wait without holding a thread.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace userbin::base {

/// The result of a coroutine that starts when it is awaited (or start()ed) and may be suspended and
/// resumed on any thread, one at a time. The Task owns the coroutine's frame: to destroy a Task is
/// to abandon the work, which is allowed only while nothing can resume it.
template <typename T>
class [[nodiscard]] Task {
 public:
  struct promise_type;
  using Handle = std::coroutine_handle<promise_type>;
  /// Called once, when the outermost coroutine has ended; may destroy the Task.
  using OnDone = void (*)(void* context) noexcept;

  struct promise_type {
    std::optional<T> value;
    std::exception_ptr failure;
    std::coroutine_handle<> awaiting;
    OnDone on_done = nullptr;
    void* context = nullptr;

    Task get_return_object() { return Task(Handle::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept { return Finish{}; }
    void return_value(T result) { value.emplace(std::move(result)); }
    void unhandled_exception() { failure = std::current_exception(); }

    struct Finish {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(Handle handle) noexcept {
        promise_type& promise = handle.promise();
        if (promise.awaiting) return promise.awaiting;
        if (promise.on_done != nullptr) promise.on_done(promise.context);
        return std::noop_coroutine();
      }
      void await_resume() noexcept {}
    };
  };

  Task() = default;
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    const Handle old = std::exchange(handle_, std::exchange(other.handle_, {}));
    if (old) old.destroy();
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  /// Runs until the first suspension. `on_done` is called with `context` when all is done, on the
  /// thread that did the last step, perhaps before start() returns: the Task may be gone by then.
  void start(OnDone on_done, void* context) {
    handle_.promise().on_done = on_done;
    handle_.promise().context = context;
    handle_.resume();
  }

  /// What the coroutine returned; throws what it threw. Once, and only after it has ended.
  T take() {
    promise_type& promise = handle_.promise();
    if (promise.failure) std::rethrow_exception(promise.failure);
    return std::move(*promise.value);
  }

  auto operator co_await() && {
    struct Awaiter {
      Handle handle;
      bool await_ready() { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) {
        handle.promise().awaiting = awaiting;
        return handle;
      }
      T await_resume() {
        if (handle.promise().failure) std::rethrow_exception(handle.promise().failure);
        return std::move(*handle.promise().value);
      }
    };
    return Awaiter{handle_};
  }

 private:
  explicit Task(Handle handle) : handle_(handle) {}

  Handle handle_;
};

}  // namespace userbin::base
