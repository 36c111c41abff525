#include "jsonbin/merge.h"

#include <algorithm>
#include <initializer_list>
#include <set>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "store/user.h"

namespace userbin::jsonbin {
namespace {

constexpr const char* kUsername = "username";
constexpr const char* kPassword = "password";
constexpr const char* kCreatedAt = "created_at";
constexpr const char* kUpdatedAt = "updated_at";
constexpr const char* kIncarnation = "incarnation";
constexpr const char* kUsers = "users";

/// One text for one value: without white space, members sorted.
std::string canonical(const Json::Value& value) {
  return base::to_json(value);
}

/// Equal as JSON, also where jsoncpp tells signed from unsigned numbers.
bool same(const Json::Value& a, const Json::Value& b) {
  if (a == b) return true;
  if (a.isNumeric() && b.isNumeric()) return canonical(a) == canonical(b);
  if (a.type() != b.type() || a.size() != b.size()) return false;
  if (a.isArray()) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const Json::Value& x, const Json::Value& y) { return same(x, y); });
  }
  if (!a.isObject()) return false;
  const std::vector<std::string> names = a.getMemberNames();
  return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    return b.isMember(name) && same(a[name], b[name]);
  });
}

Json::Value without_stamp(Json::Value record) {
  record.removeMember(kUpdatedAt);
  return record;
}

bool same_content(const Json::Value& a, const Json::Value& b) {
  return same(without_stamp(a), without_stamp(b));
}

Json::Value with_stamp(Json::Value record, const Stamp& stamp) {
  record[kUpdatedAt] = stamp.text;
  return record;
}

Stamp read_stamp(const Json::Value& record, const char* member) {
  const Json::Value& text = record[member];
  if (!text.isString()) return {};
  return {base::parse_rfc3339(text.asString()), text.asString()};
}

/// Members that are fields: not the stamp, and not what tells the user's identity.
std::set<std::string> field_names(const Json::Value& record) {
  std::set<std::string> names;
  for (const std::string& name : record.getMemberNames()) {
    if (name != kUpdatedAt && name != kCreatedAt && name != kIncarnation) names.insert(name);
  }
  return names;
}

std::optional<Json::Value> member(const Json::Value& record, const std::string& name) {
  if (!record.isMember(name)) return std::nullopt;
  return record[name];
}

bool same(const std::optional<Json::Value>& a, const std::optional<Json::Value>& b) {
  return a && b ? same(*a, *b) : a.has_value() == b.has_value();
}

void put_identity(Json::Value& record, const Identity& identity) {
  if (!identity.created.text.empty()) record[kCreatedAt] = identity.created.text;
  if (identity.incarnation > 0) record[kIncarnation] = Json::Int64{identity.incarnation};
}

/// Rule 12.
Stamp new_stamp(base::WallTime now, std::initializer_list<Stamp> others) {
  for (const Stamp& other : others) {
    if (other.time) now = base::stamp_after(*other.time, now);
  }
  return {now, base::format_rfc3339(now)};
}

const Json::Value* version_with(const KnownUser& known, const Stamp& stamp) {
  if (!stamp.time) return nullptr;
  for (const Json::Value& version : known.versions) {
    if (version[kUpdatedAt] == stamp.text) return &version;
  }
  return known.local && stamp_of(*known.local) == stamp ? &*known.local : nullptr;
}

const Json::Value* version_with(const KnownUser& known, const std::string& stamp) {
  return version_with(known, Stamp{base::parse_rfc3339(stamp), stamp});
}

/// Rule 4: what an element without a stamp was edited on.
const Json::Value& written_version(const Json::Value& element, const KnownUser& known) {
  const Json::Value* base = version_with(known, known.written);
  const Identity identity = identity_of(*known.local);
  const bool is_of_another =
      base != nullptr && !(identity_of(*base) == identity) && identity_of(element) == identity;
  return base == nullptr || is_of_another ? *known.local : *base;
}

bool is_known_version(const KnownUser& known, const Json::Value& element) {
  return std::any_of(known.versions.begin(), known.versions.end(),
                     [&](const Json::Value& version) { return same(version, element); });
}

Joined keep(const KnownUser& known, Verdict verdict) {
  return {.verdict = verdict, .record = known.local, .common = known.common};
}

/// The stamp of an earlier user of the name says nothing, however late it is.
std::string later_common(const KnownUser& known, const Stamp& stamp) {
  const Json::Value* version = version_with(known, known.common);
  const bool is_of_another =
      version != nullptr && !(identity_of(*version) == identity_of(*known.local));
  const Stamp common =
      is_of_another ? Stamp{} : Stamp{base::parse_rfc3339(known.common), known.common};
  return stamp.time && common < stamp ? stamp.text : known.common;
}

