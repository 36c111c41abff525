// Random histories: servers that change users, copies of the bin that are read, written, lost and
// brought back in any order, and people who edit old pages.

#include <random>
#include <set>
#include <string>

#include "jsonbin/merge.h"
#include "store/user.h"
#include "support/catch.h"

namespace userbin::jsonbin {
namespace {

constexpr unsigned kHistories = 2000;
constexpr int kLongEnoughToSettle = 6;

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  std::size_t below(std::size_t sides) { return random_() % sides; }
  bool one_in(std::size_t sides) { return below(sides) == 0; }

 private:
  std::mt19937_64 random_;
};

const std::string kFields[] = {"role", "mail", "note"};

void change_a_field(Json::Value& record, Dice& dice) {
  const std::string& name = kFields[dice.below(std::size(kFields))];
  if (dice.one_in(4) && name != "role") {
    record.removeMember(name);
  } else {
    record[name] = std::to_string(dice.below(5));
  }
}

Json::Value without_stamp(Json::Value record) {
  record.removeMember("updated_at");
  return record;
}

/// One userbin as the synchronisation drives it: local changes, a GET, and a PUT that may be late.
class Replica {
 public:
  Replica(std::size_t number, base::WallTime clock) : number_(number), clock_(clock) {}

  const std::map<std::string, KnownUser>& known() const { return known_; }
  void pass(std::chrono::seconds time) { clock_ += time; }

  void create_or_change(const std::string& key, Dice& dice) {
    KnownUser& user = known_[key];
    pass(std::chrono::seconds{1});
    if (user.local && !store::is_deleted(*user.local)) {
      store::User changed(*user.local);
      changed.touch(clock_);
      Json::Value record = changed.record();
      change_a_field(record, dice);
      replace(user, record);
    } else {
      store::User fresh(key, "hash" + std::to_string(number_), clock_);
      replace(user, user.local ? store::successor_of(*user.local, fresh.record()) : fresh.record());
    }
  }

  void remove(const std::string& key) {
    KnownUser& user = known_[key];
    if (!user.local || store::is_deleted(*user.local)) return;
    store::User changed(*user.local);
    changed.touch(clock_ += std::chrono::seconds{1});
    replace(user, deletion_of(*user.local, changed.record()["updated_at"].asString()));
  }

  /// Reads `bin`. The result is what to write, if anything.
  std::optional<Json::Value> read(const Json::Value& bin) {
    pass(std::chrono::seconds{1});
    const auto document = std::get<BinDocument>(BinDocument::parse(bin));
    const Merged merged = merge(document, known_, clock_);
    for (auto& [key, joined] : merged.joined) {
      KnownUser& user = known_[key];
      if (joined.seen) user.versions.push_back(*joined.seen);
      if (joined.changed) replace(user, *joined.record);
      if (joined.changed && joined.merged) merged_.insert(key);
      user.common = joined.common;
    }
    return document.holds(merged.users) ? std::nullopt
                                        : std::optional(document.with_users(merged.users));
  }

  /// The PUT was answered.
  void written(const Json::Value& document) {
    for (const Json::Value& element : document) {
      if (!element.isMember("username")) continue;
      const std::string key = store::user_key(element["username"].asString());
      KnownUser& user = known_[key];
      user.written = element["updated_at"].asString();
      if (merged_.contains(key) && element == *user.local) user.common = user.written;
    }
    merged_.clear();
  }

 private:
  static void replace(KnownUser& user, const Json::Value& record) {
    if (user.local) user.versions.push_back(*user.local);
    user.local = record;
  }

  std::size_t number_;
  base::WallTime clock_;
  std::map<std::string, KnownUser> known_;
  std::set<std::string> merged_;
};

/// A whole history: some replicas around one bin.
class History {
 public:
  explicit History(std::uint64_t seed) : dice_(seed) {
    const std::size_t count = 2 + dice_.below(3);
    for (std::size_t i = 0; i < count; ++i) {
      replicas_.emplace_back(
          i, start() + std::chrono::seconds{dice_.below(40)} + std::chrono::microseconds{100 * i});
    }
    copies_.push_back(bin_);
  }

