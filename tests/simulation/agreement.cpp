#include "simulation/agreement.h"

#include "base/json.h"

namespace userbin::simulation {

namespace {

void check_same(const Records& first, const Records& other, const std::string& who) {
  for (const Records* side : {&first, &other}) {
    for (const auto& entry : *side) {
      const std::string& key = entry.first;
      const auto here = first.find(key);
      const auto there = other.find(key);
      if (here == first.end() || there == other.end()) {
        throw Violation(key + " is not both in node0 and in " + who);
      }
      if (here->second != there->second) {
        throw Violation(key + ": node0 has " + base::to_json(here->second) + ", " + who + " has " +
                        base::to_json(there->second));
      }
    }
  }
}

}  // namespace

Records records(Node& node) {
  Records records;
  for (const store::SyncedUser& user : node.store().load()) {
    records[user.user.key()] = user.user.record();
  }
  return records;
}

Records records_in_bins(const Service& service) {
  Records records;
  for (const std::string& bin : service.ids()) {
    for (const Json::Value& user : user_elements(*base::from_json(service.text(bin)))) {
      const std::string key = store::user_key(user["username"].asString());
      if (!records.emplace(key, user).second) throw Violation(key + " is in two bins");
    }
  }
  return records;
}

Records check_that_all_agree(std::list<Node>& nodes, const Service& service) {
  Records first = records(nodes.front());
  for (Node& node : nodes) {
    check_same(first, records(node), node.name());
    if (node.store().count_pending() > 0) throw Violation(node.name() + " has pending changes");
    if (const auto& problem = node.status().problem) {
      throw Violation(node.name() + " is not well: " + problem->sentence);
    }
  }
  check_same(first, records_in_bins(service), "the bin");
  return first;
}

void check_passwords(const Records& records) {
  for (const auto& [key, record] : records) {
    const std::string password = record["password"].asString();
    if (password != "!" && !FakeHashes::is_hash(password)) {
      throw Violation("the password of " + key + " stands there as plain text: " + password);
    }
  }
}

void check_sessions(Node& node) {
  const Records users = records(node);
  for (const auto& [key, hash] : node.store().sessions()) {
    const auto user = users.find(key);
    const bool is_good = user != users.end() && user->second["password"] == hash &&
                         !store::User(user->second).deleted() &&
                         !store::User(user->second).disabled();
    if (!is_good) throw Violation(key + " still has a session on " + node.name());
  }
}

}  // namespace userbin::simulation