Joined nothing_new(const Json::Value& element, const KnownUser& known, Verdict verdict) {
  Joined joined = keep(known, verdict);
  if (identity_of(element) == identity_of(*known.local)) {
    joined.common = later_common(known, stamp_of(element));
  }
  return joined;
}

Joined take_new_user(const Json::Value& element, base::WallTime now) {
  Joined joined{.verdict = Verdict::kNewUser, .changed = true, .seen = element};
  const Stamp stamp = stamp_of(element);
  joined.record = store::is_deleted(element) ? deletion_of(element, stamp.text) : element;
  if (!stamp.time || !same(*joined.record, element)) {
    joined.record = with_stamp(*joined.record, new_stamp(now, {stamp}));
  }
  joined.common = stamp.time ? stamp.text : "";
  return joined;
}

Joined settle_name_clash(const Json::Value& element, const KnownUser& known) {
  Joined joined = keep(known, Verdict::kNameClash);
  joined.seen = element;
  joined.set_aside = element;
  if (has_precedence(identity_of(element), identity_of(*known.local))) {
    std::swap(joined.record, joined.set_aside);
    joined.changed = true;
    joined.common = stamp_of(element).text;
  }
  return joined;
}

Verdict verdict_of(const UserState& state, const Json::Value& element, Verdict otherwise) {
  return state.deleted() && !store::is_deleted(element) ? Verdict::kStaysDeleted : otherwise;
}

Joined apply_hand_edit(const Json::Value& element, const Json::Value& base, const KnownUser& known,
                       base::WallTime now) {
  const Json::Value& local = *known.local;
  if (!(identity_of(base) == identity_of(local))) return keep(known, Verdict::kKnownVersion);
  const Stamp stamp = new_stamp(now, {stamp_of(local), stamp_of(base)});
  const UserState state = join(UserState::changed_since(base, local, stamp_of(local)),
                               UserState::changed_since(base, element, stamp));
  Joined joined = keep(known, verdict_of(state, element, Verdict::kEditedByHand));
  joined.seen = element;
  joined.common = later_common(known, stamp_of(element));
  if (same_content(state.record(), local)) return joined;
  joined.record = with_stamp(state.record(), stamp);
  joined.changed = true;
  return joined;
}

/// nullptr: none is known.
const Json::Value* common_ancestor(const KnownUser& known) {
  const Json::Value* base = version_with(known, known.common);
  const bool same_user = base != nullptr && identity_of(*base) == identity_of(*known.local);
  return same_user ? base : nullptr;
}

UserState join_versions(const Json::Value& a, const Json::Value& b, const Json::Value* base) {
  if (base == nullptr) return join(UserState::whole(a), UserState::whole(b));
  return join(UserState::changed_since(*base, a, stamp_of(a)),
              UserState::changed_since(*base, b, stamp_of(b)));
}

Joined join_other_server(const Json::Value& element, const KnownUser& known, base::WallTime now) {
  const Json::Value& local = *known.local;
  if (!(identity_of(element) == identity_of(local))) return settle_name_clash(element, known);
  const UserState state = join_versions(local, element, common_ancestor(known));
  const Stamp ours = stamp_of(local);
  const Stamp theirs = stamp_of(element);
  Joined joined = keep(known, verdict_of(state, element, Verdict::kFromAnotherServer));
  joined.seen = element;
  joined.common = later_common(known, theirs);
  if (theirs < ours && same_content(state.record(), local)) return joined;
  joined.changed = true;
  joined.merged = theirs < ours || !same_content(state.record(), element);
  joined.record =
      joined.merged ? with_stamp(state.record(), new_stamp(now, {ours, theirs})) : element;
  return joined;
}

bool has_nul(const Json::Value& value) {
  return value.isString() && value.asString().find('\0') != std::string::npos;
}

/// The store keeps names and stamps by themselves, where it can keep no NUL.
bool is_user(const Json::Value& element) {
  return element.isObject() && element[kUsername].isString() &&
         !element[kUsername].asString().empty() && element[kPassword].isString() &&
         !has_nul(element[kUsername]) && !has_nul(element[kUpdatedAt]);
}

std::string key_of(const Json::Value& user) {
  return store::user_key(user[kUsername].asString());
}

bool is_empty_object(const Json::Value& element) {
  return element.isObject() && element.empty();
}

std::string advice(const std::string& what) {
  return "the bin holds " + what +
         ": nothing was read from it and nothing is written to it; put the user list back (an "
         "older version of the bin, or [{}] for an empty one)";
}

