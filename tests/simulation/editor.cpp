#include "simulation/editor.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "simulation/node.h"

namespace userbin::simulation {

namespace {

using Records = std::map<std::string, Json::Value>;

const std::vector<std::string> kForeign{
    R"("a text")", "7", R"({"comment":"keep me"})", "null", R"({"username":"","password":"x"})",
    R"([1,2])"};
const std::vector<std::string> kNoLists{R"({"message":"hello"})", R"({"users":{}})", R"([1,2,3])",
                                        R"([{"name":"x"}])"};

Json::Value& list_of(Json::Value& document) {
  return document.isArray() ? document : document["users"];
}

Json::Value without(const Json::Value& list, std::size_t index) {
  Json::Value shorter(Json::arrayValue);
  for (Json::ArrayIndex i = 0; i < list.size(); ++i) {
    if (i != index) shorter.append(list[i]);
  }
  return shorter;
}

std::string key_of(const Json::Value& element) {
  return base::to_lower_ascii(element["username"].asString());
}

void expect(bool is_so, const std::string& what, const Json::Value& record) {
  if (!is_so) throw Violation("by hand: " + what + " came to nothing: " + base::to_json(record));
}

void expect_others_unchanged(const Records& before, const Records& after, const std::string& key) {
  for (const auto& [name, record] : before) {
    if (name == key) continue;
    const auto now = after.find(name);
    const bool is_same = now != after.end() && now->second == record;
    if (!is_same) throw Violation("by hand: " + name + " was not touched and is not as before");
  }
}

}  // namespace

void Editor::act() {
  Dice& dice = world_.dice;
  if (dice.one_in(25)) return vandalise();
  if (pages_.size() < 2 && dice.one_in(2)) return open();
  if (!pages_.empty()) save_a_page();
}

void Editor::open() {
  const std::string bin = world_.dice.pick(service_.ids());
  const auto document = base::from_json(service_.text(bin));
  if (!document || is_suspicious(*document)) return put_back(bin);
  pages_.push_back({bin, service_.text(bin)});
}

void Editor::save_a_page() {
  const std::size_t index = world_.dice.below(pages_.size());
  const Page page = pages_[index];
  pages_.erase(pages_.begin() + static_cast<std::ptrdiff_t>(index));
  Json::Value document = *base::from_json(page.text);
  for (std::size_t edits = 1 + world_.dice.below(3); edits > 0; --edits) {
    edit_carelessly(list_of(document));
  }
  if (list_of(document).empty()) list_of(document).append(Json::Value(Json::objectValue));
  if (is_suspicious(document)) return;
  put(page.bin, base::to_json(document));
}

void Editor::vandalise() {
  const std::string bin = world_.dice.pick(service_.ids());
  put(bin, world_.dice.pick(kNoLists));
}

/// As userbin's alarm says: an older version, or the empty list.
void Editor::put_back(const std::string& bin) {
  const std::string old = world_.dice.pick(service_.versions(bin));
  const auto document = base::from_json(old);
  put(bin, document && !is_suspicious(*document) ? old : "[{}]");
}

void Editor::make_good() {
  for (const std::string& bin : service_.ids()) {
    const auto document = base::from_json(service_.text(bin));
    if (!document || is_suspicious(*document)) put_back(bin);
  }
}

void Editor::edit_carelessly(Json::Value& list) {
  Dice& dice = world_.dice;
  const std::size_t index = list.empty() ? 0 : dice.below(list.size());
  Json::Value& element = list.empty() ? list.append(Json::Value(Json::objectValue))
                                      : list[static_cast<Json::ArrayIndex>(index)];
  switch (dice.below(14)) {
    case 0: list = without(list, index); break;
    case 1: list.append(Json::Value(element)); break;
    case 2: std::swap(element, list[0]); break;
    case 3: list.append(*base::from_json(dice.pick(kForeign))); break;
    case 4: list.clear(); break;
    case 5: {
      Json::Value user;
      user["username"] = dice.one_in(2) ? dice.pick(kNames) : "guest" + std::to_string(++number_);
      user["password"] = "typed" + std::to_string(dice.below(4));
      list.append(user);
      break;
    }
    case 6:
      if (!looks_like_a_user(element)) break;
      list.append(Json::Value(element));
      list[list.size() - 1]["username"] = "copy" + std::to_string(++number_);
      break;
    default: edit_element(element);
  }
}

void Editor::edit_element(Json::Value& element) {
  if (!looks_like_a_user(element)) return;
  Dice& dice = world_.dice;
  const std::string word = std::to_string(dice.below(6));
  switch (dice.below(10)) {
    case 0:
    case 1: element["role"] = "hand" + word; break;
    case 2: element["disabled"] = dice.one_in(2); break;
    case 3:
    case 4: element["password"] = "typed" + word; break;
    case 5: element["note"] = "hand" + word; break;
    case 6: element.removeMember("note"); break;
    case 7: element["role"] = "deleted"; break;
    case 8: element.removeMember("updated_at"); break;
    default: element["role"] = "user"; break;
  }
}

void Editor::put(const std::string& bin, const std::string& text) {
  world_.say("editor", "saves " + bin + "\n    " + text);
  service_.put(bin, text);
}

void Editor::save(const Edit& edit) {
  world_.say("editor", edit.what);
  put(edit.bin, base::to_json(edit.document));
}

Editor::Edit Editor::careful_edit() {
  Dice& dice = world_.dice;
  Edit edit{.bin = dice.pick(service_.ids())};
  edit.document = *base::from_json(service_.text(edit.bin));
  Json::Value& list = list_of(edit.document);
  const auto users = user_elements(edit.document);
  const std::string word = std::to_string(++number_);
  std::size_t kind = users.empty() ? dice.below(3) : dice.below(9);
  if (kind == 0) {
    edit.what = "a new user";
    Json::Value user;
    user["username"] = "New" + word;
    user["password"] = "typed" + word;
    user["role"] = "role" + word;
    list.append(user);
    edit.check = [user, word](const Records& before, const Records& after, const Json::Value&) {
      const auto found = after.find(key_of(user));
      expect(found != after.end(), "a new user", user);
      const Json::Value& now = found->second;
      expect(now["role"] == user["role"], "the role", now);
      expect(FakeHashes::fits(now["password"].asString(), "typed" + word), "the password", now);
      expect_others_unchanged(before, after, found->first);
    };
    return edit;
  }
  if (kind == 1) {
    edit.what = "elements that are no users, and another order";
    const auto strangers = foreign_elements(edit.document);
    const bool has_duplicates = std::any_of(strangers.begin(), strangers.end(), looks_like_a_user);
    for (const std::string& text : kForeign) list.append(*base::from_json(text));
    // (Of two elements of one name the first counts, so those stay where they are.)
    if (!has_duplicates) std::swap(list[0], list[list.size() - 1]);
    if (!users.empty()) list.append(users[0]);
    const auto foreign = foreign_elements(edit.document);
    edit.check = [foreign](const Records& before, const Records& after, const Json::Value& bin) {
      expect(foreign_elements(bin) == foreign, "what is no user", bin);
      expect_others_unchanged(before, after, "");
    };
    return edit;
  }
  if (kind == 2) {
    edit.what = "an empty list";
    list.clear();
    if (edit.document.isArray()) list.append(Json::Value(Json::objectValue));
    edit.check = [](const Records& before, const Records& after, const Json::Value&) {
      expect_others_unchanged(before, after, "");
    };
    return edit;
  }
  const Json::Value user = dice.pick(users);
  const std::string key = key_of(user);
  const auto strangers = foreign_elements(edit.document);
  const bool has_double = std::any_of(strangers.begin(), strangers.end(), [&](const auto& other) {
    return looks_like_a_user(other) && key_of(other) == key;
  });
  if (has_double && kind == 8) kind = 7;  // else his double is taken for him
  Json::Value edited = user;
  switch (kind) {
    case 3:
      edit.what = "a role of " + key;
      edited["role"] = "by hand " + word;
      break;
    case 4:
      edit.what = "a password of " + key;
      edited["password"] = "secret" + word;
      break;
    case 5:
      edit.what = "disables " + key;
      edited["disabled"] = "since " + word;
      break;
    case 6:
      edit.what = "deletes " + key;
      edited["role"] = "deleted";
      break;
    case 7:
      edit.what = "a note without a stamp for " + key;
      edited["note"] = "by hand " + word;
      edited.removeMember("updated_at");
      break;
    default: edit.what = "takes away " + key;
  }
  Json::Value changed(Json::arrayValue);
  for (const Json::Value& element : list) {
    if (element != user)
      changed.append(element);
    else if (kind < 8)
      changed.append(edited);
  }
  list = changed;
  if (list.empty() && edit.document.isArray()) list.append(Json::Value(Json::objectValue));
  const bool is_removal = kind == 8;
  edit.check = [=](const Records& before, const Records& after, const Json::Value&) {
    const bool is_nothing = is_removal || user["role"] == "deleted";
    expect_others_unchanged(before, after, is_nothing ? "" : key);
    if (is_nothing) return;
    const Json::Value& now = after.at(key);
    expect(now["updated_at"].asString() > user["updated_at"].asString(), "a new stamp", now);
    expect(now["role"] == edited["role"], "the role", now);
    if (edited["role"] == "deleted") return expect(now["password"] == "!", "the deletion", now);
    const std::string password = edited["password"].asString();
    expect(now["password"] == edited["password"] ||
               FakeHashes::fits(now["password"].asString(), password),
           "the password", now);
    for (const char* field : {"disabled", "note"}) {
      expect(now[field] == edited[field], std::string("the ") + field, now);
    }
  };
  return edit;
}

}  // namespace userbin::simulation
