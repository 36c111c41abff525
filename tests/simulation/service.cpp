#include "simulation/service.h"

#include <algorithm>
#include <set>

#include "base/json.h"
#include "base/text.h"
#include "simulation/world.h"

namespace userbin::simulation {

namespace {

constexpr std::size_t kIdLength = 24;

std::string message(const std::string& text) {
  return R"({"message":")" + text + R"("})";
}

}  // namespace

bool looks_like_a_user(const Json::Value& element) {
  return element.isObject() && element["username"].isString() &&
         !element["username"].asString().empty() && element["password"].isString();
}

const Json::Value* list_in(const Json::Value& document) {
  if (document.isArray()) return &document;
  if (!document.isObject() || !document["users"].isArray()) return nullptr;
  return &document["users"];
}

std::vector<Json::Value> foreign_elements(const Json::Value& document) {
  std::vector<Json::Value> foreign;
  const Json::Value* list = list_in(document);
  if (list == nullptr) return foreign;
  std::set<std::string> names;
  for (const Json::Value& element : *list) {
    const bool is_user = looks_like_a_user(element) &&
                         names.insert(base::to_lower_ascii(element["username"].asString())).second;
    if (!is_user && !(element.isObject() && element.empty())) foreign.push_back(element);
  }
  return foreign;
}

std::vector<Json::Value> user_elements(const Json::Value& document) {
  std::vector<Json::Value> users;
  const Json::Value* list = list_in(document);
  if (list == nullptr) return users;
  std::set<std::string> names;
  for (const Json::Value& element : *list) {
    if (!looks_like_a_user(element)) continue;
    if (names.insert(base::to_lower_ascii(element["username"].asString())).second) {
      users.push_back(element);
    }
  }
  return users;
}

bool is_suspicious(const Json::Value& document) {
  const Json::Value* list = list_in(document);
  if (list == nullptr) return true;
  const bool says_empty = std::any_of(list->begin(), list->end(), [](const Json::Value& element) {
    return element.isObject() && element.empty();
  });
  return !says_empty && user_elements(document).empty() && !foreign_elements(document).empty();
}

jsonbin::HttpResponse Service::answer(const jsonbin::HttpRequest& request) {
  const std::string path = request.url.substr(request.url.find("/v3/") + 3);
  if (request.method == "GET" && path.starts_with("/c/")) return list(path);
  if (request.body == "[]" || request.body == "{}") {
    return {400, "", message("Bin cannot be blank")};
  }
  if (request.method == "POST") {
    const std::string id = add_bin(request.body);
    ++writes_;
    return {200, "", R"({"record":)" + request.body + R"(,"metadata":{"id":")" + id + R"("}})"};
  }
  const std::string id = path.substr(3, kIdLength);
  if (find(id) == nullptr) return {404, "", message("Bin not found")};
  if (request.method == "GET") return {200, "", text(id)};
  put(id, request.body);
  return {200, "", R"({"record":)" + request.body + R"(,"metadata":{}})"};
}

std::string Service::add_bin(const std::string& text) {
  std::string id = std::to_string(bins_.size() + 1);
  id.insert(0, kIdLength - id.size(), '0');
  bins_.push_back({id, {text}});
  return id;
}

std::vector<std::string> Service::ids() const {
  std::vector<std::string> ids;
  for (const Bin& bin : bins_) ids.push_back(bin.id);
  return ids;
}

const std::string& Service::text(const std::string& id) const {
  return versions(id).back();
}

const std::vector<std::string>& Service::versions(const std::string& id) const {
  return find(id)->versions;
}

void Service::put(const std::string& id, const std::string& text) {
  for (Bin& bin : bins_) {
    if (bin.id == id) bin.versions.push_back(text);
  }
  ++writes_;
}

const Service::Bin* Service::find(const std::string& id) const {
  const auto found = std::find_if(bins_.begin(), bins_.end(),
                                  [&](const Bin& candidate) { return candidate.id == id; });
  return found == bins_.end() ? nullptr : &*found;
}

jsonbin::HttpResponse Service::list(const std::string& path) const {
  const std::string last = path.substr(path.rfind('/') + 1);
  const Bin* after = find(last);
  auto at = after == nullptr ? bins_.begin() : bins_.begin() + (after - bins_.data()) + 1;
  Json::Value page(Json::arrayValue);
  for (; at != bins_.end() && page.size() < page_size_; ++at) {
    Json::Value line;
    line["record"] = at->id;
    line["private"] = true;
    page.append(line);
  }
  return {200, "", base::to_json(page)};
}

}  // namespace userbin::simulation
