// The verifier's location, and what it is told that a place requires.
#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include "app/nginx_checks.h"

namespace userbin::app {

namespace {

constexpr std::string_view kRequirement = "$userbin_require";

/// The parameters of this name that are passed on.
NginxScope::Directives parameters(const NginxScope& scope, std::string_view name) {
  NginxScope::Directives found = scope.in_force("fastcgi_param");
  std::erase_if(found, [&](const NginxDirective* line) { return line->argument(0) != name; });
  return found;
}

void check_fastcgi(const NginxScope& verifier, const NginxDirective& pass,
                   NginxFindings& findings) {
  const std::string name = verifier.name();
  if (!verifier.is_set_to("fastcgi_pass_request_body", "off")) {
    findings.add("verifier-body", pass, {name});
  }
  if (!verifier.is_set_to("fastcgi_pass_request_headers", "off")) {
    findings.add("verifier-headers", pass, {name});
  }
  for (const NginxDirective* line : parameters(verifier, "REMOTE_USER")) {
    if (line->argument(1) == "$remote_user") {
      findings.add("verifier-remote-user", *line, {name, line->argument(1)});
    }
  }
  if (parameters(verifier, "DOCUMENT_URI").empty()) {
    findings.add("verifier-document-uri", pass, {name});
  }
  if (verifier.is_set_to("fastcgi_keep_conn", "on")) {
    findings.add("verifier-keep-conn", *verifier.setting("fastcgi_keep_conn"), {name});
  }
}

void check_proxy(const NginxScope& verifier, const NginxDirective& pass, NginxFindings& findings) {
  const auto headers = verifier.in_force("proxy_set_header");
  const bool has_no_length =
      std::any_of(headers.begin(), headers.end(), [](const NginxDirective* line) {
        return line->argument(0) == "Content-Length" && line->argument(1).empty();
      });
  if (verifier.is_set_to("proxy_pass_request_body", "off") && has_no_length) return;
  findings.add("verifier-proxy-body", pass, {verifier.name()});
}

/// nginx's "10", "10s", "5m", "1h30m", "1d" in seconds; 0 if it is none.
std::int64_t seconds_of(const std::string& text) {
  struct Unit {
    char letter;
    std::int64_t seconds;
  };
  constexpr std::array kUnits{Unit{'s', 1},         Unit{'m', 60},      Unit{'h', 3600},
                              Unit{'d', 86'400},    Unit{'w', 604'800}, Unit{'M', 2'592'000},
                              Unit{'y', 31'536'000}};
  constexpr std::int64_t kMax = std::numeric_limits<std::int32_t>::max();
  std::int64_t sum = 0;
  std::int64_t number = 0;
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      number = std::min(number * 10 + (c - '0'), kMax);
      continue;
    }
    const auto* const unit = std::find_if(kUnits.begin(), kUnits.end(),
                                          [&](const Unit& each) { return each.letter == c; });
    if (unit == kUnits.end()) return 0;
    sum = std::min(sum + number * unit->seconds, kMax);
    number = 0;
  }
  return sum + number;
}

void check_cache_time(const NginxScope& verifier, const std::string& protocol,
                      NginxFindings& findings) {
  constexpr std::int64_t kLong = 10;
  const auto ignored = verifier.in_force(protocol + "_ignore_headers");
  const bool ignores_no_store =
      std::any_of(ignored.begin(), ignored.end(), [](const NginxDirective* line) {
        return std::count(line->arguments.begin(), line->arguments.end(), "Cache-Control") > 0;
      });
  if (!ignores_no_store) return;  // the worker says no-store, so nothing is kept
  for (const NginxDirective* line : verifier.in_force(protocol + "_cache_valid")) {
    const auto& words = line->arguments;
    const bool is_for_200 = words.size() == 1 ||
                            std::count(words.begin(), words.end(), "200") > 0 ||
                            std::count(words.begin(), words.end(), "any") > 0;
    if (words.empty() || !is_for_200 || seconds_of(words.back()) <= kLong) continue;
    findings.add("verifier-cache-long", *line, {line->text(), words.back()});
  }
}

void check_cache(const NginxScope& verifier, const std::string& protocol, bool is_role_asked,
                 NginxFindings& findings) {
  const NginxDirective* cache = verifier.setting(protocol + "_cache");
  if (cache == nullptr || cache->argument(0) == "off") return;
  check_cache_time(verifier, protocol, findings);
  const NginxDirective* key = verifier.setting(protocol + "_cache_key");
  const auto inside = variables_in(key == nullptr ? "" : key->argument(0));
  std::string missing;
  for (const std::string_view needed :
       {std::string_view("$http_authorization"), std::string_view("$http_cookie"), kRequirement}) {
    const bool is_needed = needed != kRequirement || is_role_asked;
    if (!is_needed || std::count(inside.begin(), inside.end(), needed) > 0) continue;
    missing += (missing.empty() ? "" : ", ") + std::string(needed);
  }
  if (missing.empty()) return;
  findings.add("verifier-cache-key", key == nullptr ? *cache : *key,
               {verifier.name(), missing, protocol});
}

