#include "jsonbin/plan.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/audit.h"
#include "base/json.h"
#include "base/text.h"

namespace userbin::jsonbin {

namespace {

/// Versions that are kept of a user, and all that are later than the common one.
constexpr std::size_t kVersionsKept = 8;
constexpr std::ptrdiff_t kChangesAtOnce = 64;

/// A user while the plan is made.
struct Draft {
  std::optional<Json::Value> record;
  std::int64_t revision = 0;  // 0: not in the store
  std::int64_t in_bin = 0;
  store::SyncNotes notes;
  bool record_changed = false;
  bool notes_changed = false;
  bool is_removed = false;
  bool ends_sessions = false;
  bool has_arrived = false;
  std::vector<Json::Value> set_aside;  // several, if he was met in several bins
  /// The first bin that was read and holds him.
  std::optional<std::size_t> found_in;

  std::int64_t next_revision() const { return revision + (record_changed ? 1 : 0); }

  template <typename Value>
  void note(Value store::SyncNotes::*member, Value value) {
    notes_changed = notes_changed || !(notes.*member == value);
    notes.*member = std::move(value);
  }
};

using Drafts = std::map<std::string, Draft>;

KnownUser known_user(const Draft& draft) {
  return {.local = draft.record,
          .versions = draft.notes.versions,
          .common = draft.notes.common,
          .written = draft.notes.written};
}

bool is_same_text(const Json::Value& a, const Json::Value& b) {
  return a == b || base::to_json(a) == base::to_json(b);
}

bool ends_sessions(const Json::Value& before, const Json::Value& after) {
  const store::User user(after);
  return user.deleted() || user.disabled() || before["password"] != after["password"];
}

void add_version(Draft& draft, const Json::Value& version) {
  auto& versions = draft.notes.versions;
  if (std::find(versions.begin(), versions.end(), version) != versions.end()) return;
  versions.push_back(version);
  draft.notes_changed = true;
}

/// Forgets the oldest versions that nobody can need.
void trim_versions(Draft& draft) {
  auto& versions = draft.notes.versions;
  const Stamp common{base::parse_rfc3339(draft.notes.common), draft.notes.common};
  while (versions.size() > kVersionsKept && stamp_of(versions.front()) < common) {
    versions.erase(versions.begin());
    draft.notes_changed = true;
  }
}

class Planner {
 public:
  Planner(const std::vector<BinCopy>& bins, const PlanRules& rules, base::WallTime now)
      : bins_(bins), rules_(rules), now_(now) {}

  Plan make(const std::vector<store::SyncedUser>& users) {
    for (const store::SyncedUser& user : users) {
      drafts_[user.user.key()] = {.record = user.user.record(),
                                  .revision = user.revision,
                                  .in_bin = user.in_bin,
                                  .notes = user.notes};
    }
    for (std::size_t place = 0; place < bins_.size(); ++place) {
      if (bins_[place].document) join(place);
    }
    find_homes();
    expire();
    place_new_users();
    for (const BinCopy& bin : bins_) {
      if (bin.document) compare(bin);
    }
    list_changes();
    return std::move(plan_);
  }

 private:
  using Users = std::map<std::string, Json::Value>;

  /// bins_.size() if there is no such bin.
  std::size_t place_of(const std::string& bin) const {
    const auto found = std::find_if(bins_.begin(), bins_.end(),
                                    [&](const BinCopy& candidate) { return candidate.id == bin; });
    return static_cast<std::size_t>(found - bins_.begin());
  }

  void join(std::size_t place) {
    const BinCopy& bin = bins_[place];
    std::map<std::string, KnownUser> known;
    for (const BinDocument::Element& element : bin.document->elements()) {
      const auto draft = drafts_.find(element.key);
      if (draft != drafts_.end()) known[element.key] = known_user(draft->second);
    }
    Merged merged = merge(*bin.document, known, now_);
    for (auto& [key, joined] : merged.joined) take(key, joined, place);
    for (const Finding& finding : merged.findings) plan_.findings.push_back({bin.id, finding});
  }

