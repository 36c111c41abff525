#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "store/throttle_store.h"
#include "support/fault.h"

namespace userbin::test {

/// In memory. Thread-safe, as ThrottleStore says; fails when it is told to.
class FakeThrottleStore final : public store::ThrottleStore {
 public:
  Fault fault;

  std::string name_key(const std::string& drawn) override {
    fault.on_change();
    const std::lock_guard lock(mutex_);
    if (name_key_.empty()) name_key_ = drawn;
    return name_key_;
  }

  std::vector<store::ThrottleEntry> load() override {
    fault.on_read();
    const std::lock_guard lock(mutex_);
    std::vector<store::ThrottleEntry> entries;
    for (const auto& [key, entry] : entries_) entries.push_back(entry);
    return entries;
  }

  void save(const std::vector<store::ThrottleEntry>& changed,
            const std::vector<store::ThrottleKey>& gone, const std::string& by = "") override {
    fault.on_change();
    const std::lock_guard lock(mutex_);
    if (changed.empty() && gone.empty()) return;
    ++stamp_;
    for (const store::ThrottleEntry& entry : changed) entries_[entry.key] = entry;
    for (const store::ThrottleKey& key : gone) entries_.erase(key);
    for (const store::ThrottleEntry& entry : changed) saved_[entry.key] = {stamp_, by};
    for (const store::ThrottleKey& key : gone) saved_[key] = {stamp_, by};
  }

  store::ThrottleNews news(std::int64_t since, const std::string& by) override {
    fault.on_read();
    const std::lock_guard lock(mutex_);
    store::ThrottleNews news{.stamp = stamp_};
    for (const auto& [key, saved] : saved_) {
      if (saved.stamp <= since || saved.by == by) continue;
      const auto entry = entries_.find(key);
      if (entry == entries_.end()) {
        news.gone.push_back(key);
      } else {
        news.changed.push_back(entry->second);
      }
    }
    return news;
  }

  std::size_t lift(const store::ThrottleLift& lift) override {
    fault.on_change();
    const std::lock_guard lock(mutex_);
    std::erase_if(lifts_, [&](const store::ThrottleLift& old) {
      return old.at < lift.at - std::chrono::days{1};
    });
    lifts_.insert(
        std::upper_bound(lifts_.begin(), lifts_.end(), lift.at,
                         [](base::WallTime at, const auto& other) { return at < other.at; }),
        lift);
    std::size_t held = 0;
    std::erase_if(entries_, [&](const auto& each) {
      const store::ThrottleEntry& entry = each.second;
      if (!lift.covers(entry.key, entry.changed_at)) return false;
      if (entry.held_until > lift.at) ++held;
      return true;
    });
    return held;
  }

  std::vector<store::ThrottleLift> lifts() override {
    fault.on_read();
    const std::lock_guard lock(mutex_);
    return lifts_;
  }

 private:
  struct Saved {
    std::int64_t stamp = 0;
    std::string by;
  };

  std::mutex mutex_;
  // Guarded by mutex_:
  std::string name_key_;
  std::map<store::ThrottleKey, store::ThrottleEntry> entries_;
  std::vector<store::ThrottleLift> lifts_;
  std::int64_t stamp_ = 0;
  std::map<store::ThrottleKey, Saved> saved_;
};

}  // namespace userbin::test
