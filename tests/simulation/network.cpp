#include "simulation/network.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/json.h"
#include "base/text.h"

namespace userbin::simulation {

namespace {

using jsonbin::Away;
using jsonbin::HttpRequest;
using jsonbin::HttpResponse;
using jsonbin::HttpResult;

/// "/b/ID", also of ".../latest".
std::string bin_of(const HttpRequest& request) {
  constexpr std::size_t kBinPath = 3 + 24;
  return request.url.substr(request.url.find("/v3/") + 3, kBinPath);
}

std::string with_others(const Json::Value& document) {
  if (document.isArray()) return "[]";
  Json::Value around = document;
  around.removeMember("users");
  return base::to_json(around);
}

std::string key_of(const Json::Value& user) {
  return base::to_lower_ascii(user["username"].asString());
}

/// All but the second elements of users who go with this write.
std::vector<Json::Value> foreign_to_keep(const Json::Value& before, const Json::Value& after) {
  std::set<std::string> gone;
  for (const Json::Value& user : user_elements(before)) gone.insert(key_of(user));
  for (const Json::Value& user : user_elements(after)) gone.erase(key_of(user));
  std::vector<Json::Value> foreign = foreign_elements(before);
  std::erase_if(foreign, [&](const Json::Value& element) {
    return looks_like_a_user(element) && gone.contains(key_of(element));
  });
  return foreign;
}

}  // namespace

void Network::deliver_one() {
  if (late_.empty()) return;
  world_.say("network", "a late " + late_.front().method + " arrives");
  service_.answer(late_.front());
  late_.pop_front();
}

void Network::deliver_all() {
  while (!late_.empty()) deliver_one();
}

HttpResult Wire::send(const HttpRequest& request) {
  World& world = network_.world();
  if (request.method == "PUT") check_write(request);
  hooks_.maybe_crash();
  hooks_.meanwhile();
  const HttpResult result = carry(request);
  if (world.is_traced) {
    const auto* response = std::get_if<HttpResponse>(&result);
    world.say(name_,
              request.method + " " + request.url.substr(request.url.find("/v3/") + 3) +
                  (request.body.empty() ? "" : "\n    " + request.body) + "\n    -> " +
                  (response == nullptr ? "away: " + std::get<Away>(result).reason
                                       : std::to_string(response->status) + " " +
                                             (request.method == "GET" ? response->body : "")));
  }
  hooks_.meanwhile();
  hooks_.maybe_crash();
  note(request, result);
  return result;
}

HttpResult Wire::carry(const HttpRequest& request) {
  Dice& dice = network_.world().dice;
  const Fate fate =
      request.method == "PUT" ? std::exchange(next_put, Fate::kArrives) : Fate::kArrives;
  if (fate == Fate::kIsLost) return Away{.reason = "lost", .may_have_arrived = true};
  if (fate == Fate::kAnswerIsLost) {
    network_.service().answer(request);
    return Away{.reason = "the answer is lost", .may_have_arrived = true};
  }
  if (!network_.world().is_faulty || dice.percent(75)) return network_.service().answer(request);
  const bool is_read = request.method == "GET";
  switch (dice.below(4)) {
    case 0:
      if (is_read) return read_old(request);
      network_.service().answer(request);
      return Away{.reason = "the answer is lost", .may_have_arrived = true};
    case 1:
      if (!is_read) network_.delay(request);
      return Away{.reason = "too slow", .may_have_arrived = true};
    case 2:
      if (is_read) return network_.service().answer(request);
      network_.service().answer(request);
      return HttpResponse{502, "", "<html>Bad gateway</html>"};
    default: return fail_before(request);
  }
}

HttpResult Wire::fail_before(const HttpRequest&) {
  switch (network_.world().dice.below(7)) {
    case 0: return Away{.reason = "no connection"};
    case 1: return Away{.reason = "lost on the way", .may_have_arrived = true};
    case 2: return HttpResponse{429, "3", "<html>Slow down</html>"};
    case 3: return HttpResponse{500, "", "<html>Sorry</html>"};
    case 4: return HttpResponse{403, "", "error code: 1010"};
    case 5: return HttpResponse{403, "", R"({"message":"Requests exhausted. Buy additional"})"};
    default: return HttpResponse{200, "", "<html>We will be back soon</html>"};
  }
}

/// An earlier version, from somewhere on the way. (Of a list of bins: a list that is not whole
/// would be a lie that nobody can see through, so it is today's.)
HttpResponse Wire::read_old(const HttpRequest& request) {
  const std::string path = bin_of(request);
  HttpResponse response = network_.service().answer(request);
  if (!path.starts_with("/b/") || response.status != 200) return response;
  const auto& versions = network_.service().versions(path.substr(3));
  const std::size_t back = network_.world().dice.below(std::min<std::size_t>(versions.size(), 4));
  response.body = versions[versions.size() - 1 - back];
  return response;
}

/// What was not understood is kept, what was not believed is not overwritten.
void Wire::check_write(const HttpRequest& request) const {
  const auto read = read_.find(bin_of(request));
  if (read == read_.end()) throw Violation(name_ + " writes a bin that it did not read");
  const auto before = base::from_json(read->second);
  const auto after = base::from_json(request.body);
  if (!before || is_suspicious(*before)) {
    throw Violation(name_ + " overwrites what is no list of users: " + read->second);
  }
  if (!after || list_in(*after) == nullptr) {
    throw Violation(name_ + " writes what is no list: " + request.body);
  }
  if (before->isArray() != after->isArray() || with_others(*before) != with_others(*after)) {
    throw Violation(name_ + " changes the document around the list: " + request.body);
  }
  if (is_suspicious(*after)) throw Violation(name_ + " writes no list of users: " + request.body);
  if (foreign_to_keep(*before, *after) != foreign_elements(*after)) {
    throw Violation(name_ + " changes elements that are no users: " + request.body);
  }
  std::vector<std::string> order;
  for (const Json::Value& user : user_elements(*after)) order.push_back(key_of(user));
  auto at = order.begin();
  for (const Json::Value& user : user_elements(*before)) {
    const auto found = std::find(order.begin(), order.end(), key_of(user));
    if (found == order.end()) continue;  // he expired, or lives in another bin
    if (found < at) throw Violation(name_ + " changes the order of users: " + request.body);
    at = found;
  }
}

void Wire::note(const HttpRequest& request, const HttpResult& result) {
  const auto* response = std::get_if<HttpResponse>(&result);
  if (response == nullptr || response->status != 200) return;
  if (request.method == "GET") read_[bin_of(request)] = response->body;
  if (request.method == "PUT" && is_exclusive) read_[bin_of(request)] = request.body;
}

}  // namespace userbin::simulation