bool is_on_this_machine(const std::string& address) {
  return address.starts_with("unix:") || address.starts_with("127.") ||
         address.starts_with("[::1]") || address == "localhost" ||
         address.starts_with("localhost:");
}

/// What a scope itself requires; null if nothing.
const NginxDirective* own_requirement(const NginxScope& scope) {
  for (const NginxDirective* line : scope.own("set")) {
    if (line->argument(0) == kRequirement) return line;
  }
  return nullptr;
}

void check_map(const NginxScope& http, NginxFindings& findings) {
  constexpr std::array kChangeable{"$uri",  "$document_uri", "$request_uri", "$request_filename",
                                   "$args", "$query_string", "$request"};
  for (const NginxDirective* map : http.own("map")) {
    if (map->argument(1) != kRequirement) continue;
    for (const std::string& name : variables_in(map->argument(0))) {
      const bool is_changeable =
          name.starts_with("$arg_") || std::count(kChangeable.begin(), kChangeable.end(), name) > 0;
      if (is_changeable) findings.add("require-by-uri", *map, {name});
    }
  }
}

/// A location within one that requires something inherits its auth_request, but no `set`.
void check_inheritance(const NginxScope& place, NginxFindings& findings) {
  if (own_requirement(place) != nullptr) return;
  for (const NginxScope* outer = place.parent; outer->is_location(); outer = outer->parent) {
    const NginxDirective* required = own_requirement(*outer);
    if (required == nullptr) continue;
    if (required->argument(1).empty()) return;
    findings.add("require-lost", *place.directive, {place.name(), outer->name(), required->text()});
    return;
  }
}

void check_places_requirements(const NginxSite& site, const NginxVerifiers& verifiers,
                               NginxFindings& findings) {
  for (const NginxScope* place : site.locations) {
    const NginxDirective* required = own_requirement(*place);
    if (verifiers.contains(place)) {
      if (required) findings.add("require-in-verifier", *required, {required->text()});
      continue;
    }
    const bool is_guarded = guard_of(*place) != nullptr;
    if (is_guarded) check_inheritance(*place, findings);
    if (required == nullptr || required->argument(1).empty()) continue;
    const std::string& value = required->argument(1);
    if (!is_guarded) findings.add("require-unasked", *required, {required->text(), place->name()});
    if (!value.starts_with("role:") && value.find('$') == std::string::npos) {
      findings.add("require-unknown", *required, {required->text()});
    }
  }
}

/// Whether some place that asks this verifier requires something.
bool is_any_required(const NginxSite& site, const NginxScope& verifier,
                     const NginxVerifiers& verifiers) {
  return std::any_of(site.locations.begin(), site.locations.end(), [&](const NginxScope* place) {
    const NginxDirective* required = own_requirement(*place);
    return required != nullptr && !required->argument(1).empty() &&
           verifier_of(site, *place, verifiers) == &verifier;
  });
}

}  // namespace

void check_verifiers(const NginxSite& site, const NginxVerifiers& verifiers,
                     NginxFindings& findings) {
  for (const NginxScope* verifier : verifiers) {
    const NginxDirective& pass = *pass_of(*verifier);
    const std::string protocol = pass.name.substr(0, pass.name.find('_'));
    if (verifier->own("internal").empty()) {
      findings.add("verifier-public", *verifier->directive, {verifier->name()});
    }
    check_cache(*verifier, protocol, is_any_required(site, *verifier, verifiers), findings);
    if (protocol == "proxy") check_proxy(*verifier, pass, findings);
    if (protocol != "fastcgi") continue;
    check_fastcgi(*verifier, pass, findings);
    for (const auto& [address, line] : site.addresses(pass)) {
      if (!is_on_this_machine(address)) findings.add("worker-reachable", *line, {address});
    }
  }
}

void check_requirements(const NginxSite& site, const NginxVerifiers& verifiers,
                        NginxFindings& findings) {
  if (const NginxDirective* required = own_requirement(site.server)) {
    findings.add("require-at-server", *required, {required->text()});
  }
  for (const auto& inner : site.server.children) {
    const NginxDirective* required = inner->is_location() ? nullptr : own_requirement(*inner);
    if (required != nullptr) findings.add("require-at-server", *required, {required->text()});
  }
  check_map(site.http, findings);
  check_places_requirements(site, verifiers, findings);
  for (const NginxScope* verifier : verifiers) {
    const NginxDirective& pass = *pass_of(*verifier);
    const bool is_told = !parameters(*verifier, "USERBIN_REQUIRE").empty();
    if (pass.name != "fastcgi_pass" || is_told) continue;
    if (!is_any_required(site, *verifier, verifiers)) continue;
    findings.add("require-unpassed", pass, {verifier->name()});
  }
}

}  // namespace userbin::app