  void take(const std::string& key, const Joined& joined, std::size_t place) {
    if (!joined.record) return;  // a deletion that has expired
    Draft& draft = drafts_[key];
    if (joined.changed) {
      draft.ends_sessions =
          draft.ends_sessions || (draft.record && ends_sessions(*draft.record, *joined.record));
      draft.record = joined.record;
      draft.record_changed = true;
    }
    if (joined.seen) add_version(draft, *joined.seen);
    draft.note(&store::SyncNotes::common, joined.common);
    if (joined.merged) draft.note(&store::SyncNotes::merged, stamp_of(*joined.record).text);
    if (joined.set_aside) draft.set_aside.push_back(*joined.set_aside);
    if (!draft.found_in) draft.found_in = place;
  }

  /// Users live where they were found, or in a bin before that which was not looked at.
  void find_homes() {
    for (auto& entry : drafts_) {
      Draft& draft = entry.second;
      if (!draft.found_in) continue;
      const std::size_t home = place_of(draft.notes.bin);
      const bool was_read = home == bins_.size() || bins_[home].document;
      const std::size_t place = was_read ? *draft.found_in : std::min(home, *draft.found_in);
      draft.note(&store::SyncNotes::bin, bins_[place].id);
    }
  }

  void expire() {
    for (auto& entry : drafts_) {
      Draft& draft = entry.second;
      draft.is_removed = draft.record && has_expired(*draft.record, now_);
    }
  }

  Users users_of(const std::string& bin) const {
    Users users;
    for (const auto& [key, draft] : drafts_) {
      if (draft.record && !draft.is_removed && draft.notes.bin == bin) users[key] = *draft.record;
    }
    return users;
  }

  /// Into the last bin as long as there is room, then into new ones.
  void place_new_users() {
    std::vector<std::string> homeless;
    for (const auto& [key, draft] : drafts_) {
      const bool has_home = place_of(draft.notes.bin) < bins_.size();
      if (draft.record && !draft.is_removed && !has_home) homeless.push_back(key);
    }
    if (homeless.empty()) return;
    // Whether the last bin has room shows when it is read: they are pending until then.
    if (!bins_.empty() && !bins_.back().document) return;
    const std::size_t limit = room_limit(rules_.max_bytes);
    std::size_t next = 0;
    if (!bins_.empty()) {
      const BinCopy& last = bins_.back();
      std::size_t bytes = base::to_json(last.document->with_users(users_of(last.id))).size();
      while (next < homeless.size() && fits(homeless[next], limit, bytes)) {
        drafts_[homeless[next++]].note(&store::SyncNotes::bin, last.id);
      }
    }
    homeless.erase(homeless.begin(), homeless.begin() + static_cast<std::ptrdiff_t>(next));
    if (rules_.may_create) {
      make_bins(homeless, limit);
    } else {
      plan_.no_room = homeless;
    }
  }

  /// Whether one more user fits; counts him if he does.
  bool fits(const std::string& key, std::size_t limit, std::size_t& bytes) const {
    const std::size_t more = wire_bytes(*drafts_.at(key).record);
    if (bytes + more > limit) return false;
    bytes += more;
    return true;
  }

  void make_bins(const std::vector<std::string>& homeless, std::size_t limit) {
    std::size_t next = 0;
    while (next < homeless.size()) {
      const std::size_t first = next;
      std::size_t bytes = 2;
      Users users;
      while (next < homeless.size() && (fits(homeless[next], limit, bytes) || next == first)) {
        users[homeless[next]] = *drafts_[homeless[next]].record;
        ++next;
      }
      write("", BinDocument().with_users(users), users);
    }
  }

  void compare(const BinCopy& bin) {
    const Users users = users_of(bin.id);
    for (const BinDocument::Element& element : bin.document->elements()) {
      const auto user = users.find(element.key);
      const bool is_there = user != users.end() && is_same_text(user->second, element.value);
      if (is_there && !bin.must_write) drafts_[element.key].has_arrived = true;
    }
    if (bin.must_write || !bin.document->holds(users)) {
      write(bin.id, bin.document->with_users(users), users);
    }
  }