std::optional<Refusal> refuse(const Json::Value& document) {
  if (!document.isArray() && !document.isObject()) {
    return Refusal{advice("neither a JSON array nor an object")};
  }
  if (document.isArray()) return std::nullopt;
  if (!document.isMember(kUsers)) return Refusal{advice("an object without \"users\"")};
  if (!document[kUsers].isArray()) return Refusal{advice("\"users\" that are not an array")};
  return std::nullopt;
}

/// The users that are to be, and the keys of those that are over.
std::map<std::string, Json::Value> users_after(const std::map<std::string, KnownUser>& known,
                                               base::WallTime now, Merged& merged) {
  std::map<std::string, Json::Value> users;
  for (const auto& [key, user] : known) {
    if (user.local) users[key] = *user.local;
  }
  for (const auto& [key, joined] : merged.joined) {
    if (joined.record) users[key] = *joined.record;
  }
  for (const auto& [key, record] : users) {
    if (has_expired(record, now)) merged.expired.push_back(key);
  }
  for (const std::string& key : merged.expired) users.erase(key);
  return users;
}

std::map<std::string, Json::Value> users_in(const BinDocument& bin) {
  std::map<std::string, Json::Value> users;
  for (const auto& element : bin.elements()) {
    if (!element.key.empty()) users[element.key] = element.value;
  }
  return users;
}

void report_foreign(const BinDocument::Element& element, std::size_t index, Merged& merged) {
  if (is_empty_object(element.value)) return;
  const bool duplicate = is_user(element.value);
  merged.findings.push_back(
      {duplicate ? Finding::Kind::kDuplicateName : Finding::Kind::kForeignElement, index,
       duplicate ? store::user_key(element.value[kUsername].asString()) : ""});
}

void report_verdict(Verdict verdict, std::size_t index, const std::string& key, Merged& merged) {
  if (verdict == Verdict::kNameClash) {
    merged.findings.push_back({Finding::Kind::kNameClash, index, key});
  } else if (verdict == Verdict::kStaysDeleted) {
    merged.findings.push_back({Finding::Kind::kStaysDeleted, index, key});
  }
}

}  // namespace

Stamp stamp_of(const Json::Value& record) {
  return read_stamp(record, kUpdatedAt);
}

Identity identity_of(const Json::Value& record) {
  return {store::incarnation_of(record), read_stamp(record, kCreatedAt)};
}

bool has_precedence(const Identity& a, const Identity& b) {
  return a.incarnation != b.incarnation ? a.incarnation > b.incarnation : a.created < b.created;
}

bool has_expired(const Json::Value& record, base::WallTime now) {
  const Stamp stamp = stamp_of(record);
  return store::is_deleted(record) && stamp.time && *stamp.time + kDeletionKept <= now;
}

UserState UserState::whole(const Json::Value& record) {
  UserState state;
  state.identity_ = identity_of(record);
  state.floor_ = stamp_of(record);
  for (const std::string& name : field_names(record)) {
    state.set(name, {state.floor_, record[name]});
  }
  if (store::is_deleted(record)) state.deletion_ = state.floor_;
  return state;
}

UserState UserState::changed_since(const Json::Value& base, const Json::Value& record,
                                   const Stamp& stamp) {
  UserState state;
  state.identity_ = identity_of(base);
  state.floor_ = stamp_of(base);
  std::set<std::string> names = field_names(base);
  names.merge(field_names(record));
  for (const std::string& name : names) {
    const auto value = member(record, name);
    state.set(name, {same(value, member(base, name)) ? state.floor_ : stamp, value});
  }
  if (store::is_deleted(record)) state.deletion_ = stamp;
  return state;
}

Json::Value UserState::record() const {
  Json::Value record(Json::objectValue);
  for (const auto& [name, field] : fields_) {
    if (field.value) record[name] = *field.value;
  }
  put_identity(record, identity_);
  return deletion_ ? without_stamp(deletion_of(record, deletion_->text)) : record;
}

const UserState::Field& UserState::later(const Field& a, const Field& b) {
  if (!(a.stamp == b.stamp)) return a.stamp < b.stamp ? b : a;
  if (!a.value || !b.value) return a.value ? a : b;
  return canonical(*a.value) < canonical(*b.value) ? b : a;
}

UserState::Field UserState::field(const std::string& name) const {
  const auto found = fields_.find(name);
  return found == fields_.end() ? Field{floor_, std::nullopt} : found->second;
}

void UserState::set(const std::string& name, Field field) {
  if (field.value || !(field.stamp == floor_)) fields_[name] = std::move(field);
}

UserState join(const UserState& a, const UserState& b) {
  if (!(a.identity_ == b.identity_)) return has_precedence(a.identity_, b.identity_) ? a : b;
  UserState state;
  state.identity_ = a.identity_;
  state.floor_ = std::max(a.floor_, b.floor_);
  for (const auto* side : {&a, &b}) {
    for (const auto& entry : side->fields_) {
      state.set(entry.first, UserState::later(a.field(entry.first), b.field(entry.first)));
    }
  }
  state.deletion_ = std::max(a.deletion_, b.deletion_);
  return state;
}

