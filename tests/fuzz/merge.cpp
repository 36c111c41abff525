// The merge: a history of what an owner or another server writes into two bins, line by line, with
// the user list of this server in between. "= [...]" adds users here, "a ..." and "b ..." write a
// bin, and "+" lets more bins be made. After each line the bins are synchronised.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/json.h"
#include "jsonbin/client.h"
#include "jsonbin/plan.h"
#include "support/fake_clock.h"
#include "support/fake_service.h"
#include "support/fake_sync_store.h"
#include "support/plans.h"

using namespace userbin;

namespace {

/// A history may not be longer: more of it shows nothing new, slowly.
constexpr std::size_t kMaxLines = 12;
constexpr std::size_t kMaxBytes = 1000;

void must(bool holds) {
  if (!holds) std::abort();
}

bool is_user(const Json::Value& element) {
  return element.isObject() && element["username"].isString() && element["password"].isString() &&
         element["username"] != "";
}

/// What a document holds that is none of our business.
std::vector<std::string> strangers_in(const Json::Value& document) {
  std::vector<std::string> strangers;
  for (const Json::Value& element : document.isArray() ? document : document["users"]) {
    if (!is_user(element) && element != Json::objectValue) {
      strangers.push_back(base::to_json(element));
    }
  }
  if (document.isObject()) {
    for (const std::string& name : document.getMemberNames()) {
      if (name != "users") strangers.push_back(name + base::to_json(document[name]));
    }
  }
  return strangers;
}

class History {
 public:
  void add_line(const std::string& line) {
    clock_.advance(std::chrono::minutes{1});
    if (line.starts_with('+')) rules_.may_create = true;
    if (line.size() < 2 || line[1] != ' ') return;
    const std::string text = line.substr(2);
    if (line[0] == '=') add_users(text);
    if (line[0] == 'a' || line[0] == 'b') write_bin(line.substr(0, 1), text);
    synchronise();
  }

 private:
  void add_users(const std::string& text) {
    service_.put("typed", text);
    const auto list = client_.read_latest("typed");
    if (!list || !list.value().isArray()) return;
    for (const Json::Value& record : list.value()) {
      if (is_user(record)) store_.insert(store::User(record));
    }
  }

  void write_bin(const std::string& id, const std::string& text) {
    service_.put(id, text);
    if (std::find(ids_.begin(), ids_.end(), id) == ids_.end()) ids_.push_back(id);
  }

  /// nullopt: one of them is not believed, so nothing is done to any.
  std::optional<std::vector<jsonbin::BinCopy>> read_bins() {
    std::vector<jsonbin::BinCopy> bins;
    for (const std::string& id : ids_) {
      const auto document = client_.read_latest(id);
      if (!document) return std::nullopt;
      auto parsed = jsonbin::BinDocument::parse(document.value());
      if (std::holds_alternative<jsonbin::Refusal>(parsed)) return std::nullopt;
      bins.push_back({.id = id, .document = std::get<jsonbin::BinDocument>(std::move(parsed))});
    }
    return bins;
  }

  jsonbin::Plan plan(const std::vector<jsonbin::BinCopy>& bins) {
    return jsonbin::make_plan(bins, store_.load(), rules_, clock_.now());
  }

  void carry_out(const jsonbin::Plan& plan) {
    must(store_.apply(plan.changes));
    for (const jsonbin::BinWrite& write : plan.writes) {
      if (!write.bin.empty()) {
        must(strangers_in(write.document) == strangers_in(service_.json(write.bin)));
      }
      const std::string id = write.bin.empty() ? "c" + std::to_string(ids_.size()) : write.bin;
      write_bin(id, jsonbin::wire_form(write.document));
      std::vector<store::SyncChange> arrived = write.on_arrival;
      for (store::SyncChange& change : arrived) change.notes->bin = id;
      must(store_.apply(arrived));
    }
  }

  void synchronise() {
    const auto before = read_bins();
    if (!before || before->empty()) return;
    carry_out(plan(*before));
    // What we have written is a list of users, and there is nothing left to say about it.
    const auto after = read_bins();
    must(after.has_value());
    const jsonbin::Plan rest = plan(*after);
    must(rest.writes.empty());
    for (const store::SyncChange& change : rest.changes) must(!change.record && !change.remove);
    must(store_.apply(rest.changes));
    check_all_are_there(*after, rest.no_room);
  }

  /// Everybody stands in one bin, once, as he is known here, but for those who find no room.
  void check_all_are_there(const std::vector<jsonbin::BinCopy>& bins,
                           const std::vector<std::string>& no_room) {
    std::multimap<std::string, std::string> found;
    for (const jsonbin::BinCopy& bin : bins) {
      for (const auto& element : bin.document->elements()) {
        if (!element.key.empty()) found.emplace(element.key, base::to_json(element.value));
      }
    }
    std::multimap<std::string, std::string> known;
    for (const store::SyncedUser& user : store_.load()) {
      const std::string key = user.user.key();
      const bool is_out = std::find(no_room.begin(), no_room.end(), key) != no_room.end();
      if (!is_out) known.emplace(key, base::to_json(user.user.record()));
    }
    must(found == known);
  }

  test::FakeClock clock_{test::kNow};
  test::FakeService service_;
  jsonbin::Client client_{service_, clock_, {.key = base::SecretString("key")}};
  test::FakeSyncStore store_;
  std::vector<std::string> ids_;
  jsonbin::PlanRules rules_{.max_bytes = kMaxBytes};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  History history;
  std::istringstream lines(std::string(reinterpret_cast<const char*>(data), size));
  std::string line;
  for (std::size_t i = 0; i < kMaxLines && std::getline(lines, line); ++i) history.add_line(line);
  return 0;
}
