// 'userbin export': the users as other programs keep them.
#include <cstdio>
#include <filesystem>
#include <limits>

#include <CLI/CLI.hpp>

#include "app/bin_tools.h"
#include "app/commands.h"
#include "app/files.h"
#include "app/moving.h"

namespace userbin::app {

namespace {

struct ExportOptions {
  std::string format;
  std::string path = kStandard;
  bool force = false;
};

int export_list(const Settings& settings, const ExportOptions& options) {
  const IfExists if_exists = options.force ? IfExists::kReplace : IfExists::kFail;
  OpenStore store(settings);
  const WrittenFile file = write_users(all_users(store.users()), file_format(options.format));
  write_text(options.path, file.text, if_exists);
  for (const std::string& sentence : file.left_out) {
    std::fprintf(stderr, "%s\n", sentence.c_str());
  }
  std::fprintf(stderr, "%s written to %s\n", counted_users(file.users).c_str(),
               options.path == kStandard ? "standard output" : options.path.c_str());
  return 0;
}

}  // namespace

int export_users(std::span<char*> arguments) {
  ExportOptions options;
  const auto declare = [&](CLI::App& app) {
    declare_format(app, options.format);
    app.add_option("file", options.path, "a file, or - for a pipe")->capture_default_str();
    app.add_flag("--force", options.force, "replace a file that is there already");
  };
  return run_store_command(
      arguments, "userbin export",
      "Writes the users, without deleted ones, in the order of their names. A file appears whole "
      "or\nnot at all, and is for the eyes of the user who runs this: there are hashes in it.\n"
      "  htpasswd  those who can log in with it by Apache and nginx; it says how many cannot\n"
      "  json      everything\n"
      "  csv       all fields that are texts\n"
      "Both json and csv are taken back by 'userbin import'. What a bin would hold, deletions\n"
      "included, is written by 'userbin bin export'.\n"
      "Exit status: 0 done; 1 failed; 2 wrong usage or setting.",
      declare, [&](const Settings& settings) { return export_list(settings, options); });
}

}  // namespace userbin::app
