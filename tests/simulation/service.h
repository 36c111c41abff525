// JSONBin as the simulation needs it: documents, no conditions, no faults.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <json/value.h>

#include "jsonbin/transport.h"

namespace userbin::simulation {

/// An element of a list of users, looked at without src/jsonbin.
bool looks_like_a_user(const Json::Value& element);
/// The list in a document; nullptr if there is none.
const Json::Value* list_in(const Json::Value& document);
/// The elements that are no users, or are the second of a name; without `{}`.
std::vector<Json::Value> foreign_elements(const Json::Value& document);
/// The first of every name, in order.
std::vector<Json::Value> user_elements(const Json::Value& document);
/// Not what a person would take for a list of users.
bool is_suspicious(const Json::Value& document);

class Service {
 public:
  /// Lists of bins have `page_size` lines a page.
  explicit Service(std::size_t page_size) : page_size_(page_size) {}

  /// Carries a request out.
  jsonbin::HttpResponse answer(const jsonbin::HttpRequest& request);

  std::string add_bin(const std::string& text);
  std::vector<std::string> ids() const;
  const std::string& text(const std::string& id) const;
  /// All texts that the bin has had, today's last.
  const std::vector<std::string>& versions(const std::string& id) const;
  void put(const std::string& id, const std::string& text);
  /// How often anything was written.
  std::size_t writes() const { return writes_; }

 private:
  struct Bin {
    std::string id;
    std::vector<std::string> versions;
  };

  const Bin* find(const std::string& id) const;
  jsonbin::HttpResponse list(const std::string& path) const;

  const std::size_t page_size_;
  std::vector<Bin> bins_;
  std::size_t writes_ = 0;
};

}  // namespace userbin::simulation
