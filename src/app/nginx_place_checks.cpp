// Protected places: what nginx does before it asks, and ways around them.
#include <algorithm>
#include <array>

#include "app/nginx_checks.h"

namespace userbin::app {

namespace {

using Match = NginxScope::Match;

bool is_internal(const NginxScope& scope) {
  return scope.is_named() || !scope.own("internal").empty();
}

/// Whether a place hands nothing out.
bool refuses(const NginxScope& scope) {
  const auto returns = scope.own("return");
  if (!returns.empty()) return status_of(*returns.front()) >= 400;
  const auto denials = scope.own("deny");
  return scope.own("allow").empty() && !denials.empty() && denials.front()->argument(0) == "all";
}

void check_return(const NginxScope& scope, NginxFindings& findings) {
  const NginxScope& place = scope.place();
  const bool is_conditional = &place != &scope;
  for (const NginxDirective* line : scope.own("return")) {
    const int status = status_of(*line);
    if (status >= 400) continue;
    const bool has_content = status < 300 && status != 204;
    const bool is_protected_here = !is_conditional && !place.own("auth_request").empty();
    findings.add(has_content || is_protected_here ? "return-first" : "redirect-first", *line,
                 {line->text(), place.name()});
  }
}

/// Where a rewrite without `break` goes on.
void check_rewrite(const NginxSite& site, const NginxScope& scope, NginxFindings& findings) {
  const NginxScope& place = scope.place();
  for (const NginxDirective* line : scope.own("rewrite")) {
    const std::string& target = line->argument(1);
    const std::string& flag = line->argument(2);
    const bool is_redirect = flag == "redirect" || flag == "permanent" ||
                             target.starts_with("http://") || target.starts_with("https://") ||
                             target.starts_with("$scheme");
    if (is_redirect) {
      const bool is_protected_here = &place == &scope && !place.own("auth_request").empty();
      findings.add(is_protected_here ? "return-first" : "redirect-first", *line,
                   {line->text(), place.name()});
      continue;
    }
    if (flag == "break" || !target.starts_with('/')) continue;
    const NginxScope* next = site.find_location(target.substr(0, target.find_first_of("$?")));
    if (next == &place || guard_of(next == nullptr ? site.server : *next) != nullptr) continue;
    if (next != nullptr && refuses(*next)) continue;
    const std::string name = next == nullptr ? "'server'" : "'" + next->name() + "'";
    findings.add("rewrite-first", *line, {line->text(), place.name(), name});
  }
}

void check_satisfy(const NginxScope& place, NginxFindings& findings) {
  if (!place.is_set_to("satisfy", "any")) return;
  const NginxDirective* basic = place.setting("auth_basic");
  const bool has_other_way = place.setting("allow") != nullptr ||
                             place.setting("deny") != nullptr ||
                             (basic != nullptr && basic->argument(0) != "off");
  if (has_other_way) findings.add("satisfy-any", *place.setting("satisfy"), {place.name()});
}

/// The beginning that all paths matched by a regular expression share; empty if unknown.
std::string fixed_beginning(const std::string& expression) {
  auto end = std::min(expression.find_first_of("\\.[](){}*+?|$^", 1), expression.size());
  const bool is_optional = end < expression.size() && end > 1 &&
                           std::string_view("*?{|").find(expression[end]) != std::string_view::npos;
  if (is_optional) --end;
  return expression.substr(1, end - 1);
}

/// Whether a regular expression matches something under `path`, as far as one can guess.
bool reaches(const std::string& expression, const std::string& path) {
  if (!expression.starts_with('^')) return true;
  const std::string beginning = fixed_beginning(expression);
  const bool is_root = path == "/";
  if (beginning.size() > 1 && (is_root || beginning.starts_with(path))) return !is_root;
  constexpr std::array kSamples{"", "x", "index.php", "index.html", "x/x", "x.css", "x.jpg"};
  return std::any_of(kSamples.begin(), kSamples.end(), [&](const char* sample) {
    return matches_expression(expression, path + sample);
  });
}

/// Whether `other`, beside `place`, takes some of the requests for what lies under it.
bool takes_from(const NginxScope& place, const NginxScope& other) {
  if (place.match == Match::kFinal && other.match == Match::kRegex) return false;
  if (place.match != Match::kFinal && place.match != Match::kPrefix) return false;
  if (other.match == Match::kRegex) return reaches(other.path, place.path);
  return place.path != "/" && other.path != place.path && other.path.starts_with(place.path);
}

/// Locations beside a protected one do not inherit its auth_request.
void check_neighbours(const NginxScope& place, const NginxVerifiers& verifiers,
                      NginxFindings& findings) {
  for (const auto& other : place.parent->children) {
    const bool is_candidate = other->is_location() && other.get() != &place &&
                              !is_internal(*other) && !verifiers.contains(other.get()) &&
                              guard_of(*other) == nullptr && !refuses(*other);
    if (!is_candidate || !takes_from(place, *other)) continue;
    const auto own = other->own("auth_request");
    if (own.empty()) {
      findings.add("place-beside", *other->directive, {other->name(), place.path});
    } else {
      findings.add("place-open", *own.front(), {other->name(), place.name()});
    }
  }
}

void check_inner_places(const NginxScope& place, NginxFindings& findings) {
  for (const auto& inner : place.children) {
    const auto own = inner->own("auth_request");
    if (!inner->is_location() || own.empty() || own.front()->argument(0) != "off") continue;
    findings.add("place-open", *own.front(), {inner->name(), place.name()});
  }
}

}  // namespace

int status_of(const NginxDirective& return_directive) {
  const std::string& first = return_directive.argument(0);
  const bool is_status = first.size() == 3 && std::all_of(first.begin(), first.end(), [](char c) {
                           return c >= '0' && c <= '9';
                         });
  return is_status ? std::stoi(first) : 302;
}

bool goes_to_worker(const NginxDirective& pass, const NginxVerifiers& verifiers) {
  return pass.name == "fastcgi_pass" &&
         std::any_of(verifiers.begin(), verifiers.end(), [&](const NginxScope* verifier) {
           const NginxDirective* theirs = pass_of(*verifier);
           return theirs->name == pass.name && theirs->argument(0) == pass.argument(0);
         });
}

void check_places(const NginxSite& site, const NginxVerifiers& verifiers, NginxFindings& findings) {
  for (const NginxScope* place : site.locations) {
    const NginxDirective* guard = guard_of(*place);
    if (guard == nullptr || verifiers.contains(place)) continue;
    const NginxDirective* pass = pass_of(*place);
    if (pass != nullptr && goes_to_worker(*pass, verifiers)) {
      findings.add("login-locked", *guard, {guard->argument(0), place->name()});
    }
    if (is_internal(*place)) continue;
    check_return(*place, findings);
    check_rewrite(site, *place, findings);
    for (const auto& inner : place->children) {
      if (inner->is_location()) continue;
      check_return(*inner, findings);
      check_rewrite(site, *inner, findings);
    }
    check_satisfy(*place, findings);
    check_inner_places(*place, findings);
    if (guard_of(*place->parent) == nullptr) check_neighbours(*place, verifiers, findings);
  }
}

}  // namespace userbin::app
