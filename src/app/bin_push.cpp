#include <cstdio>
#include <thread>

#include <CLI/CLI.hpp>

#include "app/bin_commands.h"
#include "app/bin_tools.h"
#include "app/command_audit.h"

namespace userbin::app {

namespace {

int show(const Settings& settings, OpenStore& store) {
  OpenService service(settings, store);
  auto bins = service.read_bins();
  const auto users = store.rows().load();
  const std::size_t plain = hash_plain_texts(bins, settings, users, true);
  const jsonbin::Plan plan = make_plan(bins, users,
                                       {.max_bytes = settings.bin.sync.max_bytes,
                                        .may_create = !settings.bin.sync.collection_id.empty()},
                                       store.clock().now());
  std::printf("Nothing is changed by a dry run. Push would take over from the bin:\n");
  if (print_changes(plan.changes) == 0) std::printf("nothing\n");
  if (plain > 0) std::printf("hash     %zu passwords that stand there as plain text\n", plain);
  print_findings(plan.findings);
  std::printf("and write:\n");
  for (const jsonbin::BinWrite& write : plan.writes) {
    const std::size_t bytes = jsonbin::wire_form(write.document).size();
    const std::string where = write.bin.empty() ? "a new bin" : "bin " + write.bin;
    std::printf("write    %s: %zu bytes, %zu users added or changed\n", where.c_str(), bytes,
                write.on_arrival.size());
  }
  if (plan.writes.empty()) std::printf("nothing\n");
  for (const std::string& key : plan.no_room) std::printf("no room  %s\n", shown(key).c_str());
  return 0;
}

/// Runs the synchronisation until store and bins agree. Exit status 1 if they cannot be made to.
int push(Settings settings, OpenStore& store) {
  settings.bin.sync.delay = std::chrono::milliseconds{0};
  const CommandAudit audit(settings);
  BinParts parts(settings, store.rows(), store.clock());
  do {
    parts.sync.step();
  } while (!parts.sync.is_idle());
  const jsonbin::SyncStatus& status = parts.sync.status();
  if (status.problem) throw Failed(status.problem->sentence);
  if (!status.last_success) throw Failed("--bin-requests leaves no request for today");
  const std::size_t left = store.rows().count_pending();
  std::printf("%s\n", left == 0 ? "The bin holds the list of the store."
                                : "Written; some users have changed meanwhile.");
  print_bins(status, settings.bin.sync.max_bytes);
  return 0;
}

}  // namespace

int bin_push(std::span<char*> arguments) {
  bool dry_run = false;
  const auto declare = [&](CLI::App& app) {
    app.add_flag("--dry-run", dry_run, "read the bin and say what would be done, but do nothing");
  };
  return run_bin_command(
      arguments, "push",
      "Makes store and bin the same now, whatever the worker waits for: reads the bin, takes over\n"
      "what was edited there, and writes what it lacks. The worker may run meanwhile.",
      declare, [&](const Settings& settings) {
        require_bin(settings);
        OpenStore store(settings);
        return dry_run ? show(settings, store) : push(settings, store);
      });
}

}  // namespace userbin::app
