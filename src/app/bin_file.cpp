// 'userbin bin export' and 'import': the list as a file.
#include <cstdio>
#include <map>

#include <CLI/CLI.hpp>

#include "app/bin_commands.h"
#include "app/bin_tools.h"
#include "app/command_audit.h"
#include "app/files.h"
#include "base/json.h"

namespace userbin::app {

namespace {

constexpr const char* kImported = "the imported list";

int export_list(const Settings& settings, const std::string& path, bool dry_run) {
  OpenStore store(settings);
  Json::Value list(Json::arrayValue);
  for (const store::SyncedUser& user : store.rows().load()) list.append(user.user.record());
  if (dry_run) {
    std::printf("Nothing is written by a dry run. Export would write %u users to %s.\n",
                list.size(), path == kStandard ? "standard output" : path.c_str());
    return 0;
  }
  write_text(path, base::to_json(list) + "\n", IfExists::kReplace);
  if (path != kStandard) {
    std::fprintf(stderr, "%u users written to %s\n", list.size(), path.c_str());
  }
  return 0;
}

jsonbin::BinDocument read_document(const std::string& path) {
  const auto value = base::from_json(read_text(path));
  const std::string name = path == kStandard ? "standard input" : path;
  if (!value) throw Failed(name + " is not JSON; nothing was imported");
  auto parsed = jsonbin::BinDocument::parse(*value);
  if (std::holds_alternative<jsonbin::Refusal>(parsed)) {
    throw Failed(name +
                 " is no list of users ([{\"username\": ..., \"password\": ...}]); nothing "
                 "was imported");
  }
  return std::get<jsonbin::BinDocument>(std::move(parsed));
}

/// The records that the list brings; users who stay as they are have none.
std::vector<store::SyncChange> changes_by(const jsonbin::Merged& merged,
                                          const std::vector<store::SyncedUser>& users) {
  std::map<std::string, const store::SyncedUser*> before;
  for (const store::SyncedUser& user : users) before[user.user.key()] = &user;
  std::vector<store::SyncChange> changes;
  for (const auto& [key, joined] : merged.joined) {
    const auto found = before.find(key);
    const bool is_known = found != before.end();
    store::SyncChange change{.key = key, .revision = is_known ? found->second->revision : 0};
    if (joined.changed) change.record = joined.record;
    change.ends_sessions = joined.changed && is_known;
    change.set_aside = joined.set_aside;
    if (change.record || change.set_aside) changes.push_back(std::move(change));
  }
  return changes;
}

int import_list(const Settings& settings, const std::string& path, bool dry_run) {
  const jsonbin::BinDocument document = read_document(path);
  OpenStore store(settings, OpenStore::IfMissing::kMake);
  const auto users = store.rows().load();
  std::vector<jsonbin::BinCopy> copies{{.id = kImported, .document = document}};
  const std::size_t plain = hash_plain_texts(copies, settings, users, dry_run);
  std::map<std::string, jsonbin::KnownUser> known;
  for (const store::SyncedUser& user : users) {
    known[user.user.key()] = {.local = user.user.record(),
                              .versions = user.notes.versions,
                              .common = user.notes.common,
                              .written = user.notes.written};
  }
  const jsonbin::Merged merged = merge(*copies[0].document, known, store.clock().now());
  const auto changes = changes_by(merged, users);
  if (dry_run) std::printf("Nothing is changed by a dry run. Import would bring:\n");
  if (print_changes(changes) == 0) std::printf("nothing new\n");
  for (const jsonbin::Finding& finding : merged.findings) {
    print_findings({{.bin = "", .finding = finding}});
  }
  if (plain > 0) std::printf("hash     %zu passwords in plain text\n", plain);
  if (dry_run) return 0;
  const CommandAudit audit(settings);
  if (!store.rows().apply(changes)) {
    throw Failed("a user has changed meanwhile; nothing was imported, try again");
  }
  jsonbin::audit_pulled(changes, audit.by());
  return 0;
}

using FileCommand = int (*)(const Settings& settings, const std::string& path, bool dry_run);

int run_file_command(std::span<char*> arguments, const std::string& verb,
                     const std::string& description, FileCommand command) {
  std::string path = kStandard;
  bool dry_run = false;
  const auto declare = [&](CLI::App& app) {
    app.add_option("file", path, "a file, or - for a pipe")->capture_default_str();
    app.add_flag("--dry-run", dry_run, "say what would be done, but do nothing");
  };
  return run_bin_command(arguments, verb, description, declare, [&](const Settings& settings) {
    return command(settings, path, dry_run);
  });
}

}  // namespace

int bin_export(std::span<char*> arguments) {
  return run_file_command(arguments, "export",
                          "Writes the list of the store as the JSON array that a bin holds, with "
                          "the hashes of the\npasswords and with what remains of deleted users. "
                          "('userbin export' writes other formats, and\nusers only.)",
                          export_list);
}

int bin_import(std::span<char*> arguments) {
  return run_file_command(
      arguments, "import",
      "Joins a JSON array of users, as a bin holds it, into the store, by the rules by which the\n"
      "bin is joined: new users come in, an edit of a known version is made, nobody is removed.\n"
      "Passwords in plain text are hashed. The worker writes the result to the bin. ('userbin "
      "import'\nreads other formats, checks every hash, and joins nothing: it skips or replaces.)",
      import_list);
}

}  // namespace userbin::app
