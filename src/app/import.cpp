// 'userbin import': users from the lists of other programs.
#include <algorithm>
#include <cstdio>

#include <CLI/CLI.hpp>

#include "app/bin_tools.h"
#include "app/command_audit.h"
#include "app/commands.h"
#include "app/files.h"
#include "app/moving.h"
#include "app/progress.h"
#include "app/user_import.h"
#include "auth/password_hash.h"
#include "base/json.h"
#include "base/text.h"

namespace userbin::app {

namespace {

constexpr std::size_t kShownLines = 20;
constexpr int kAttempts = 5;
constexpr const char* kNothing = "nothing was imported";

struct ImportOptions {
  std::string format;
  std::string path;
  ImportPolicy policy;
  bool skip_bad = false;
  bool dry_run = false;
  bool json = false;
};

/// What there is to say in the end.
struct Report {
  std::vector<FileProblem> problems;
  ImportPlan plan;
  std::size_t hashed = 0;
};

std::string name_of(const std::string& path) {
  return path == kStandard ? "standard input" : path;
}

/// Prints up to kShownLines lines, and how many more there are.
template <typename Item, typename Print>
void print_some(std::FILE* out, const std::vector<Item>& items, Print print) {
  const std::size_t count = std::min(items.size(), kShownLines);
  for (std::size_t i = 0; i < count; ++i) print(items[i]);
  if (items.size() > count) std::fprintf(out, "... and %zu more\n", items.size() - count);
}

void print_problems(std::FILE* out, const ImportOptions& options,
                    const std::vector<FileProblem>& problems) {
  const std::string name = shown(name_of(options.path));
  print_some(out, problems, [&](const FileProblem& problem) {
    std::fprintf(out, "%s:%zu: %s\n", name.c_str(), problem.line, problem.what.c_str());
  });
}

void print_report(const ImportOptions& options, const Report& report) {
  const ImportPlan& plan = report.plan;
  if (options.dry_run) std::printf("Nothing is changed by a dry run. Import would bring:\n");
  print_some(stdout, plan.skipped, [](const SkippedUser& user) {
    std::printf("skipped  %s: %s\n", shown(user.username).c_str(), user.why.c_str());
  });
  if (!report.problems.empty()) print_problems(stdout, options, report.problems);
  std::printf("%-9s%zu\n", "new", plan.added);
  std::printf("%-9s%zu\n", "replaced", plan.replaced);
  std::printf("%-9s%zu\n", "skipped", plan.skipped.size());
  std::printf("%-9s%zu\n", "refused", report.problems.size());
  if (report.hashed > 0) std::printf("%-9s%zu passwords in plain text\n", "hashed", report.hashed);
  if (plan.redated > 0) {
    std::printf(
        "note     %zu got today's date, as their created_at is no time like "
        "2026-11-23T17:30:00Z\n",
        plan.redated);
  }
}

Json::Value json_report(const ImportOptions& options, const Report& report,
                        const std::string& error) {
  Json::Value json;
  json["file"] = name_of(options.path);
  json["dry_run"] = options.dry_run;
  json["imported"] = error.empty() && !options.dry_run;
  json["error"] = error.empty() ? Json::Value() : Json::Value(error);
  json["new"] = Json::UInt64{report.plan.added};
  json["replaced"] = Json::UInt64{report.plan.replaced};
  json["hashed"] = Json::UInt64{report.hashed};
  json["redated"] = Json::UInt64{report.plan.redated};
  json["skipped"] = Json::Value(Json::arrayValue);
  for (const SkippedUser& user : report.plan.skipped) {
    Json::Value entry;
    entry["line"] = Json::UInt64{user.line};
    entry["username"] = user.username;
    entry["reason"] = user.why;
    json["skipped"].append(std::move(entry));
  }
  json["refused"] = Json::Value(Json::arrayValue);
  for (const FileProblem& problem : report.problems) {
    Json::Value entry;
    entry["line"] = Json::UInt64{problem.line};
    entry["reason"] = problem.what;
    json["refused"].append(std::move(entry));
  }
  return json;
}

/// Throws Failed if a bin would have no room for the list.
void check_room(const Settings& settings, OpenStore& store, const ImportPlan& plan,
                const std::vector<store::StoredUser>& existing) {
  if (settings.bin.sync.bin_id.empty() || plan.added == 0) return;
  std::map<std::string, std::size_t> replaced;
  for (const store::StoredUser& stored : existing) {
    replaced[stored.user.key()] = jsonbin::wire_bytes(stored.user.record());
  }
  std::size_t bytes = store.rows().total_bytes();
  for (const store::StoredUser& stored : plan.users) {
    bytes += jsonbin::wire_bytes(stored.user.record());
    if (stored.revision != 0) bytes -= replaced[stored.user.key()];
  }
  const std::size_t room = jsonbin::room_limit(settings.bin.sync.max_bytes);
  if (bytes <= room) return;
  throw Failed("the list would have " + std::to_string(bytes) +
               " bytes, and its bin has room for " + std::to_string(room) +
               "; raise --bin-max-bytes as your plan allows, or use --jsonbin-collection; " +
               kNothing);
}

void hash_passwords(const Settings& settings, UserFile& file, Report& report) {
  const base::SystemClock clock;
  Progress progress("passwords hashed", clock);
  const auto hash = [&](const base::SecretString& password) {
    return auth::hash_password(password, settings.hashing.cost);
  };
  report.hashed +=
      hash_plain_passwords(file, report.plan, settings.hashing.slots, hash,
                           [&](std::size_t done, std::size_t total) { progress.at(done, total); });
}

store::ChangeResult store_users(OpenStore& store, const ImportPlan& plan) {
  const base::SystemClock clock;
  Progress progress("users stored", clock);
  return store.users().import(plan.users,
                              [&](std::size_t done) { progress.at(done, plan.users.size()); });
}

void read_and_check(const ImportOptions& options, UserFile& file, Report& report) {
  file = read_users(read_text(options.path), file_format(options.format));
  check_users(file, options.policy);
  report.problems = file.problems;
  if (file.problems.empty() || options.skip_bad) return;
  if (!options.json) print_problems(stderr, options, file.problems);
  throw Failed(
      std::to_string(file.problems.size()) +
      (file.problems.size() == 1 ? " line cannot be taken; " : " lines cannot be taken; ") +
      kNothing + " (--skip-bad leaves such lines out)");
}

void import_file(const Settings& settings, const ImportOptions& options, Report& report) {
  UserFile file;
  read_and_check(options, file, report);
  OpenStore store(settings, OpenStore::IfMissing::kMake);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto existing = all_users(store.users());
    report.plan = plan_import(file, existing, options.policy, store.clock().now());
    if (report.plan.leaves_no_admin) break;
    check_room(settings, store, report.plan, existing);
    if (options.dry_run) return;
    const CommandAudit audit(settings);
    hash_passwords(settings, file, report);
    const auto result = store_users(store, report.plan);
    if (result == store::ChangeResult::kDone) {
      for (const store::StoredUser& stored : report.plan.users) {
        audit.done(base::AuditEvent::kImport, stored.user.username(),
                   stored.revision == 0 ? "new" : "replaced");
      }
      return;
    }
    if (result == store::ChangeResult::kLastAdmin) break;
    if (attempt + 1 == kAttempts) {
      throw Failed(std::string("users change faster than they can be imported; ") + kNothing);
    }
  }
  throw Failed(std::string("nobody would be left who is an admin and can log in; ") + kNothing);
}

int import_list(const Settings& settings, const ImportOptions& options) {
  Report report;
  try {
    import_file(settings, options, report);
  } catch (const std::exception& error) {
    if (options.json) std::puts(base::to_json(json_report(options, report, error.what())).c_str());
    throw;
  }
  if (options.json) {
    std::puts(base::to_json(json_report(options, report, "")).c_str());
  } else {
    print_report(options, report);
  }
  return 0;
}

std::string check_role(const std::string& role) {
  const bool is_good = role != "deleted" && role == base::escape_for_log(role);
  return is_good ? "" : "'" + base::escape_for_log(role) + "' is no role";
}

void declare_options(CLI::App& app, ImportOptions& options) {
  declare_format(app, options.format);
  app.add_option("file", options.path, "a file, or - for a pipe")->required();
  app.add_flag("--replace", options.policy.replace,
               "replace users who are there already, and end their sessions; without it they are "
               "skipped");
  app.add_option("--role", options.policy.role,
                 "the role of those of whom the file says none; by default user")
      ->check(CLI::Validator(check_role, "ROLE"));
  app.add_flag("--plain-passwords", options.policy.plain_passwords,
               "json and csv: a password that is no hash is one in plain text, and is hashed");
  app.add_flag("--skip-bad", options.skip_bad,
               "leave out what cannot be read or is refused, and take the rest");
  app.add_flag("--dry-run", options.dry_run, "say what would be done, but do nothing");
  app.add_flag("--json", options.json, "the summary as JSON, for programs");
}

}  // namespace

int import_users(std::span<char*> arguments) {
  ImportOptions options;
  return run_store_command(
      arguments, "userbin import",
      "Takes over users, all or none, beside a running worker. They log in with the passwords "
      "that\n"
      "they have; at the first login a hash is made anew as argon2id.\n"
      "  htpasswd  name:hash lines, of Apache or nginx\n"
      "  json      [{\"username\", \"password\", \"role\", ...}, ...] or {\"users\": [...]}\n"
      "  csv       a header line that names the columns: username, password or hash, role,\n"
      "            disabled, name, email, created_at; others become fields\n"
      "Taken are hashes by argon2, bcrypt, yescrypt, sha256-crypt, sha512-crypt, scrypt, PBKDF2 "
      "and\n"
      "$apr1$; others are refused, and so is a name that comes twice. A replaced user keeps\n"
      "created_at and what the file does not speak of: htpasswd speaks of hashes, csv of its\n"
      "columns, json of everything. What was written for a bin is joined by 'userbin bin import'.\n"
      "Exit status: 0 done; 1 failed, nothing was imported; 2 wrong usage or setting.",
      [&](CLI::App& app) { declare_options(app, options); },
      [&](const Settings& settings) { return import_list(settings, options); });
}

}  // namespace userbin::app
