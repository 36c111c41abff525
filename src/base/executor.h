#pragma once

#include <coroutine>

namespace userbin::base {

/// Where suspended work goes on: a hash that is ready, a change that has arrived.
class Executor {
 public:
  virtual ~Executor() = default;

  /// Resumes `work` soon, on a thread of the executor, never inside this call.
  /// Any thread may call. If the executor stops first, `work` is not resumed; its owner destroys
  /// it.
  virtual void post(std::coroutine_handle<> work) = 0;
};

}  // namespace userbin::base
