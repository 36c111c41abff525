#include "auth/throttle_table.h"

#include <algorithm>
#include <new>

#include "base/text.h"

namespace userbin::auth {

namespace {

constexpr std::size_t kMaxUnsavedPerEntry = 10;

store::ThrottleKey stored(const TableKey& key) {
  const bool has_name = key.name != HiddenName{};
  const char* name = reinterpret_cast<const char*>(key.name.data());
  return {.kind = key.kind,
          .name = has_name ? base::to_hex({name, key.name.size()}) : "",
          .client = key.client.text()};
}

/// nullopt if it is none of ours.
std::optional<TableKey> from_stored(const store::ThrottleKey& key) {
  TableKey result{.kind = key.kind, .client = ClientKey(key.client)};
  const auto name = base::from_hex(key.name);
  if (!name || (!name->empty() && name->size() != result.name.size())) return std::nullopt;
  std::copy(name->begin(), name->end(), result.name.begin());
  return result;
}

}  // namespace

std::optional<TableEntry> ThrottleTable::find(const TableKey& key, base::WallTime now) const {
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.entry.forget_at <= now) return std::nullopt;
  return found->second.entry;
}

void ThrottleTable::put(const TableKey& key, const TableEntry& entry) {
  auto found = entries_.find(key);
  const bool is_new = found == entries_.end();
  if (is_new) make_room(key.kind);
  std::size_t& count = counts_[key.kind];
  // What needs memory comes first, and is taken back if there is none.
  const auto [place, is_moved] = order_.emplace(key.kind, entry.forget_at, key);
  try {
    if (is_new) found = entries_.emplace(key, Slot{.is_saved = unsaved_.contains(key)}).first;
    unsaved_.insert(key);
  } catch (const std::bad_alloc&) {
    if (is_new && found != entries_.end()) entries_.erase(found);
    if (is_moved) order_.erase(place);
    throw;
  }
  if (is_new) {
    ++count;
  } else if (is_moved) {
    order_.erase({key.kind, found->second.entry.forget_at, key});
  }
  found->second.entry = entry;
}

void ThrottleTable::erase(const TableKey& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  const std::size_t others = unsaved_.size() - unsaved_.count(key);
  if (found->second.is_saved && others < kMaxUnsavedPerEntry * max_entries_) {
    unsaved_.insert(key);
  } else {
    unsaved_.erase(key);
  }
  order_.erase({key.kind, found->second.entry.forget_at, key});
  --counts_[key.kind];
  entries_.erase(found);
}

void ThrottleTable::make_room(store::ThrottleKind kind) {
  if (counts_[kind] < max_entries_) return;
  const TableKey first = std::get<TableKey>(*order_.lower_bound({kind, base::WallTime::min(), {}}));
  erase(first);
}

void ThrottleTable::forget(base::WallTime now) {
  std::vector<TableKey> old;
  for (const auto& [kind, count] : counts_) {
    auto next = order_.lower_bound({kind, base::WallTime::min(), {}});
    for (; next != order_.end() && std::get<0>(*next) == kind && std::get<1>(*next) <= now;
         ++next) {
      old.push_back(std::get<TableKey>(*next));
    }
  }
  for (const TableKey& key : old) erase(key);
}

std::vector<TableKey> ThrottleTable::lasting_beyond(store::ThrottleKind kind,
                                                    base::WallTime time) const {
  std::vector<TableKey> keys;
  auto next = order_.lower_bound({kind, time + base::WallTime::duration{1}, {}});
  for (; next != order_.end() && std::get<0>(*next) == kind; ++next) {
    keys.push_back(std::get<TableKey>(*next));
  }
  return keys;
}

void ThrottleTable::make_room_for_client(store::ThrottleKind kind, const HiddenName& name,
                                         std::size_t max_clients) {
  const auto begin = entries_.lower_bound({.kind = kind, .name = name, .client = {}});
  std::size_t count = 0;
  auto first = begin;
  for (auto next = begin;
       next != entries_.end() && next->first.kind == kind && next->first.name == name; ++next) {
    ++count;
    if (next->second.entry.forget_at < first->second.entry.forget_at) first = next;
  }
  if (count >= max_clients) erase(TableKey(first->first));
}

void ThrottleTable::restore(const store::ThrottleEntry& entry) {
  const auto key = from_stored(entry.key);
  if (!key) return;
  put(*key, {.failures = entry.failures,
             .changed_at = entry.changed_at,
             .held_until = entry.held_until,
             .forget_at = entry.forget_at});
  entries_.at(*key).is_saved = true;
  unsaved_.erase(*key);
}

void ThrottleTable::adopt(const store::ThrottleEntry& entry) {
  const auto key = from_stored(entry.key);
  if (!key) return;
  if (!unsaved_.contains(*key)) {
    restore(entry);
    return;
  }
  const auto own = entries_.find(*key);
  if (own == entries_.end()) return;  // it was removed here, and will be there
  TableEntry both = own->second.entry;
  both.failures = std::max(both.failures, entry.failures);
  both.changed_at = std::max(both.changed_at, entry.changed_at);
  both.held_until = std::max(both.held_until, entry.held_until);
  both.forget_at = std::max(both.forget_at, entry.forget_at);
  put(*key, both);
}

void ThrottleTable::drop(const store::ThrottleKey& stored_key) {
  const auto key = from_stored(stored_key);
  if (!key || unsaved_.contains(*key)) return;
  erase(*key);
  unsaved_.erase(*key);
}

void ThrottleTable::lift(const store::ThrottleLift& lift) {
  std::vector<TableKey> lifted;
  for (const auto& [key, slot] : entries_) {
    if (lift.covers(stored(key), slot.entry.changed_at)) lifted.push_back(key);
  }
  for (const TableKey& key : lifted) erase(key);
}

ThrottleTable::Changes ThrottleTable::take_changes() {
  Changes changes;
  for (const TableKey& key : unsaved_) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) {
      changes.gone.push_back(stored(key));
      continue;
    }
    found->second.is_saved = true;
    const TableEntry& entry = found->second.entry;
    changes.changed.push_back({.key = stored(key),
                               .failures = entry.failures,
                               .changed_at = entry.changed_at,
                               .held_until = entry.held_until,
                               .forget_at = entry.forget_at});
  }
  unsaved_.clear();
  return changes;
}

void ThrottleTable::put_back(const Changes& changes) {
  for (const store::ThrottleEntry& entry : changes.changed)
    unsaved_.insert(*from_stored(entry.key));
  for (const store::ThrottleKey& gone : changes.gone) {
    const TableKey key = *from_stored(gone);
    unsaved_.insert(key);
    const auto found = entries_.find(key);  // made anew meanwhile
    if (found != entries_.end()) found->second.is_saved = true;
  }
}

}  // namespace userbin::auth
