#include "support/fake_sync_store.h"

#include <algorithm>

#include "base/json.h"

namespace userbin::test {

struct FakeSyncStore::Before {
  std::string key;
  std::optional<Row> row;
  std::optional<store::SyncNotes> notes;
};

std::optional<store::StoredUser> FakeSyncStore::find(std::string_view key) {
  return read([&]() -> std::optional<store::StoredUser> {
    const auto row = rows_.find(key);
    if (row == rows_.end()) return std::nullopt;
    return store::StoredUser{row->second.user, row->second.revision};
  });
}

bool FakeSyncStore::insert(const store::User& user) {
  return change_users([&] { return rows_.emplace(user.key(), Row{.user = user}).second; });
}

bool FakeSyncStore::update(const store::User& user, std::int64_t revision) {
  return change_users([&] { return replace(user, revision); });
}

store::ChangeResult FakeSyncStore::change(const store::User& user, std::int64_t revision,
                                          const store::ChangeEffects& effects) {
  const bool is_done = change_users([&] {
    const bool is_replaced = replace(user, revision);
    if (is_replaced && effects.ends_sessions) drop_sessions(user.key());
    return is_replaced;
  });
  return is_done ? store::ChangeResult::kDone : store::ChangeResult::kStale;
}

bool FakeSyncStore::remove(std::string_view key, std::int64_t revision) {
  return change_users([&] {
    const auto row = rows_.find(key);
    if (row == rows_.end() || row->second.revision != revision) return false;
    rows_.erase(row);
    return true;
  });
}

store::ChangeResult FakeSyncStore::import(const std::vector<store::StoredUser>& users,
                                          const std::function<void(std::size_t done)>& progress) {
  auto result = store::ChangeResult::kDone;
  change_users([&] {
    const auto rows = rows_;
    const auto sessions = sessions_;
    const bool had_admin = has_enabled_admin();
    for (std::size_t i = 0; i < users.size() && result == store::ChangeResult::kDone; ++i) {
      if (!import_one(users[i])) result = store::ChangeResult::kStale;
      progress(i + 1);
    }
    if (had_admin && !has_enabled_admin()) result = store::ChangeResult::kLastAdmin;
    if (result == store::ChangeResult::kDone) return true;
    rows_ = rows;
    sessions_ = sessions;
    return false;
  });
  return result;
}

std::vector<store::StoredUser> FakeSyncStore::list(std::string_view after, std::size_t limit) {
  return read([&] {
    std::vector<store::StoredUser> users;
    for (auto at = rows_.upper_bound(after); at != rows_.end() && users.size() < limit; ++at) {
      users.push_back({at->second.user, at->second.revision});
    }
    return users;
  });
}

std::string FakeSyncStore::place() {
  return read([&] { return place_; });
}

void FakeSyncStore::set_place(const std::string& place) {
  if (read([&] { return place_ == place; })) return;
  change_users([&] {
    for (auto& row : rows_) row.second.in_bin = 0;
    notes_.clear();
    state_.clear();
    place_ = place;
    return true;
  });
}

std::vector<store::SyncedUser> FakeSyncStore::load() {
  return read([&] {
    std::vector<store::SyncedUser> users;
    for (const auto& [key, row] : rows_) {
      users.push_back({row.user, row.revision, row.in_bin, notes_of(key)});
    }
    return users;
  });
}

std::vector<store::PendingChange> FakeSyncStore::pending(std::size_t limit) {
  return read([&] {
    std::vector<store::PendingChange> changes;
    for (const auto& [key, row] : rows_) {
      if (changes.size() == limit) break;
      if (row.revision == row.in_bin) continue;
      const auto notes = notes_.find(key);
      changes.push_back({key, row.revision, notes == notes_.end() ? "" : notes->second.bin});
    }
    return changes;
  });
}

std::size_t FakeSyncStore::count_pending() {
  return read([&] {
    return static_cast<std::size_t>(std::count_if(rows_.begin(), rows_.end(), [](const auto& row) {
      return row.second.revision != row.second.in_bin;
    }));
  });
}

std::size_t FakeSyncStore::total_bytes() {
  return read([&] {
    std::size_t bytes = 0;
    for (const auto& row : rows_) bytes += base::to_json(row.second.user.record()).size() + 1;
    return bytes;
  });
}

bool FakeSyncStore::apply(const std::vector<store::SyncChange>& changes) {
  if (changes.empty()) return true;
  return change_users([&] {
    std::vector<Before> undo;
    for (const store::SyncChange& one : changes) {
      const auto row = rows_.find(one.key);
      const auto notes = notes_.find(one.key);
      undo.push_back(
          {.key = one.key,
           .row = row == rows_.end() ? std::nullopt : std::optional(row->second),
           .notes = notes == notes_.end() ? std::nullopt : std::optional(notes->second)});
    }
    const auto sessions = sessions_;
    const auto set_aside = set_aside_;
    const bool is_done = std::all_of(changes.begin(), changes.end(),
                                     [&](const auto& one) { return apply_one(one); });
    if (is_done) return true;
    for (auto& [key, row, notes] : undo) {
      rows_.erase(key);
      notes_.erase(key);
      if (row) rows_.emplace(key, *std::move(row));
      if (notes) notes_.emplace(key, *std::move(notes));
    }
    sessions_ = sessions;
    set_aside_ = set_aside;
    return false;
  });
}

std::vector<Json::Value> FakeSyncStore::set_aside() {
  return read([&] {
    std::vector<Json::Value> records;
    for (const auto& entry : set_aside_) records.push_back(*base::from_json(entry.second));
    return records;
  });
}

std::string FakeSyncStore::state() {
  return read([&] { return state_; });
}

void FakeSyncStore::set_state(const std::string& state) {
  change([&] {
    state_ = state;
    return true;
  });
}

void FakeSyncStore::count_request(std::int64_t hour) {
  change([&] { return ++requests_[hour]; });
}

std::int64_t FakeSyncStore::requests(std::int64_t since_hour) {
  return read([&] {
    std::int64_t count = 0;
    for (auto at = requests_.lower_bound(since_hour); at != requests_.end(); ++at) {
      count += at->second;
    }
    return count;
  });
}

int FakeSyncStore::server_number() {
  return read([&] { return server_number_; });
}

std::uint64_t FakeSyncStore::user_changes() {
  const std::lock_guard lock(mutex_);
  return user_changes_;
}

void FakeSyncStore::add_session(const std::string& key, const std::string& token) {
  change([&] { return sessions_.emplace(key, token).second; });
}

std::set<std::pair<std::string, std::string>> FakeSyncStore::sessions() {
  return read([&] { return sessions_; });
}

void FakeSyncStore::end_sessions(const std::string& key) {
  change([&] {
    drop_sessions(key);
    return true;
  });
}

bool FakeSyncStore::replace(const store::User& user, std::int64_t revision) {
  const auto row = rows_.find(user.key());
  if (row == rows_.end() || row->second.revision != revision) return false;
  row->second.user = user;
  ++row->second.revision;
  return true;
}

bool FakeSyncStore::import_one(const store::StoredUser& stored) {
  const std::string key = stored.user.key();
  if (stored.revision == 0) return rows_.emplace(key, Row{.user = stored.user}).second;
  drop_sessions(key);
  return replace(stored.user, stored.revision);
}

bool FakeSyncStore::has_enabled_admin() const {
  return std::any_of(rows_.begin(), rows_.end(),
                     [](const auto& row) { return row.second.user.is_active_admin(); });
}

bool FakeSyncStore::apply_one(const store::SyncChange& change) {
  const auto row = rows_.find(change.key);
  if (change.remove) {
    if (row == rows_.end() || row->second.revision != change.revision) return false;
    rows_.erase(row);
    notes_.erase(change.key);
    drop_sessions(change.key);
    return true;
  }
  if (change.record) {
    const store::User user(*change.record);
    const bool is_done = change.revision == 0 ? rows_.emplace(change.key, Row{.user = user}).second
                                              : replace(user, change.revision);
    if (!is_done) return false;
  }
  if (const auto now = rows_.find(change.key); change.in_bin && now != rows_.end()) {
    now->second.in_bin = std::max(now->second.in_bin, *change.in_bin);
  }
  if (change.notes) notes_[change.key] = *change.notes;
  if (change.ends_sessions) drop_sessions(change.key);
  if (change.set_aside) set_aside_.emplace(change.key, base::to_json(*change.set_aside));
  return true;
}

store::SyncNotes FakeSyncStore::notes_of(const std::string& key) const {
  const auto notes = notes_.find(key);
  return notes == notes_.end() ? store::SyncNotes{} : notes->second;
}

void FakeSyncStore::drop_sessions(const std::string& key) {
  std::erase_if(sessions_, [&](const auto& session) { return session.first == key; });
}

}  // namespace userbin::test