  void write(const std::string& bin, Json::Value document, const Users& users) {
    BinWrite write{.bin = bin, .document = std::move(document)};
    for (const auto& [key, record] : users) {
      Draft& draft = drafts_[key];
      const std::string stamp = stamp_of(record).text;
      const bool is_news =
          !draft.has_arrived || draft.notes.written != stamp || draft.notes.bin != bin;
      if (!is_news) continue;
      add_version(draft, record);
      store::SyncNotes after = draft.notes;
      after.written = stamp;
      if (rules_.exclusive || after.merged == stamp) after.common = stamp;
      write.on_arrival.push_back(
          {.key = key, .in_bin = draft.next_revision(), .notes = std::move(after)});
    }
    plan_.writes.push_back(std::move(write));
  }

  void list_changes() {
    for (auto& [key, draft] : drafts_) {
      trim_versions(draft);
      store::SyncChange change{.key = key, .revision = draft.revision};
      if (draft.is_removed) {
        change.remove = true;
        if (draft.revision > 0) plan_.changes.push_back(std::move(change));
        continue;
      }
      if (draft.record_changed) change.record = draft.record;
      if (draft.notes_changed) change.notes = draft.notes;
      if (draft.has_arrived && draft.in_bin != draft.next_revision()) {
        change.in_bin = draft.next_revision();
      }
      change.ends_sessions = draft.ends_sessions;
      for (std::size_t i = 0; i + 1 < draft.set_aside.size(); ++i) {
        plan_.changes.push_back({.key = key, .set_aside = draft.set_aside[i]});
      }
      if (!draft.set_aside.empty()) change.set_aside = draft.set_aside.back();
      const bool is_empty = !change.record && !change.notes && !change.in_bin && !change.set_aside;
      if (!is_empty) plan_.changes.push_back(std::move(change));
    }
  }

  const std::vector<BinCopy>& bins_;
  const PlanRules& rules_;
  const base::WallTime now_;
  Drafts drafts_;
  Plan plan_;
};

}  // namespace

std::size_t room_limit(std::size_t max_bytes) {
  constexpr std::size_t kReservedPart = 50;
  return max_bytes - max_bytes / kReservedPart;
}

std::size_t wire_bytes(const Json::Value& record) {
  return base::to_json(record).size() + 1;
}

std::string sentence_for(const PlanFinding& found) {
  const std::string where =
      "bin " + found.bin + ", element " + std::to_string(found.finding.index) + ": ";
  const std::string name = base::escape_for_log(found.finding.key);
  switch (found.finding.kind) {
    case Finding::Kind::kForeignElement: return where + "no user; it stays as it is";
    case Finding::Kind::kDuplicateName:
      return where + "a second user named " + name + "; it stays as it is and is not used";
    case Finding::Kind::kNameClash:
      return where + "another user named " + name +
             "; the one made first keeps the name, the other is set aside ('userbin bin status')";
    case Finding::Kind::kStaysDeleted:
      return where + name + " was deleted and stays so; register the name anew to use it again";
  }
  return where;
}

Plan make_plan(const std::vector<BinCopy>& bins, const std::vector<store::SyncedUser>& users,
               const PlanRules& rules, base::WallTime now) {
  return Planner(bins, rules, now).make(users);
}

std::string_view word_for(const store::SyncChange& change) {
  if (change.remove) return "removed";
  if (!change.record) return "";
  if (store::is_deleted(*change.record)) return "deleted";
  return change.revision == 0 ? "new" : "changed";
}

void audit_pulled(const std::vector<store::SyncChange>& changes, const std::string& by) {
  for (const store::SyncChange& change : changes) {
    const std::string_view word = word_for(change);
    if (word.empty()) continue;
    base::audit({.event = base::AuditEvent::kPull,
                 .user = change.key,
                 .by = by,
                 .detail = std::string(word)});
  }
}

bool apply_pulled(store::SyncStore& store, const std::vector<store::SyncChange>& changes,
                  const std::string& by,
                  const std::function<void(const std::vector<store::SyncChange>&)>& told) {
  for (auto first = changes.begin(); first != changes.end();) {
    const auto last = first + std::min<std::ptrdiff_t>(changes.end() - first, kChangesAtOnce);
    const std::vector<store::SyncChange> chunk(first, last);
    if (!store.apply(chunk)) return false;
    audit_pulled(chunk, by);
    if (told) told(chunk);
    first = last;
  }
  return true;
}

}  // namespace userbin::jsonbin