bool operator==(const UserState& a, const UserState& b) {
  const auto same_field = [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.stamp == y.second.stamp &&
           same(x.second.value, y.second.value);
  };
  return a.identity_ == b.identity_ && a.floor_ == b.floor_ && a.deletion_ == b.deletion_ &&
         std::equal(a.fields_.begin(), a.fields_.end(), b.fields_.begin(), b.fields_.end(),
                    same_field);
}

Joined join_element(const Json::Value& element, const KnownUser& known, base::WallTime now) {
  const Stamp stamp = stamp_of(element);
  const bool expired = has_expired(element, now);
  if (!known.local) {
    return expired ? keep(known, Verdict::kExpired) : take_new_user(element, now);
  }
  if (same(element, *known.local)) return nothing_new(element, known, Verdict::kSame);
  if (is_known_version(known, element)) return nothing_new(element, known, Verdict::kKnownVersion);
  if (!stamp.time) {
    const bool is_of_the_dead =
        store::incarnation_of(element) < store::incarnation_of(*known.local);
    if (is_of_the_dead) return keep(known, Verdict::kStaysDeleted);
    return apply_hand_edit(element, written_version(element, known), known, now);
  }
  const Json::Value* version = version_with(known, stamp);
  if (version != nullptr && identity_of(*version).incarnation == identity_of(element).incarnation) {
    return apply_hand_edit(element, *version, known, now);
  }
  if (expired && !(identity_of(element) == identity_of(*known.local))) {
    return keep(known, Verdict::kExpired);
  }
  return join_other_server(element, known, now);
}

std::variant<BinDocument, Refusal> BinDocument::parse(const Json::Value& document) {
  if (auto refusal = refuse(document)) return *refusal;
  BinDocument bin;
  if (document.isObject()) {
    bin.around_ = document;
    bin.around_->removeMember(kUsers);
  }
  std::set<std::string> keys;
  bool all_empty = true;
  bool says_empty = false;
  for (const Json::Value& element : document.isArray() ? document : document[kUsers]) {
    const std::string key = is_user(element) ? store::user_key(element[kUsername].asString()) : "";
    bin.elements_.push_back({element, !key.empty() && keys.insert(key).second ? key : ""});
    all_empty = all_empty && is_empty_object(element);
    says_empty = says_empty || is_empty_object(element);
  }
  if (all_empty) bin.elements_.clear();
  if (!says_empty && !all_empty && keys.empty())
    return Refusal{advice("a list in which nothing is a user")};
  return bin;
}

Json::Value BinDocument::with_users(const std::map<std::string, Json::Value>& users) const {
  Json::Value list(Json::arrayValue);
  std::set<std::string> placed;
  std::set<std::string> gone;
  for (const Element& element : elements_) {
    const auto user = users.find(element.key);
    if (user != users.end()) {
      list.append(user->second);
      placed.insert(element.key);
    } else if (!element.key.empty()) {
      gone.insert(element.key);
    } else if (!is_user(element.value) || !gone.contains(key_of(element.value))) {
      list.append(element.value);
    }
  }
  for (const auto& [key, record] : users) {
    if (!placed.contains(key)) list.append(record);
  }
  const bool says_empty = std::any_of(list.begin(), list.end(), is_empty_object);
  const bool must_say_empty = users.empty() && !says_empty && (!around_ || !list.empty());
  if (must_say_empty) list.append(Json::Value(Json::objectValue));
  if (!around_) return list;
  Json::Value document = *around_;
  document[kUsers] = list;
  return document;
}

bool BinDocument::holds(const std::map<std::string, Json::Value>& users) const {
  return same(with_users(users), with_users(users_in(*this)));
}

void BinDocument::replace_element(std::size_t index, Json::Value value) {
  elements_[index].value = std::move(value);
}

Merged merge(const BinDocument& bin, const std::map<std::string, KnownUser>& known,
             base::WallTime now) {
  Merged merged;
  for (std::size_t index = 0; index < bin.elements().size(); ++index) {
    const BinDocument::Element& element = bin.elements()[index];
    if (element.key.empty()) {
      report_foreign(element, index, merged);
      continue;
    }
    const auto user = known.find(element.key);
    Joined joined =
        join_element(element.value, user == known.end() ? KnownUser{} : user->second, now);
    report_verdict(joined.verdict, index, element.key, merged);
    merged.joined.emplace(element.key, std::move(joined));
  }
  merged.users = users_after(known, now, merged);
  return merged;
}

}  // namespace userbin::jsonbin
