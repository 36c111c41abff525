// What nobody on the way can mend: thrown where it happens, caught once per request.
#pragma once

#include <chrono>
#include <stdexcept>
#include <string>

namespace userbin::base {

/// The user list or the sessions cannot be read or written now. what() names the store, the cause
/// and, where there is one, the mend; it is for the log, never for a client.
class StoreUnavailable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// More work is queued than is reasonable. Nothing was done; worth trying again after
/// retry_after().
class Overloaded : public std::runtime_error {
 public:
  Overloaded(const std::string& what, std::chrono::seconds retry_after)
      : std::runtime_error(what), retry_after_(retry_after) {}
  std::chrono::seconds retry_after() const { return retry_after_; }

 private:
  std::chrono::seconds retry_after_;
};

/// A setting that cannot work. what() names it, says what is wrong and how to mend it.
class BadSetting : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace userbin::base
