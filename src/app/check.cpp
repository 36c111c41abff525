// 'userbin check': whether a worker can work here.
#include <cstdio>
#include <optional>

#include <CLI/CLI.hpp>

#include "app/checks.h"
#include "app/command_audit.h"
#include "app/commands.h"
#include "base/failure.h"
#include "base/json.h"

namespace userbin::app {

namespace {

struct Choices {
  std::string config;
  bool offline = false;
  bool json = false;
};

const char* word_for(CheckResult result) {
  switch (result) {
    case CheckResult::kOk: return "ok";
    case CheckResult::kNote: return "note";
    case CheckResult::kFault: break;
  }
  return "fault";
}

/// nullopt, with a fault, if the store can't be opened.
std::unique_ptr<OpenStore> open_store(const Settings& settings, CheckReport& report) {
  try {
    auto store = std::make_unique<OpenStore>(settings);
    check_store(*store, report);
    return store;
  } catch (const std::exception& error) {
    report.fault("store", error.what(), "put it right; a backup may help (README, Backups)");
  }
  return nullptr;
}

CheckReport look_at_all(const Settings& settings, const Choices& choices) {
  CheckReport report;
  check_config_file(choices.config, report);
  std::unique_ptr<OpenStore> store;
  const bool can_be_opened =
      settings.store.is_url() || check_store_files(settings.store.place, report);
  if (can_be_opened) store = open_store(settings, report);
  check_socket(settings.listen, report);
  check_metrics(settings.metrics, report);
  check_log_file("--log-file", settings.log.file, report);
  check_log_file("--audit-log", worker_audit(settings).file, report);
  try {
    check_bin(settings, store.get(), !choices.offline, report);
    check_clock(store.get(), report);
  } catch (const base::StoreUnavailable& error) {
    report.fault("store", error.what(), "try again");
  }
  return report;
}

void print_json(const CheckReport& report) {
  Json::Value all(Json::arrayValue);
  for (const CheckFinding& finding : report.findings()) {
    Json::Value value;
    value["result"] = word_for(finding.result);
    value["area"] = finding.area;
    value["what"] = finding.what;
    value["mend"] = finding.mend.empty() ? Json::Value() : Json::Value(finding.mend);
    all.append(std::move(value));
  }
  std::puts(base::to_json(all).c_str());
}

void print_text(const CheckReport& report) {
  for (const CheckFinding& finding : report.findings()) {
    std::printf("%-6s %-9s %s\n", word_for(finding.result), finding.area.c_str(),
                finding.what.c_str());
    if (!finding.mend.empty()) std::printf("       mend: %s\n", finding.mend.c_str());
  }
  std::printf("%zu ok, %zu to note, %zu at fault\n", report.count(CheckResult::kOk),
              report.count(CheckResult::kNote), report.count(CheckResult::kFault));
}

void declare(CLI::App& app, Choices& choices) {
  app.add_flag("--offline", choices.offline, "don't ask the bin, which costs a request");
  app.add_flag("--json", choices.json, "print an array for programs");
  app.callback([&app, &choices] {
    const CLI::Option* config = app.get_config_ptr();
    choices.config = config->count() > 0 ? config->as<std::string>() : config->get_default_str();
  });
}

}  // namespace

int check(std::span<char*> arguments) {
  Choices choices;
  return run_store_command(
      arguments, "userbin check",
      "Looks whether a worker can work here: settings, files and their modes, store, socket, "
      "metrics,\n"
      "log, bin, clock. Says what is wrong and how to mend it, and changes nothing.\n"
      "  sudo userbin check                             as the systemd unit runs the worker\n"
      "  userbin check --config my.conf --offline       without asking the bin\n"
      "  userbin check --json | jq '.[] | select(.result == \"fault\")'\n"
      "Exit status: 0 nothing but notes; 1 a fault; 2 wrong usage, or a setting that is wrong.",
      [&](CLI::App& app) { declare(app, choices); },
      [&](const Settings& settings) {
        const CheckReport report = look_at_all(settings, choices);
        if (choices.json) {
          print_json(report);
        } else {
          print_text(report);
        }
        return report.count(CheckResult::kFault) == 0 ? 0 : 1;
      });
}

}  // namespace userbin::app
