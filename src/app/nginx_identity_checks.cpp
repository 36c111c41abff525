// What applications behind protected places learn of who is logged in.
#include <algorithm>
#include <array>

#include "app/nginx_checks.h"
#include "base/text.h"

namespace userbin::app {

namespace {

constexpr std::array kIdentities{"Remote-User", "Remote-Groups", "Remote-Name", "Remote-Email"};

/// "Remote-User" as REMOTE_USER.
std::string parameter_name(std::string header) {
  std::transform(header.begin(), header.end(), header.begin(), [](char c) {
    if (c == '-') return '_';
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return header;
}

/// How a protocol of nginx hands on headers and parameters.
struct Way {
  std::string protocol;
  const NginxScope& place;

  bool has_parameters() const { return protocol != "proxy" && protocol != "grpc"; }
  bool passes_headers() const {
    return !place.is_set_to(protocol + "_pass_request_headers", "off");
  }
  /// What is set: the directive by the name of the header or parameter, in lower case.
  std::string directive_name() const {
    return protocol + (has_parameters() ? "_param" : "_set_header");
  }
};

bool is_set(const NginxScope::Directives& lines, const std::string& name) {
  const std::string wanted = base::to_lower_ascii(name);
  return std::any_of(lines.begin(), lines.end(), [&](const NginxDirective* line) {
    return base::to_lower_ascii(line->argument(0)) == wanted;
  });
}

/// Whether a parameter or header, by its name, says who somebody is.
bool is_identity(const std::string& name) {
  std::string plain = parameter_name(name);
  if (plain.starts_with("HTTP_")) plain.erase(0, 5);
  return std::any_of(kIdentities.begin(), kIdentities.end(),
                     [&](const char* identity) { return plain == parameter_name(identity); });
}

/// Whether the client chooses what a variable of nginx says.
bool is_from_client(const std::string& variable) {
  return variable == "$remote_user" || variable.starts_with("$http_") ||
         variable.starts_with("$arg_") || variable.starts_with("$cookie_");
}

void check_values(const NginxSite& site, const NginxScope& place,
                  const NginxScope::Directives& lines, NginxFindings& findings) {
  for (const NginxDirective* line : lines) {
    const std::string& value = line->argument(1);
    for (const std::string& name : variables_unset_in(site, place, value)) {
      findings.add("identity-unset", *place.place().directive, {place.place().name(), name});
    }
    if (!is_identity(line->argument(0))) continue;
    for (const std::string& name : variables_in(value)) {
      if (!is_from_client(name)) continue;
      findings.add("identity-from-client", *line, {line->text(), place.place().name(), name});
    }
  }
}

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

void check_missing(const Way& way, const NginxScope::Directives& lines, NginxFindings& findings) {
  std::vector<std::string> forgeable;
  std::vector<std::string> missing;
  for (const char* identity : kIdentities) {
    const std::string parameter = parameter_name(identity);
    const std::string name = way.has_parameters() ? "HTTP_" + parameter : identity;
    if (way.passes_headers() && !is_set(lines, name)) forgeable.push_back(name);
    if (way.has_parameters() && !is_set(lines, parameter)) missing.push_back(parameter);
  }
  const NginxScope& place = way.place.place();
  if (!forgeable.empty()) {
    const std::string line = "'" + way.directive_name() + " " + forgeable.front() + " ";
    const std::string headers_off =
        way.has_parameters() ? ", or '" + way.protocol + "_pass_request_headers off;'" : "";
    findings.add("identity-forgeable", *place.directive,
                 {place.name(), list_of(forgeable),
                  "set each, also to nothing: " + line + "$userbin_user;' or " + line + "\"\";'" +
                      headers_off + " (one in a location undoes those outside)"});
  } else if (missing.size() == kIdentities.size()) {
    findings.add("identity-missing", *place.directive, {place.name(), list_of(missing)});
  }
}

/// An application that turns headers into parameters takes Remote_User for Remote-User. nginx does
/// the same when it makes parameters, so there what is set counts.
void check_underscores(const NginxSite& site, const Way& way, NginxFindings& findings) {
  if (way.has_parameters() || !way.passes_headers()) return;
  const std::string name = way.place.place().name();
  for (const auto& [setting, value] :
       {std::pair("underscores_in_headers", "on"), std::pair("ignore_invalid_headers", "off")}) {
    if (!site.server.is_set_to(setting, value)) continue;
    const NginxDirective* line = site.server.setting(setting);
    findings.add("identity-underscores", *line, {line->text(), name});
  }
}

/// Of several headers of one name, a variable holds the first.
void check_cookies(const NginxScope& place, NginxFindings& findings) {
  for (const NginxDirective* line : place.in_force("auth_request_set")) {
    if (line->argument(1) != "$upstream_http_set_cookie") continue;
    for (const NginxDirective* header : place.in_force("add_header")) {
      const auto used = variables_in(header->argument(1));
      const bool is_cookie = base::to_lower_ascii(header->argument(0)) == "set-cookie";
      if (!is_cookie || std::count(used.begin(), used.end(), line->argument(0)) == 0) continue;
      findings.add("cookie-first", *line, {line->argument(0)});
    }
  }
}

void check_scope(const NginxSite& site, const NginxScope& scope, const NginxVerifiers& verifiers,
                 NginxFindings& findings) {
  const NginxDirective* pass = own_pass(scope);
  if (pass == nullptr || goes_to_worker(*pass, verifiers)) return;
  const Way way{.protocol = pass->name.substr(0, pass->name.find('_')), .place = scope};
  const auto lines = scope.in_force(way.directive_name());
  check_values(site, scope, lines, findings);
  check_missing(way, lines, findings);
  check_underscores(site, way, findings);
}

}  // namespace

void check_identities(const NginxSite& site, const NginxVerifiers& verifiers,
                      NginxFindings& findings) {
  for (const NginxScope* place : site.locations) {
    if (guard_of(*place) == nullptr || verifiers.contains(place)) continue;
    check_cookies(*place, findings);
    check_scope(site, *place, verifiers, findings);
    for (const auto& inner : place->children) {
      if (!inner->is_location()) check_scope(site, *inner, verifiers, findings);
    }
  }
}

}  // namespace userbin::app
