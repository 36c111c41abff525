#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/replica.h"

namespace userbin::test {

/// A copy of the list that does as it is told; all is well at first. Used by one thread.
class FakeReplica final : public store::Replica {
 public:
  bool has_room = true;
  bool is_reached = true;
  std::optional<Problem> trouble;
  /// Keys of whom it was asked whether their change has arrived.
  std::vector<std::string> awaited;
  /// Rooms that are held.
  int held = 0;

  std::unique_ptr<Room> room_for(const store::User&) override {
    if (!has_room) return nullptr;
    return std::make_unique<HeldRoom>(held);
  }
  base::Task<bool> arrival(std::string key) override {
    awaited.push_back(key);
    co_return is_reached;
  }
  std::optional<Problem> problem() override { return trouble; }

 private:
  class HeldRoom final : public Room {
   public:
    explicit HeldRoom(int& held) : held_(held) { ++held_; }
    ~HeldRoom() override { --held_; }

   private:
    int& held_;
  };
};

}  // namespace userbin::test
