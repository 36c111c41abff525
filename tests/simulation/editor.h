// A person with the bin's page open, who saves it when he gets round to it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <json/value.h>

#include "simulation/service.h"
#include "simulation/world.h"

namespace userbin::simulation {

class Editor {
 public:
  Editor(World& world, Service& service) : world_(world), service_(service) {}

  /// Opens a page, or saves one that is open, however old, or does worse.
  void act();
  /// Puts lists of users back where there are none.
  void make_good();

  /// A change of a list, and how to see that it has come true, given the records by key before and
  /// after and the bin's text after. Throws Violation if not.
  struct Edit {
    std::string what;
    std::string bin;
    Json::Value document;
    std::function<void(const std::map<std::string, Json::Value>& before,
                       const std::map<std::string, Json::Value>& after, const Json::Value& bin)>
        check;
  };
  /// Any edit of a bin as it is now.
  Edit careful_edit();
  void save(const Edit& edit);

 private:
  struct Page {
    std::string bin;
    std::string text;
  };

  void open();
  void save_a_page();
  void vandalise();
  void put_back(const std::string& bin);
  void edit_carelessly(Json::Value& list);
  void edit_element(Json::Value& element);
  void put(const std::string& bin, const std::string& text);

  World& world_;
  Service& service_;
  std::vector<Page> pages_;
  int number_ = 0;
};

}  // namespace userbin::simulation
