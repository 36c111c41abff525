#include <cstdio>
#include <iostream>
#include <map>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "app/bin_commands.h"
#include "app/bin_tools.h"
#include "app/command_audit.h"

namespace userbin::app {

namespace {

struct PullOptions {
  bool mirror = false;
  bool yes = false;
  bool dry_run = false;
};

constexpr int kAttempts = 5;

/// What makes the store hold what the bins hold, and nothing else.
std::vector<store::SyncChange> mirror_changes(const std::vector<jsonbin::BinCopy>& bins,
                                              const std::vector<store::SyncedUser>& users) {
  std::map<std::string, const store::SyncedUser*> left;
  for (const store::SyncedUser& user : users) left[user.user.key()] = &user;
  std::vector<store::SyncChange> changes;
  std::map<std::string, bool> seen;
  for (const jsonbin::BinCopy& bin : bins) {
    for (const auto& element : bin.document->elements()) {
      if (element.key.empty() || !seen.emplace(element.key, true).second) continue;
      const auto found = left.find(element.key);
      const store::SyncedUser* here = found == left.end() ? nullptr : found->second;
      const std::string stamp = jsonbin::stamp_of(element.value).text;
      store::SyncChange change{.key = element.key,
                               .revision = here != nullptr ? here->revision : 0};
      const bool is_same = here != nullptr && here->user.record() == element.value;
      if (!is_same) {
        change.record = element.value;
        change.ends_sessions = here != nullptr;
      }
      if (!bin.must_write) change.in_bin = change.revision + (is_same ? 0 : 1);
      change.notes = store::SyncNotes{.bin = bin.id,
                                      .common = stamp,
                                      .written = stamp,
                                      .merged = "",
                                      .versions = {element.value}};
      changes.push_back(std::move(change));
      if (here != nullptr) left.erase(found);
    }
  }
  for (const auto& [key, user] : left) {
    changes.push_back({.key = key, .revision = user->revision, .remove = true});
  }
  return changes;
}

bool is_agreed() {
  if (::isatty(STDIN_FILENO) == 0) {
    throw Failed("--mirror removes users; say --yes if that is meant, or --dry-run to look first");
  }
  std::printf("Do it? Type yes: ");
  std::fflush(stdout);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "yes";
}

int pull(const Settings& settings, const PullOptions& options) {
  OpenStore store(settings);
  OpenService service(settings, store);
  const auto bins = service.read_bins();
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto copies = bins;
    const auto users = store.rows().load();
    const std::size_t plain = hash_plain_texts(copies, settings, users, options.dry_run);
    jsonbin::Plan plan =
        make_plan(copies, users, {.max_bytes = settings.bin.sync.max_bytes}, store.clock().now());
    if (options.mirror) plan.changes = mirror_changes(copies, users);
    if (options.dry_run) std::printf("Nothing is changed by a dry run. Pull would take over:\n");
    if (print_changes(plan.changes) == 0) std::printf("nothing new\n");
    print_findings(plan.findings);
    if (plain > 0) {
      std::printf(
          "note     %zu passwords stand in the bin as plain text; the worker or 'userbin "
          "bin push' puts hashes there\n",
          plain);
    }
    if (options.dry_run) return 0;
    if (options.mirror && !options.yes && !is_agreed()) throw Failed("nothing was changed");
    const CommandAudit audit(settings);
    if (jsonbin::apply_pulled(store.rows(), plan.changes, audit.by())) return 0;
  }
  throw Failed("users change faster than they can be joined; try again");
}

}  // namespace

int bin_pull(std::span<char*> arguments) {
  PullOptions options;
  const auto declare = [&](CLI::App& app) {
    app.add_flag("--mirror", options.mirror,
                 "make the store equal to the bin: users who are not there are removed, changes "
                 "that are not there are lost");
    app.add_flag("--yes", options.yes, "do not ask before a --mirror");
    app.add_flag("--dry-run", options.dry_run,
                 "read the bin and say what would be done, but do nothing");
  };
  return run_bin_command(
      arguments, "pull",
      "Reads the bin and takes over what was edited there. Nothing is written to the bin: what it\n"
      "lacks is written by the worker, or by 'userbin bin push'.",
      declare, [&](const Settings& settings) {
        require_bin(settings);
        return pull(settings, options);
      });
}

}  // namespace userbin::app
