// The owner's command line on a site.
#pragma once

#include "support/site_with_bin.h"

namespace userbin::test {

/// `userbin ARGUMENTS`, on the store of a site, as it is typed.
inline std::vector<std::string> owner_command(const Site& site,
                                              std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), userbin_program());
  arguments.push_back("--store=" + site.store());
  arguments.insert(arguments.end(), kCheapHashing.begin(), kCheapHashing.end());
  return arguments;
}

inline Finished run_owner(const Site& site, const std::vector<std::string>& arguments,
                          const std::string& input = "") {
  return run_command(owner_command(site, arguments), input);
}

/// What a command with --json prints.
inline Json::Value ask_owner(const Site& site, std::vector<std::string> arguments) {
  arguments.emplace_back("--json");
  return SiteWithBin::json_in(run_owner(site, arguments).output);
}

}  // namespace userbin::test
