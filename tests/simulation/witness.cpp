#include "simulation/witness.h"

#include <algorithm>
#include <tuple>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "simulation/world.h"

namespace userbin::simulation {

namespace {

std::string text(const Json::Value& value) {
  return base::to_json(value);
}

std::string stamp_of(const Json::Value& record) {
  return record["updated_at"].isString() ? record["updated_at"].asString() : "";
}

bool has_stamp(const Json::Value& record) {
  return base::parse_rfc3339(stamp_of(record)).has_value();
}

bool is_deletion(const Json::Value& record) {
  return record["role"] == "deleted";
}

std::optional<Json::Value> value_of(const Json::Value& record, const std::string& field) {
  return record.isMember(field) ? std::optional(record[field]) : std::nullopt;
}

std::string shown(const std::optional<Json::Value>& value) {
  return value ? text(*value) : "(none)";
}

}  // namespace

Witness::Identity Witness::identity_of(const Json::Value& record) {
  const Json::Value& created = record["created_at"];
  return {record["incarnation"].isInt64() ? record["incarnation"].asInt64() : 0,
          created.isString() ? created.asString() : ""};
}

bool Witness::has_the_name(const Identity& a, const Identity& b) {
  if (a.incarnation != b.incarnation) return a.incarnation > b.incarnation;
  const auto rank = [](const Identity& identity) {
    return std::tuple(base::parse_rfc3339(identity.created), identity.created);
  };
  return rank(a) < rank(b);
}

std::set<std::string> Witness::fields_of(const Json::Value& record) {
  std::set<std::string> fields;
  for (const std::string& name : record.getMemberNames()) {
    if (name != "updated_at" && name != "created_at" && name != "incarnation") fields.insert(name);
  }
  return fields;
}

void Witness::saw(std::size_t node, const std::vector<store::SyncedUser>& users,
                  const std::optional<std::string>& own_key) {
  auto& views = views_[node];
  std::set<std::string> keys;
  for (const store::SyncedUser& user : users) {
    const std::string key = user.user.key();
    keys.insert(key);
    View& view = views[key];
    view.node = node;
    const bool is_changed = !view.record || view.revision != user.revision;
    if (is_changed && own_key == key) {
      saw_own(view, key, user.user.record());
    } else {
      for (const Json::Value& element : news(view, user)) {
        if (!view.record && !has_stamp(element)) {
          // Several bins had him, and this was made a part of the other.
          suspect(view, lives_[key][identity_of(user.user.record())], element);
        } else {
          saw_element(view, key, element);
        }
      }
      if (is_changed) saw_record(view, key, user.user.record());
    }
    view.revision = user.revision;
    view.record = user.user.record();
    view.notes = user.notes;
  }
  std::erase_if(views, [&](const auto& entry) { return !keys.contains(entry.first); });
}

/// The elements that were joined with what there was: behind all that was known before.
std::vector<Json::Value> Witness::news(const View& view, const store::SyncedUser& user) {
  const auto& now = user.notes.versions;
  const auto is_known = [&](const Json::Value& version) {
    const auto& old = view.notes.versions;
    return std::find(old.begin(), old.end(), version) != old.end();
  };
  const auto first = std::find_if(now.rbegin(), now.rend(), is_known).base();
  std::vector<Json::Value> news(first, now.end());
  std::erase_if(news, [&](const Json::Value& version) {
    return version == view.record || version == user.user.record();
  });
  return news;
}

void Witness::saw_own(View& view, const std::string& key, const Json::Value& now) {
  const Identity identity = identity_of(now);
  Life& life = lives_[key][identity];
  if (!view.record || identity != view.identity) {
    view.known.reset();
    view.identity = identity;
    create(view, life, now);
  } else {
    edit(view, life, *view.record, now);
  }
  life.known_of[text(now)] |= view.known;
}

void Witness::saw_element(View& view, const std::string& key, const Json::Value& element) {
  if (view.record && !has_stamp(element)) {
    const Json::Value* base = base_of(view, element);
    if (identity_of(element).incarnation < view.identity.incarnation) return;
    if (identity_of(element) == view.identity && identity_of(*base) != view.identity) {
      base = &*view.record;
    }
    if (identity_of(*base) == view.identity) {
      edit(view, lives_[key][view.identity], *base, element);
    }
    return;
  }
  const Identity identity = identity_of(element);
  Life& life = lives_[key][identity];
  const auto known = life.known_of.find(text(element));
  if (known != life.known_of.end()) {
    if (identity == view.identity) view.known |= known->second;
    return;
  }
  const Json::Value* base = view.record ? base_of(view, element) : nullptr;
  if (base == nullptr) {
    suspect(view, life, element);
  } else if (identity_of(*base) == view.identity && identity == view.identity) {
    edit(view, life, *base, element);
  }
}

void Witness::saw_record(View& view, const std::string& key, const Json::Value& now) {
  const Identity identity = identity_of(now);
  const bool is_another = !view.record || identity != view.identity;
  Life& life = lives_[key][identity];
  if (is_another) view.known.reset();
  view.identity = identity;
  const auto known = life.known_of.find(text(now));
  if (known != life.known_of.end()) {
    view.known |= known->second;
  } else if (is_another) {
    create(view, life, now);
  } else if (!stamp_of(now).ends_with(std::to_string(kFirstServer + view.node) + "Z")) {
    suspect(view, life, now);  // another server's, edited by hand before it was known here
  }
  life.is_deleted = life.is_deleted || is_deletion(now);
  life.known_of[text(now)] |= view.known;
}

/// The version on which the element was edited by hand, as the owner of the store sees it.
const Json::Value* Witness::base_of(const View& view, const Json::Value& element) const {
  const std::string stamp = has_stamp(element) ? stamp_of(element) : view.notes.written;
  if (stamp.empty()) return &*view.record;
  for (const Json::Value& version : view.notes.versions) {
    if (stamp_of(version) == stamp) return &version;
  }
  return stamp_of(*view.record) == stamp || !has_stamp(element) ? &*view.record : nullptr;
}

void Witness::edit(View& view, Life& life, const Json::Value& base, const Json::Value& element) {
  if (is_deletion(element)) {
    life.is_deleted = true;
    return;
  }
  std::set<std::string> fields = fields_of(base);
  fields.merge(fields_of(element));
  for (const std::string& field : fields) {
    auto value = value_of(element, field);
    if (value != value_of(base, field)) add(view, life, field, std::move(value), false);
  }
}

void Witness::create(View& view, Life& life, const Json::Value& record) {
  if (is_deletion(record)) life.is_deleted = true;
  for (const std::string& field : fields_of(record)) add(view, life, field, record[field], false);
}

void Witness::suspect(View& view, Life& life, const Json::Value& record) {
  if (is_deletion(record)) life.may_be_deleted = true;
  std::set<std::string> fields = fields_of(record);
  for (const Deed& deed : life.deeds) fields.insert(deed.field);
  for (const std::string& field : fields) {
    const auto value = value_of(record, field);
    const bool is_noted = std::any_of(life.deeds.begin(), life.deeds.end(), [&](const Deed& deed) {
      return deed.is_weak && deed.field == field && deed.value == value;
    });
    if (!is_noted) add(view, life, field, value, true);
  }
}

void Witness::add(View& view, Life& life, const std::string& field,
                  std::optional<Json::Value> value, bool is_weak) {
  if (life.deeds.size() == kMaxDeeds) throw std::logic_error("too many deeds: raise kMaxDeeds");
  Deeds known = view.known;
  known.set(life.deeds.size());
  if (!is_weak) view.known = known;
  life.deeds.push_back({view.node, field, std::move(value), known, is_weak});
}

void Witness::check(const std::map<std::string, Json::Value>& users,
                    const std::vector<Json::Value>& set_aside) const {
  std::set<std::pair<std::string, Identity>> aside;
  for (const Json::Value& record : set_aside) {
    aside.emplace(base::to_lower_ascii(record["username"].asString()), identity_of(record));
  }
  for (const auto& [key, lives] : lives_) {
    if (lives.empty()) continue;
    const auto record = users.find(key);
    if (record == users.end()) throw Violation(key + " is lost");
    check_user(key, lives, record->second, aside);
  }
  for (const auto& [key, record] : users) {
    if (!lives_.contains(key)) throw Violation(key + " came from nowhere");
  }
}

Witness::Lives::const_iterator Witness::owner_of(const Lives& lives) {
  auto owner = lives.begin();
  for (auto at = lives.begin(); at != lives.end(); ++at) {
    const bool is_better = owner->second.deeds.empty() || has_the_name(at->first, owner->first);
    if (!at->second.deeds.empty() && is_better) owner = at;
  }
  return owner;
}

void Witness::check_user(const std::string& key, const Lives& lives, const Json::Value& record,
                         const std::set<std::pair<std::string, Identity>>& aside) const {
  const auto owner = owner_of(lives);
  if (!(identity_of(record) == owner->first)) {
    throw Violation(key + " should belong to the one created at " + owner->first.created +
                    " but is " + text(record));
  }
  for (const auto& [identity, life] : lives) {
    const bool is_over = life.is_deleted || life.may_be_deleted || life.deeds.empty();
    if (identity == owner->first || is_over || aside.contains({key, identity})) continue;
    throw Violation(key + ", created at " + identity.created + ", lost the name unreported");
  }
  const Life& life = owner->second;
  if (life.is_deleted && !is_deletion(record)) {
    throw Violation(key + " was deleted and is back: " + text(record));
  }
  if (is_deletion(record)) {
    if (!life.is_deleted && !life.may_be_deleted) {
      throw Violation(key + " is deleted, and nobody did it");
    }
    if (record["password"] != "!") throw Violation("a deletion with a password: " + text(record));
    return;
  }
  check_fields(key, life, record);
}

/// Whether one store knows all deeds, in their order.
bool Witness::is_chain(const Life& life) {
  for (std::size_t i = 0; i < life.deeds.size(); ++i) {
    if (life.deeds[i].is_weak || life.deeds[i].node != life.deeds[0].node) return false;
    for (std::size_t j = 0; j < i; ++j) {
      if (!life.deeds[i].known.test(j)) return false;
    }
  }
  return true;
}

void Witness::check_fields(const std::string& key, const Life& life, const Json::Value& record) {
  std::map<std::string, std::vector<std::optional<Json::Value>>> allowed;
  for (const std::string& field : fields_of(record)) allowed[field];
  const bool has_order = is_chain(life);
  for (const Deed& deed : life.deeds) {
    auto& values = allowed[deed.field];
    if (has_order) values.clear();
    values.push_back(deed.value);
  }
  for (const auto& [field, values] : allowed) {
    const auto value = value_of(record, field);
    const bool may_be_absent = !value && !has_order;
    if (may_be_absent || std::find(values.begin(), values.end(), value) != values.end()) continue;
    std::string expected;
    for (const auto& one : values) expected += " " + shown(one);
    throw Violation(key + ": \"" + field + "\" is " + shown(value) + ", should be" + expected);
  }
}

void Witness::forget_deletions() {
  std::erase_if(lives_,
                [](const auto& entry) { return owner_of(entry.second)->second.is_deleted; });
}

}  // namespace userbin::simulation
