#include "app/moving.h"

#include <limits>

#include <CLI/CLI.hpp>

namespace userbin::app {

void declare_format(CLI::App& app, std::string& format) {
  app.add_option("--format", format, "htpasswd, json or csv")
      ->required()
      ->check(CLI::IsMember({"htpasswd", "json", "csv"}));
}

FileFormat file_format(const std::string& name) {
  if (name == "htpasswd") return FileFormat::kHtpasswd;
  return name == "json" ? FileFormat::kJson : FileFormat::kCsv;
}

std::vector<store::StoredUser> all_users(store::UserStore& users) {
  return users.list("", std::numeric_limits<int>::max());
}

}  // namespace userbin::app
