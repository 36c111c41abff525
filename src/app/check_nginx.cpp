// 'userbin check-nginx': traps in nginx's configuration, or on a running site.
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>

#include <CLI/CLI.hpp>

#include "app/commands.h"
#include "app/live_check.h"
#include "app/nginx_rules.h"
#include "app/password_prompt.h"
#include "app/program.h"
#include "base/text.h"

namespace userbin::app {

namespace {

constexpr const char* kName = "userbin check-nginx";
constexpr std::size_t kMaxShown = 1000;

struct Choices {
  std::string file;
  std::string url;
  std::string username;
};

/// Fit for a terminal; backslashes stay, as regular expressions are full of them.
std::string shown(const std::string& text) {
  constexpr std::string_view kBackslash = "\\x5c";
  std::string escaped = base::escape_for_log(text, kMaxShown);
  for (auto at = escaped.find(kBackslash); at != std::string::npos;
       at = escaped.find(kBackslash, at + 1)) {
    escaped.replace(at, kBackslash.size(), "\\");
  }
  return escaped;
}

/// What 'nginx -T' says of the nginx of this machine.
std::string ask_nginx() {
  const ProgramResult result = run_program({"nginx", "-T"});
  if (result.status == 0) return result.output;
  std::fputs(result.errors.c_str(), stderr);
  throw std::runtime_error("'nginx -T' failed (status " + std::to_string(result.status) +
                           "); it needs the rights with which nginx starts, or give a file");
}

std::string read_text(const std::string& path) {
  if (path.empty()) return ask_nginx();
  if (path == "-") return {std::istreambuf_iterator<char>(std::cin), {}};
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) {
    throw std::runtime_error(path + " cannot be read");
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

/// As nginx names it: absolute. Standard input stands in the current folder.
std::string name_of(const std::string& path) {
  const bool is_named = !path.empty() && path != "-";
  return std::filesystem::absolute(is_named ? path : "standard-input").lexically_normal().string();
}

void print_count(std::size_t count, const char* what, const char* end) {
  std::printf("%zu %s%s%s", count, what, count == 1 ? "" : "s", end);
}

int check_files(const Choices& choices) {
  const auto directives = parse_nginx_config(read_text(choices.file), name_of(choices.file));
  const std::vector<NginxFinding> findings = check_nginx_config(directives);
  std::array<std::size_t, 3> counts{};
  for (const NginxFinding& finding : findings) {
    const NginxSeverity severity = finding.rule->severity;
    ++counts.at(static_cast<std::size_t>(severity));
    std::printf("%s:%zu: %s: %s [%s]\n    mend: %s\n", shown(finding.file).c_str(), finding.line,
                word_for(severity).data(), shown(finding.wrong).c_str(), finding.rule->name.data(),
                shown(finding.mend).c_str());
  }
  if (findings.empty()) {
    std::puts(is_anything_protected(directives)
                  ? "nothing found"
                  : "nothing found, but no place is protected by auth_request either");
    return 0;
  }
  const auto [holes, faults, notes] = counts;
  print_count(holes, "hole", ", ");
  print_count(faults, "fault", ", ");
  print_count(notes, "note", "\n");
  return holes + faults == 0 ? 0 : 1;
}

int check_site(const Choices& choices) {
  const auto page = parse_page_url(choices.url);
  if (!page) {
    std::fprintf(stderr, "%s: '%s' is no URL; write it like https://example.org/members/\n", kName,
                 shown(choices.url).c_str());
    return 2;
  }
  std::optional<LiveLogin> login;
  if (!choices.username.empty()) {
    login = LiveLogin{.username = choices.username,
                      .password = read_password("Password of " + shown(choices.username) + ": ")};
  }
  const auto prober = make_prober(page->origin);
  const LiveReport report = check_live(*prober, page->target, login);
  for (const LiveReport::Hole& hole : report.holes) {
    std::printf("hole: %s: %s\n", shown(hole.attempt).c_str(), shown(hole.what).c_str());
  }
  if (!report.problem.empty()) std::printf("fault: %s\n", shown(report.problem).c_str());
  print_count(report.requests, "request", ", ");
  if (report.holes.empty()) {
    std::puts("nothing got through");
    return report.problem.empty() ? 0 : 1;
  }
  std::printf("%zu got through\n", report.holes.size());
  return 1;
}

}  // namespace

int check_nginx(std::span<char*> arguments) {
  Choices choices;
  CLI::App app(
      "Finds what lets people in, or lets them pass for others, in a configuration of nginx that\n"
      "protects places by auth_request; with --live, on a running site. Exit status: 0 nothing "
      "but\n"
      "notes, 1 a hole, a fault or a failure, 2 wrong usage.",
      kName);
  auto* const file = app.add_option("FILE", choices.file,
                                    "output of 'nginx -T', or an nginx.conf; '-' is standard "
                                    "input; without it, 'nginx -T' is run");
  auto* const live =
      app.add_option("--live", choices.url,
                     "URL of a protected page: send up to 60 forged requests to that host, and "
                     "say which got through")
          ->excludes(file);
  app.add_option("--login-as", choices.username,
                 "also try to pass for somebody else while logged in as this user; the password "
                 "is read from standard input")
      ->needs(live);
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "%s: %s\n'%s --help' describes the options.\n", kName, error.what(),
                 kName);
    return 2;
  }
  try {
    return choices.url.empty() ? check_files(choices) : check_site(choices);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", kName, shown(error.what()).c_str());
    return 1;
  }
}

}  // namespace userbin::app
