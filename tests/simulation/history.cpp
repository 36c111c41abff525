#include "simulation/history.h"

#include <algorithm>
#include <list>
#include <map>
#include <optional>

#include "base/json.h"
#include "simulation/agreement.h"
#include "simulation/editor.h"
#include "simulation/network.h"
#include "simulation/node.h"
#include "simulation/service.h"
#include "simulation/witness.h"
#include "simulation/world.h"

namespace userbin::simulation {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMaxNodes = 4;
/// Each round of all userbins takes news one step further.
constexpr int kMaxRoundsToSettle = 10;
constexpr std::chrono::hours kLongerThanDeletionsAreKept{31 * 24};
const std::string kCollection = "c00000000000000000000001";

/// Lists as an owner may have them at first.
const std::vector<std::string> kFirstTexts{
    "[]", "[{}]", R"({"users":[],"comment":"mine"})",
    R"([{"username":"ann","password":"plain"},{"username":"Bob","password":"word","role":"admin"}])",
    R"({"users":[{"username":"cyd","password":"$h$0000x","created_at":"2020-01-01T00:00:00Z"}]})"};

class History {
 public:
  History(std::uint64_t seed, bool is_traced)
      : world_(seed, is_traced),
        node_count_(1 + world_.dice.below(kMaxNodes)),
        service_(1 + world_.dice.below(4)),
        network_(world_, service_),
        witness_(node_count_),
        editor_(world_, service_) {
    const bool is_collection = world_.dice.one_in(4);
    is_divided_ = world_.dice.one_in(2);
    has_editor_ = world_.dice.one_in(2);
    if (!is_collection) {
      service_.add_bin(world_.dice.pick(kFirstTexts));
    } else if (world_.dice.one_in(2)) {
      service_.add_bin("[{}]");
    }
    for (std::size_t i = 0; i < node_count_; ++i) {
      nodes_.emplace_back(around_, i, settings(is_collection), names_of(i));
      nodes_.back().clock().skew = milliseconds{world_.dice.below(400'000)} - milliseconds{200'000};
    }
  }

  void run() {
    for (std::size_t events = 40 + world_.dice.below(80); events > 0; --events) happen();
    end_faults();
    settle();
    check();
    for (std::size_t edits = world_.dice.below(3); has_editor_ && edits > 0; --edits) {
      edit_carefully();
    }
    if (world_.dice.one_in(2)) change_at_once();
    if (world_.dice.one_in(4)) change_in_turn();
    if (world_.dice.one_in(3)) change_in_trouble();
    if (world_.dice.one_in(2)) let_deletions_expire();
  }

 private:
  jsonbin::SyncSettings settings(bool is_collection) {
    Dice& dice = world_.dice;
    jsonbin::SyncSettings settings;
    settings.delay = milliseconds{dice.pick(std::vector{0, 200, 2000})};
    settings.confirm = milliseconds{dice.pick(std::vector{1000, 60'000, 600'000})};
    settings.poll = milliseconds{dice.pick(std::vector{0, 5000, 300'000})};
    if (is_collection) {
      settings.collection_id = kCollection;
      settings.max_bytes = 700 + dice.below(1500);
    } else {
      settings.bin_id = service_.ids().front();
      settings.exclusive = node_count_ == 1 && !has_editor_ && dice.one_in(2);
      settings.max_bytes = 10'000'000;
    }
    return settings;
  }

  /// Either each user has one userbin that he goes to, or they all go to any.
  std::vector<std::string> names_of(std::size_t node) const {
    if (!is_divided_) return kNames;
    std::vector<std::string> names;
    for (std::size_t i = node; i < kNames.size(); i += node_count_) names.push_back(kNames[i]);
    return names;
  }

  Node& any_node() {
    auto node = nodes_.begin();
    std::advance(node, static_cast<std::ptrdiff_t>(world_.dice.below(nodes_.size())));
    return *node;
  }

  void happen() {
    Dice& dice = world_.dice;
    pass_time();
    const std::size_t chance = dice.below(100);
    if (chance < 30) {
      any_node().act();
    } else if (chance < 35) {
      network_.deliver_one();
    } else if (chance < 50 && has_editor_ && !service_.ids().empty()) {
      editor_.act();
    } else if (chance < 51) {
      any_node().clock().skew = milliseconds{dice.below(400'000)} - milliseconds{200'000};
    } else {
      Node& node = any_node();
      for (std::size_t steps = 1 + dice.below(6); steps > 0; --steps) step(node);
    }
  }

  /// Sleeps until the step is due, if that isn't long.
  void step(Node& node) {
    const base::WallTime due = node.step();
    if (due > world_.now && due < world_.now + std::chrono::seconds{3}) world_.now = due;
  }

  void pass_time() {
    Dice& dice = world_.dice;
    world_.now += milliseconds{1 + dice.below(1000)};
    if (dice.one_in(6)) world_.now += milliseconds{dice.below(120'000)};
    if (dice.one_in(40)) world_.now += std::chrono::minutes{dice.below(200)};
  }

  /// What the others do while a request is under way.
  void meanwhile() {
    if (!world_.is_faulty || is_meanwhile_ || !world_.dice.one_in(8)) return;
    is_meanwhile_ = true;
    happen();
    is_meanwhile_ = false;
  }

  void end_faults() {
    world_.say("world", "the faults stop");
    world_.is_faulty = false;
    network_.deliver_all();
    editor_.make_good();
    world_.now += std::chrono::minutes{10};
    for (Node& node : nodes_) node.clock().skew = milliseconds{0};
  }

  /// Rounds until nobody has anything left to do.
  void settle() {
    for (int rounds = 0; rounds < kMaxRoundsToSettle; ++rounds) {
      const std::uint64_t before = changes();
      for (Node& node : nodes_) {
        world_.now += std::chrono::seconds{1};
        node.run_round();
      }
      if (changes() == before) return;
    }
    throw Violation("userbins never agree");
  }

  std::uint64_t changes() {
    std::uint64_t count = service_.writes();
    for (Node& node : nodes_) count += node.store().user_changes();
    return count;
  }

  void check() {
    const Records records = check_that_all_agree(nodes_, service_);
    std::vector<Json::Value> set_aside;
    for (Node& node : nodes_) {
      for (const Json::Value& record : node.store().set_aside()) set_aside.push_back(record);
    }
    witness_.check(records, set_aside);
    check_passwords(records);
    for (Node& node : nodes_) check_sessions(node);
  }

  void edit_carefully() {
    if (service_.ids().empty()) return;
    const Records before = records(nodes_.front());
    const Editor::Edit edit = editor_.careful_edit();
    if (is_suspicious(edit.document)) return;
    editor_.save(edit);
    settle();
    check();
    edit.check(before, records(nodes_.front()), *base::from_json(service_.text(edit.bin)));
  }

  /// All know the same; then each changes the same user, before anybody tells the others. Every
  /// field that one of them changed is his, and one that several changed is the last's, by the
  /// stamps.
  void change_at_once() {
    const std::string key = any_user();
    if (key.empty()) return;
    std::map<std::string, std::map<std::string, std::string>> changes;  // by field, stamp
    bool is_deleted = false;
    world_.say("world", "all change " + key + " at once");
    for (Node& node : nodes_) {
      node.clock().skew = milliseconds{world_.dice.below(400'000)} - milliseconds{200'000};
      if (world_.dice.one_in(12)) {
        node.delete_user(key);
        is_deleted = true;
        continue;
      }
      const std::string field =
          world_.dice.pick(std::vector<std::string>{"password", "role", "note", "mail"});
      const std::string word = node.name() + " at once";
      const std::string value = field == "password" ? hashes_.hash(word) : word;
      const Json::Value record = node.change_field(key, field, value);
      changes[field][record["updated_at"].asString()] = value;
    }
    for (Node& node : nodes_) node.clock().skew = milliseconds{0};
    settle();
    check();
    const Json::Value record = records(nodes_.front()).at(key);
    if (is_deleted != (record["role"] == "deleted")) {
      throw Violation(key + " was deleted at once with other changes: " + base::to_json(record));
    }
    for (const auto& change : changes) {
      const auto& field = change.first;  // clang takes no structured binding into a lambda
      const auto& values = change.second;
      const bool is_theirs = std::any_of(values.begin(), values.end(), [&](const auto& entry) {
        return record[field] == entry.second;
      });
      const bool is_last = record[field] == values.rbegin()->second;
      if (is_deleted || is_last || (is_theirs && node_count_ > 2)) continue;
      throw Violation(key + ": of changes made at once that of " + field +
                      " is lost: " + base::to_json(record));
    }
  }

  /// Everybody reads what is there, changes the same field, and tells.
  void change_in_turn() {
    const std::string key = any_user();
    if (key.empty()) return;
    world_.say("world", "all change " + key + " in turn");
    std::string value;
    for (Node& node : nodes_) {
      world_.now += std::chrono::minutes{1};
      node.run_round();
      value = node.name() + " in turn";
      node.change_field(key, "role", value);
      node.run_round();
    }
    settle();
    check();
    const Json::Value record = records(nodes_.front()).at(key);
    if (record["role"] != value) throw Violation(key + ": the last change is lost, of the role");
  }

  /// The PUT of a change comes to nothing, or somebody saves an old page over it: the userbin that
  /// made the change sees to it that it is in the bin, of itself, in the time that its settings
  /// say.
  void change_in_trouble() {
    const std::string key = any_user();
    if (key.empty()) return;
    Node& node = any_node();
    std::map<std::string, std::string> old;
    for (const std::string& bin : service_.ids()) old[bin] = service_.text(bin);
    const std::size_t trouble = world_.dice.below(node.settings().exclusive ? 2 : 3);
    world_.say("world", "trouble with a change of " + key);
    if (trouble == 0) node.wire().next_put = Wire::Fate::kIsLost;
    if (trouble == 1) node.wire().next_put = Wire::Fate::kAnswerIsLost;
    const Json::Value record = node.change_field(key, "role", "in trouble");
    node.run_for(node.settings().delay + milliseconds{500});
    for (const auto& [bin, text] : old) {
      if (trouble == 2) service_.put(bin, text == "[]" ? "[{}]" : text);
    }
    node.run_for(node.settings().confirm + std::chrono::minutes{3});
    if (records_in_bins(service_)[key] != record) {
      throw Violation("the bin does not get what " + node.name() + " changed in trouble: " + key);
    }
    settle();
    check();
  }

  /// One who is not deleted; empty if there is none.
  std::string any_user() {
    std::vector<std::string> keys;
    for (const auto& [key, record] : records(nodes_.front())) {
      if (record["role"] != "deleted") keys.push_back(key);
    }
    return keys.empty() ? "" : world_.dice.pick(keys);
  }

  void let_deletions_expire() {
    std::map<std::string, std::string> old;
    for (const std::string& bin : service_.ids()) old[bin] = service_.text(bin);
    world_.say("world", "a month passes");
    world_.now += kLongerThanDeletionsAreKept;
    settle();
    witness_.forget_deletions();
    check();
    check_that_no_deletion_is_left();
    if (!has_editor_) return;
    world_.say("world", "old pages come back");
    for (const auto& [bin, text] : old) service_.put(bin, text == "[]" ? "[{}]" : text);
    settle();
    check_that_no_deletion_is_left();
  }

  void check_that_no_deletion_is_left() {
    for (const auto& [key, record] : check_that_all_agree(nodes_, service_)) {
      if (record["role"] == "deleted") throw Violation("the deletion of " + key + " is kept");
    }
  }

  World world_;
  const std::size_t node_count_;
  Service service_;
  Network network_;
  Witness witness_;
  FakeHashes hashes_;
  Editor editor_;
  Surroundings around_{world_, network_, witness_, hashes_, [this] { meanwhile(); }};
  std::list<Node> nodes_;
  bool has_editor_ = false;
  bool is_divided_ = false;
  bool is_meanwhile_ = false;
};

}  // namespace

void run_history(std::uint64_t seed, bool is_traced) {
  History(seed, is_traced).run();
}

}  // namespace userbin::simulation
