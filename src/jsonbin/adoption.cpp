#include "jsonbin/adoption.h"

#include <algorithm>

namespace userbin::jsonbin {

namespace {

constexpr const char* kPassword = "password";
constexpr const char* kNoPassword = "!";

}  // namespace

std::vector<std::size_t> Adoption::plain_texts(const BinDocument& document) const {
  std::vector<std::size_t> found;
  const auto& elements = document.elements();
  for (std::size_t i = 0; i < elements.size(); ++i) {
    if (elements[i].key.empty()) continue;
    const std::string password = elements[i].value[kPassword].asString();
    if (password != kNoPassword && !passwords_.is_hash(password)) found.push_back(i);
  }
  return found;
}

void Adoption::learn(const std::vector<store::SyncedUser>& users) {
  hashes_.clear();
  for (const store::SyncedUser& user : users) {
    auto& hashes = hashes_[user.user.key()];
    hashes.push_back(user.user.password_hash());
    for (auto at = user.notes.versions.rbegin(); at != user.notes.versions.rend(); ++at) {
      const std::string hash = (*at)[kPassword].asString();
      if (std::find(hashes.begin(), hashes.end(), hash) == hashes.end()) hashes.push_back(hash);
    }
  }
}

void Adoption::hash(BinDocument& document, std::size_t element) const {
  const BinDocument::Element& found = document.elements()[element];
  Json::Value value = found.value;
  const base::SecretString password(value[kPassword].asString());
  const auto known = hashes_.find(found.key);
  if (known != hashes_.end()) {
    for (const std::string& hash : known->second) {
      if (!passwords_.is_hash(hash) || !passwords_.verify(hash, password)) continue;
      value[kPassword] = hash;
      return document.replace_element(element, std::move(value));
    }
  }
  value[kPassword] = passwords_.hash(password);
  document.replace_element(element, std::move(value));
}

}  // namespace userbin::jsonbin
