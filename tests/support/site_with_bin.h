#pragma once

#include <set>
#include <string>
#include <vector>

#include "support/emulator.h"
#include "support/site.h"

namespace userbin::test {

/// The flags that tell a worker, or a command, of a bin.
inline std::vector<std::string> bin_flags(const Emulator& service, const std::string& id) {
  return {"--bin-id=" + id, "--jsonbin-url=" + service.url(),
          "--jsonbin-key-file=" + service.key_file()};
}

/// A new collection; its id.
inline std::string create_collection(const Emulator& service, const std::string& name) {
  HttpClient client(service.url());
  return client
      .post_json("/c", "", {"X-Master-Key: " + service.key(), "X-Collection-Name: " + name})
      .json()["record"]
      .asString();
}

/// The bins of a collection, of which there are at most ten.
inline std::vector<std::string> bins_of(const Emulator& service, const std::string& collection) {
  HttpClient client(service.url());
  std::vector<std::string> ids;
  for (const Json::Value& bin :
       client.get("/c/" + collection + "/bins", {"X-Master-Key: " + service.key()}).json()) {
    ids.push_back(bin["record"].asString());
  }
  return ids;
}

inline Site::Options options_with(std::vector<std::string> flags,
                                  const std::vector<std::string>& more = {}) {
  flags.insert(flags.end(), kCheapHashing.begin(), kCheapHashing.end());
  flags.insert(flags.end(), more.begin(), more.end());
  Site::Options options;
  options.worker_flags = std::move(flags);
  return options;
}

/// A site whose worker follows one bin of an emulated service.
struct SiteWithBin {
  Emulator service;
  std::string id;
  Site site;

  explicit SiteWithBin(const std::string& document = "[{}]",
                       const std::vector<std::string>& more_flags = {})
      : id(service.create_bin(document)), site(options_with(bin_flags(service, id), more_flags)) {}

  /// 'userbin bin ARGUMENTS' on the site's store.
  Finished command(std::vector<std::string> arguments, const std::string& input = "") const {
    std::vector<std::string> command = {userbin_program(), "bin"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    command.push_back("--store=" + site.store());
    for (const auto& flags : {bin_flags(service, id), kCheapHashing}) {
      command.insert(command.end(), flags.begin(), flags.end());
    }
    return run_command(command, input);
  }

  Json::Value status() const { return json_in(command({"status", "--json"}).output); }
  Json::Value document() const { return json_in(service.bin(id)); }

  /// The user of this name in the bin; null if there is none.
  Json::Value user(const std::string& name) const {
    for (const Json::Value& element : document()) {
      if (element.isObject() && element["username"] == name) return element;
    }
    return {};
  }

  void wait_until_in_step() const {
    wait_until("the bin holds the list", [&] {
      const Json::Value now = status();
      return now["pending"] == 0 && now["last_success"].isString();
    });
  }

  static Json::Value json_in(const std::string& text) {
    Answer answer;
    answer.body = text;
    return answer.json();
  }
};

/// The names of the users in a document.
inline std::set<std::string> names_in(const Json::Value& document) {
  std::set<std::string> names;
  for (const Json::Value& element : document) {
    if (element.isObject() && element.isMember("username")) {
      names.insert(element["username"].asString());
    }
  }
  return names;
}

}  // namespace userbin::test
