// 'userbin store': the place where users are kept, as a whole.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string_view>

#include <CLI/CLI.hpp>

#include "app/bin_tools.h"
#include "app/commands.h"
#include "app/progress.h"
#include "app/table.h"
#include "base/failure.h"
#include "base/json.h"
#include "store/store_copy.h"

namespace userbin::app {

namespace {

struct Journey {
  std::string from;
  std::string to;
  std::string from_password_file;
  std::string to_password_file;
  bool may_replace = false;
  bool json = false;
};

store::StoreOptions place(const Settings& settings, const std::string& where,
                          const std::string& password_file) {
  store::StoreOptions options = settings.store;
  options.place = where;
  options.password_file = password_file;
  return options;
}

/// Tells how far each table is.
class TableProgress {
 public:
  explicit TableProgress(std::string what) : what_(std::move(what)) {}

  void at(const std::string& table, std::size_t done, std::size_t total) {
    if (table != table_) progress_.emplace("rows of " + table + ' ' + what_, clock_);
    table_ = table;
    progress_->at(done, total);
  }
  store::CopyProgress function() {
    return [this](const std::string& table, std::size_t done, std::size_t total) {
      at(table, done, total);
    };
  }

 private:
  const std::string what_;
  base::SystemClock clock_;
  std::string table_;
  std::optional<Progress> progress_;
};

std::size_t differences_in(const std::vector<store::TableCopy>& tables) {
  std::size_t count = 0;
  for (const store::TableCopy& table : tables) count += table.differing + table.surplus;
  return count;
}

void print(const std::vector<store::TableCopy>& copied, std::size_t left, bool json) {
  Json::Value all(Json::arrayValue);
  std::vector<TableRow> rows;
  for (const store::TableCopy& table : copied) {
    Json::Value value;
    value["table"] = table.table;
    value["rows"] = Json::UInt64{table.rows};
    value["written"] = Json::UInt64{table.differing};
    value["removed"] = Json::UInt64{table.surplus};
    all.append(value);
    rows.push_back({table.table, std::to_string(table.rows), std::to_string(table.differing),
                    std::to_string(table.surplus)});
  }
  if (json) {
    Json::Value report;
    report["tables"] = all;
    report["differences_left"] = Json::UInt64{left};
    std::puts(base::to_json(report).c_str());
  } else {
    std::fputs(as_table({"TABLE", "ROWS", "WRITTEN", "REMOVED"}, rows).c_str(), stdout);
  }
}

int copy_between(const Settings& settings, const Journey& journey) {
  if (journey.from == journey.to) {
    throw base::BadSetting("--from and --to are the same place");
  }
  const auto from_options = place(settings, journey.from, journey.from_password_file);
  if (!from_options.is_url() && !std::filesystem::exists(from_options.place)) {
    throw Failed("there is no store at " + shown(from_options.place));
  }
  const auto from = store::open_database(from_options);
  const auto to = store::open_database(place(settings, journey.to, journey.to_password_file));
  switch (store::begin_copy(*from, *to, journey.may_replace)) {
    case store::CopyStart::kFresh: break;
    case store::CopyStart::kResumed:
      std::fputs("going on where an earlier copy was broken off\n", stderr);
      break;
    case store::CopyStart::kOccupied:
      throw Failed("there are users in " + to->name() +
                   " already; --replace takes them away and puts those of " + from->name() +
                   " there");
  }
  TableProgress copying("copied");
  const auto copied = store::copy_store(*from, *to, copying.function());
  TableProgress comparing("compared");
  const std::size_t left = differences_in(store::compare_stores(*from, *to, comparing.function()));
  print(copied, left, journey.json);
  if (left > 0) {
    throw Failed(
        std::to_string(left) +
        " rows differ, as one of the stores was changed meanwhile; stop its worker and run "
        "this again with --replace");
  }
  if (!journey.json) std::puts("both are the same now");
  return 0;
}

int copy(std::span<char*> arguments) {
  Journey journey;
  return run_store_command(
      arguments, "userbin store copy",
      "Copies users, sessions, invitations, who is held off and the state of the bin to another "
      "place, and\n"
      "compares both at the end. Broken off, it goes on where it was when it is run again.\n"
      "  userbin store copy --from /var/lib/userbin/userbin.db --to "
      "postgresql://userbin@db/userbin\n"
      "  userbin store copy --from postgresql://userbin@db/userbin --to backup.db\n"
      "Stop the worker first, or run it twice, the second time with --replace and without a "
      "worker.\n"
      "Exit status: 0 both are the same; 1 refused, failed, or they still differ; 2 wrong usage or "
      "setting.",
      [&](CLI::App& app) {
        app.add_option("--from", journey.from, "a file, or a URL of PostgreSQL's")->required();
        app.add_option("--to", journey.to, "the same; a file is made")->required();
        app.add_option("--from-password-file", journey.from_password_file,
                       "PostgreSQL's password, on the file's first line");
        app.add_option("--to-password-file", journey.to_password_file, "the same");
        app.add_flag("--replace", journey.may_replace, "also over users that are there");
        app.add_flag("--json", journey.json, "print JSON for programs");
      },
      [&](const Settings& settings) { return copy_between(settings, journey); });
}

int print_usage(std::FILE* out, int status) {
  std::fputs(
      "The place where users are kept, as a whole.\n\n"
      "usage: userbin store COMMAND [OPTION...]\n\n"
      "  copy     to another file or database: --from, --to\n\n"
      "'userbin store COMMAND --help' describes the options.\n",
      out);
  return status;
}

}  // namespace

int store_command(std::span<char*> arguments) {
  if (arguments.empty()) return print_usage(stderr, 2);
  const std::string_view name = arguments.front();
  if (name == "copy") return copy(arguments.subspan(1));
  if (name == "--help" || name == "help") return print_usage(stdout, 0);
  std::fprintf(stderr, "userbin store: there is no command '%s'\n\n", arguments.front());
  return print_usage(stderr, 2);
}

}  // namespace userbin::app