  void run(std::size_t steps) {
    for (std::size_t i = 0; i < steps; ++i) step();
  }

  /// Everybody synchronises in turn until nobody writes. False: they never stop.
  bool settle() {
    for (int round = 0; round < kLongEnoughToSettle; ++round) {
      bool quiet = true;
      for (Replica& replica : replicas_) quiet = !synchronise(replica) && quiet;
      if (quiet) return true;
    }
    return false;
  }

  void check_that_all_agree() const {
    for (const Replica& replica : replicas_) {
      CHECK(users_of(replica) == users_of(replicas_.front()));
    }
    std::map<std::string, Json::Value> in_bin;
    for (const Json::Value& element : bin_) {
      if (element.isMember("username")) in_bin[element["username"].asString()] = element;
    }
    CHECK(in_bin == users_of(replicas_.front()));
  }

  void check_that_nothing_is_lost() const {
    for (const auto& [key, record] : acknowledged_) {
      CAPTURE(key);
      for (const Replica& replica : replicas_) CHECK(replica.known().at(key).local == record);
    }
  }

  void check_that_the_deleted_stay_deleted() const {
    for (const auto& [key, identities] : deleted_) {
      CAPTURE(key);
      const Json::Value& record = *replicas_.front().known().at(key).local;
      for (const Identity& identity : identities) {
        CHECK((store::is_deleted(record) || !(identity_of(record) == identity)));
      }
    }
  }

 private:
  static base::WallTime start() { return *base::parse_rfc3339("2026-01-01T00:00:00Z"); }

  static std::map<std::string, Json::Value> users_of(const Replica& replica) {
    std::map<std::string, Json::Value> users;
    for (const auto& [key, user] : replica.known()) {
      if (user.local) users[key] = *user.local;
    }
    return users;
  }

  void step() {
    const std::size_t number = dice_.below(replicas_.size());
    Replica& replica = replicas_[number];
    switch (dice_.below(9)) {
      case 0:
      case 1: change(replica, number); break;
      case 2: remove(replica, number); break;
      case 3: edit_a_page(); break;
      case 4: bin_ = copies_[dice_.below(copies_.size())]; break;
      case 5: read_only(replica); break;
      case 6: write_late(replica); break;
      default: synchronise(replica);
    }
  }

  std::string shared() { return std::string("shared") + std::to_string(dice_.below(2)); }
  static std::string own(std::size_t number) { return "own" + std::to_string(number); }

  void change(Replica& replica, std::size_t number) {
    const bool mine = dice_.one_in(2);
    const std::string key = mine ? own(number) : shared();
    replica.create_or_change(key, dice_);
    if (mine) acknowledged_[key] = *replica.known().at(key).local;
  }

  void remove(Replica& replica, std::size_t number) {
    const bool mine = dice_.one_in(3);
    const std::string key = mine ? own(number) : shared();
    replica.remove(key);
    const auto& user = replica.known().at(key);
    if (!user.local) return;
    deleted_[key].push_back(identity_of(*user.local));
    if (mine) acknowledged_[key] = *user.local;
  }

  /// Somebody saves a page, perhaps an old one, after an edit of a shared user.
  void edit_a_page() {
    Json::Value page = copies_[dice_.below(copies_.size())];
    for (Json::Value& element : page) {
      if (element["username"].asString().starts_with("shared") && element["role"] != "deleted") {
        change_a_field(element, dice_);
        if (dice_.one_in(5)) element.removeMember("updated_at");
      }
    }
    put(page);
  }

  void read_only(Replica& replica) { replica.read(copies_[dice_.below(copies_.size())]); }

  /// GET, then others come between, then the PUT.
  void write_late(Replica& replica) {
    const auto document = replica.read(bin_);
    synchronise(replicas_[dice_.below(replicas_.size())]);
    if (!document) return;
    put(*document);
    if (!dice_.one_in(4)) replica.written(*document);
  }

