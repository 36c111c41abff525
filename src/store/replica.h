// Where the list of users is kept besides the store, as those who change it see it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/task.h"
#include "store/user.h"

namespace userbin::store {

/// A copy of the list of users that follows the store. Any thread may call.
class Replica {
 public:
  /// Holds the place of a user who is about to be inserted; let go when he is, or is not after all.
  class Room {
   public:
    virtual ~Room() = default;
  };

  /// Why changes don't arrive.
  struct Problem {
    /// A stable word: "away", "full", "out_of_requests", "suspicious", "refused".
    std::string word;
    /// For the operator, with the mend.
    std::string sentence;
    /// It goes away by itself.
    bool is_passing = false;
  };

  virtual ~Replica() = default;

  /// nullptr: the list is full. Throws base::StoreUnavailable.
  virtual std::unique_ptr<Room> room_for(const User& user) = 0;

  /// Waits until the changes of a user, which are in the store already, have arrived in the copy.
  /// False if that takes too long: they will arrive later, also after a restart.
  virtual base::Task<bool> arrival(std::string key) = 0;

  /// nullopt: all is well.
  virtual std::optional<Problem> problem() = 0;
};

/// There is no copy: every change is where it should be as soon as it is in the store.
class NoReplica final : public Replica {
 public:
  std::unique_ptr<Room> room_for(const User&) override { return std::make_unique<Room>(); }
  base::Task<bool> arrival(std::string) override { co_return true; }
  std::optional<Problem> problem() override { return std::nullopt; }
};

}  // namespace userbin::store
