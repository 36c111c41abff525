// Where auth_request leads, and what becomes of a 401.
#include <algorithm>
#include <regex>

#include "app/nginx_checks.h"

namespace userbin::app {

namespace {

using Match = NginxScope::Match;

/// Whether a location could be taken by a regular expression in place of `found`.
bool may_be_overtaken(const NginxSite& site, const NginxScope& found) {
  if (found.match == Match::kExact || found.match == Match::kFinal) return false;
  return std::any_of(site.locations.begin(), site.locations.end(),
                     [](const NginxScope* each) { return each->match == Match::kRegex; });
}

/// A server's rewrites run for the verifier, too.
void check_server_rewrites(const NginxSite& site, const NginxDirective& guard,
                           NginxFindings& findings) {
  const std::string& uri = guard.argument(0);
  for (const NginxDirective* line : site.server.own("rewrite")) {
    const std::string& flag = line->argument(2);
    if (flag == "redirect" || flag == "permanent" || line->argument(1).starts_with("http"))
      continue;
    if (!matches_expression(line->argument(0), uri)) continue;
    findings.add("auth-request-rewritten", *line,
                 {"rewrite " + line->argument(0) + " " + line->argument(1), uri});
  }
}

/// The location that answers, or was meant to, if it asks somebody.
const NginxScope* check_guard(const NginxSite& site, const NginxDirective& guard,
                              NginxFindings& findings) {
  const std::string& uri = guard.argument(0);
  const NginxScope* found = site.find_location(uri);
  if (const auto query = uri.find('?'); query != std::string::npos) {
    const std::string name = found == nullptr ? "another location" : "'" + found->name() + "'";
    findings.add("auth-request-query", guard, {uri, uri.substr(0, query), name});
    const NginxScope* meant = site.find_location(uri.substr(0, query));
    const bool is_verifier = meant != nullptr && meant->match == Match::kExact && pass_of(*meant);
    return is_verifier ? meant : nullptr;
  }
  if (found == nullptr) {
    findings.add("auth-request-nowhere", guard, {uri});
    return nullptr;
  }
  const auto returns = found->own("return");
  if (!returns.empty() && status_of(*returns.front()) >= 300) {
    findings.add("auth-request-nowhere", guard, {uri});
    return nullptr;
  }
  // A prefix will do if it is meant for this and nothing else can take its place.
  const bool is_meant = found->match == Match::kExact ||
                        (!found->own("internal").empty() && !may_be_overtaken(site, *found));
  if (!returns.empty() || pass_of(*found) == nullptr || !is_meant) {
    findings.add("auth-request-astray", guard, {uri, found->name()});
    return nullptr;
  }
  return found;
}

struct ErrorPage {
  const NginxDirective* directive;
  /// "=303", "=" or empty.
  std::string change;
  std::string target;
};

/// The error_page among `lines` that answers a 401.
std::vector<ErrorPage> pages_for_401(const NginxScope::Directives& lines) {
  std::vector<ErrorPage> pages;
  for (const NginxDirective* line : lines) {
    const auto& words = line->arguments;
    if (std::find(words.begin(), words.end(), "401") == words.end()) continue;
    ErrorPage page{.directive = line, .change = "", .target = words.back()};
    const std::string& before = line->argument(words.size() - 2);
    if (before.starts_with('=')) page.change = before;
    pages.push_back(page);
  }
  return pages;
}

void check_page(const NginxSite& site, const NginxScope& place, const ErrorPage& page,
                NginxFindings& findings) {
  const std::string text = page.directive->text();
  if (!page.target.starts_with('@')) {
    const bool is_absolute = page.target.starts_with("http://") ||
                             page.target.starts_with("https://") ||
                             page.target.starts_with("$scheme://");
    if (page.change.starts_with("=3") && !is_absolute) {
      findings.add("error-page-redirect", *page.directive, {text});
    }
    return;
  }
  const NginxScope* named = site.find_named(page.target);
  if (named == nullptr) {
    findings.add("error-page-missing", *page.directive, {text, page.target});
    return;
  }
  for (const NginxDirective* line : named->own("return")) {
    const int status = status_of(*line);
    if (status < 300 || status >= 400) continue;
    for (const std::string& name : variables_unset_in(site, place, line->arguments.back())) {
      findings.add("login-target-unset", *place.directive, {text, name, place.name()});
    }
  }
}

/// The innermost error_page directives count, all of them and no others.
void check_undone(const NginxScope& place, NginxFindings& findings) {
  const auto lines = place.in_force("error_page");
  if (lines.empty() || !pages_for_401(lines).empty()) return;
  for (const NginxScope* outer = place.parent; outer != nullptr; outer = outer->parent) {
    if (pages_for_401(outer->own("error_page")).empty()) continue;
    findings.add("error-page-undone", *lines.front(), {lines.front()->text(), place.name()});
    return;
  }
}

}  // namespace

bool matches_expression(const std::string& expression, const std::string& uri) {
  // Of what a wrong guess costs: time that grows with the length of both.
  constexpr std::size_t kMaxExpression = 200;
  constexpr std::size_t kMaxUri = 64;
  if (expression.size() > kMaxExpression || uri.size() > kMaxUri) return false;
  try {
    return std::regex_search(uri, std::regex(expression));
  } catch (const std::regex_error&) {
    return false;
  }
}

std::vector<std::string> variables_unset_in(const NginxSite& site, const NginxScope& place,
                                            const std::string& text) {
  std::vector<std::string> unset;
  const auto lines = place.in_force("auth_request_set");
  for (const std::string& name : variables_in(text)) {
    const bool is_set = std::any_of(lines.begin(), lines.end(), [&](const NginxDirective* line) {
      return line->argument(0) == name;
    });
    if (!is_set && site.answered_variables.contains(name)) unset.push_back(name);
  }
  return unset;
}

const NginxScope* verifier_of(const NginxSite& site, const NginxScope& place,
                              const NginxVerifiers& verifiers) {
  const NginxDirective* guard = guard_of(place);
  if (guard == nullptr) return nullptr;
  const std::string& uri = guard->argument(0);
  const NginxScope* found = site.find_location(uri.substr(0, uri.find('?')));
  return verifiers.contains(found) ? found : nullptr;
}

NginxVerifiers check_guards(const NginxSite& site, NginxFindings& findings) {
  std::set<const NginxDirective*> guards;
  for (const NginxScope* place : site.locations) {
    if (const NginxDirective* guard = guard_of(*place)) guards.insert(guard);
  }
  NginxVerifiers verifiers;
  for (const NginxDirective* guard : guards) {
    check_server_rewrites(site, *guard, findings);
    const NginxScope* verifier = check_guard(site, *guard, findings);
    if (verifier != nullptr) verifiers.insert(verifier);
  }
  return verifiers;
}

void check_error_pages(const NginxSite& site, const NginxVerifiers& verifiers,
                       NginxFindings& findings) {
  for (const NginxScope* place : site.locations) {
    if (guard_of(*place) == nullptr || place->is_named() || verifiers.contains(place)) continue;
    for (const ErrorPage& page : pages_for_401(place->in_force("error_page"))) {
      check_page(site, *place, page, findings);
    }
    check_undone(*place, findings);
  }
}

}  // namespace userbin::app