  bool synchronise(Replica& replica) {
    const auto document = replica.read(bin_);
    if (!document) return false;
    put(*document);
    replica.written(*document);
    return true;
  }

  void put(const Json::Value& document) {
    bin_ = document;
    copies_.push_back(document);
  }

  Dice dice_;
  std::vector<Replica> replicas_;
  Json::Value bin_{Json::arrayValue};
  std::vector<Json::Value> copies_;
  std::map<std::string, Json::Value> acknowledged_;  // of users that one replica alone changes
  std::map<std::string, std::vector<Identity>> deleted_;
};

/// Any record of one name: few stamps, few values, so that ties are common.
Json::Value random_record(Dice& dice) {
  Json::Value record;
  record["username"] = dice.one_in(3) ? "Bob" : "bob";
  record["password"] = "hash" + std::to_string(dice.below(2));
  record["updated_at"] = "2026-01-01T00:00:0" + std::to_string(dice.below(4)) + "Z";
  if (dice.one_in(8)) record["created_at"] = "2026-01-01T00:00:00Z";
  if (dice.one_in(12)) record["incarnation"] = 1;
  for (const std::string& name : kFields) {
    if (!dice.one_in(3)) record[name] = std::to_string(dice.below(3));
  }
  if (dice.one_in(6)) record = deletion_of(record, record["updated_at"].asString());
  return record;
}

UserState random_state(const Json::Value& base, Dice& dice) {
  const Json::Value record = random_record(dice);
  return dice.one_in(2) ? UserState::whole(record)
                        : UserState::changed_since(base, record, stamp_of(record));
}

}  // namespace

TEST_CASE("joining states is commutative, associative and idempotent, in random histories") {
  for (unsigned seed = 0; seed < kHistories; ++seed) {
    Dice dice(seed);
    const Json::Value base = random_record(dice);
    const UserState a = random_state(base, dice);
    const UserState b = random_state(base, dice);
    const UserState c = random_state(base, dice);
    const bool commutative = join(a, b) == join(b, a);
    const bool associative = join(join(a, b), c) == join(a, join(b, c));
    const bool idempotent = join(a, a) == a && join(join(a, b), b) == join(a, b);
    if (commutative && associative && idempotent) continue;
    INFO("seed " << seed);
    CHECK(commutative);
    CHECK(associative);
    CHECK(idempotent);
    break;
  }
}

TEST_CASE("servers converge and stop writing, and no change is lost, in random histories") {
  for (unsigned seed = 0; seed < kHistories; ++seed) {
    INFO("seed " << seed);
    History history(seed);
    history.run(12 + seed % 20);
    REQUIRE(history.settle());
    history.check_that_all_agree();
    history.check_that_nothing_is_lost();
    history.check_that_the_deleted_stay_deleted();
  }
}

TEST_CASE("two servers' concurrent versions are joined alike on both, in random histories") {
  for (unsigned seed = 0; seed < kHistories; ++seed) {
    INFO("seed " << seed);
    Dice dice(seed);
    Json::Value base = random_record(dice);
    base["updated_at"] = "2025-01-01T00:00:00Z";
    if (store::is_deleted(base)) continue;
    Json::Value a = base;
    Json::Value b = base;
    a["updated_at"] = "2026-01-01T00:00:01Z";
    b["updated_at"] = "2026-01-01T00:00:02Z";
    for (Json::Value* side : {&a, &b}) {
      for (std::size_t n = dice.below(3); n > 0; --n) change_a_field(*side, dice);
    }
    const std::string common = dice.one_in(2) ? base["updated_at"].asString() : "";
    const base::WallTime now = *base::parse_rfc3339("2026-02-01T00:00:00Z");
    const auto here = join_element(b, {.local = a, .versions = {base}, .common = common}, now);
    const auto there = join_element(a, {.local = b, .versions = {base}, .common = common}, now);
    CHECK(without_stamp(*here.record) == without_stamp(*there.record));
  }
}

}  // namespace userbin::jsonbin
