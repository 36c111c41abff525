#include "app/nginx_scope.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace userbin::app {

namespace {

using Kind = NginxScope::Kind;
using Match = NginxScope::Match;

const std::vector<NginxDirective>& body_of(const NginxScope& scope) {
  return scope.directive->block;
}

/// "= /x", "=/x", "~* \.php$", "/x", "@x".
void read_location(NginxScope& scope) {
  struct Modifier {
    std::string_view text;
    Match match;
  };
  constexpr std::array kModifiers{Modifier{"^~", Match::kFinal}, Modifier{"~*", Match::kRegex},
                                  Modifier{"~", Match::kRegex}, Modifier{"=", Match::kExact}};
  scope.match = Match::kPrefix;
  scope.path = scope.directive->argument(0);
  for (const auto& [text, match] : kModifiers) {
    if (!scope.path.starts_with(text)) continue;
    scope.match = match;
    scope.path.erase(0, text.size());
    if (scope.path.empty()) scope.path = scope.directive->argument(1);
    return;
  }
  if (scope.path.starts_with('@')) scope.match = Match::kNamed;
}

Kind kind_of(const NginxDirective& directive) {
  if (directive.name == "http") return Kind::kHttp;
  if (directive.name == "server") return Kind::kServer;
  return directive.name == "location" ? Kind::kLocation : Kind::kInner;
}

/// Whether a block of this name can stand in a scope of that kind; upstreams, maps and the like are
/// no scopes.
bool is_scope(const NginxDirective& directive, Kind parent) {
  if (!directive.has_block) return false;
  if (parent == Kind::kHttp) return directive.name == "server";
  return directive.name == "location" || directive.name == "if" || directive.name == "limit_except";
}

void add_children(NginxScope& scope) {
  for (const NginxDirective& directive : body_of(scope)) {
    if (!is_scope(directive, scope.kind)) continue;
    auto child = std::make_unique<NginxScope>();
    child->kind = kind_of(directive);
    child->directive = &directive;
    child->parent = &scope;
    if (child->is_location()) read_location(*child);
    add_children(*child);
    scope.children.push_back(std::move(child));
  }
}

/// A block around a text that has none.
std::unique_ptr<NginxScope> make_root(Kind kind, const std::vector<NginxDirective>& directives) {
  auto root = std::make_unique<NginxScope>();
  root->kind = kind;
  root->made_directive = std::make_unique<NginxDirective>();
  root->made_directive->name = kind == Kind::kHttp ? "http" : "server";
  root->made_directive->line = 1;
  root->made_directive->has_block = true;
  root->made_directive->block = directives;
  if (!directives.empty()) root->made_directive->file = directives.front().file;
  root->directive = root->made_directive.get();
  return root;
}

void collect(const NginxScope& scope, Kind kind, std::vector<const NginxScope*>& found) {
  if (scope.kind == kind) found.push_back(&scope);
  for (const auto& child : scope.children) collect(*child, kind, found);
}

/// The exact location, or else the longest prefix; regular expressions are left out.
const NginxScope* find_in(const NginxScope& scope, const std::string& uri) {
  const NginxScope* best = nullptr;
  for (const auto& child : scope.children) {
    if (child->match == Match::kExact && child->path == uri) return child.get();
    const bool is_prefix = child->match == Match::kPrefix || child->match == Match::kFinal;
    if (!is_prefix || !uri.starts_with(child->path)) continue;
    if (best == nullptr || child->path.size() > best->path.size()) best = child.get();
  }
  const NginxScope* inner = best == nullptr ? nullptr : find_in(*best, uri);
  return inner == nullptr ? best : inner;
}

}  // namespace

std::string NginxScope::name() const {
  return directive->text();
}

NginxScope::Directives NginxScope::own(std::string_view directive_name) const {
  Directives found;
  for (const NginxDirective& candidate : body_of(*this)) {
    if (candidate.name == directive_name) found.push_back(&candidate);
  }
  return found;
}

NginxScope::Directives NginxScope::in_force(std::string_view directive_name) const {
  for (const NginxScope* scope = this; scope != nullptr; scope = scope->parent) {
    Directives found = scope->own(directive_name);
    if (!found.empty()) return found;
  }
  return {};
}

const NginxDirective* NginxScope::setting(std::string_view directive_name) const {
  const Directives found = in_force(directive_name);
  return found.empty() ? nullptr : found.back();
}

bool NginxScope::is_set_to(std::string_view directive_name, std::string_view value) const {
  const NginxDirective* found = setting(directive_name);
  return found != nullptr && found->argument(0) == value;
}

const NginxScope& NginxScope::place() const {
  const NginxScope* scope = this;
  while (scope->kind == Kind::kInner) scope = scope->parent;
  return *scope;
}

NginxSite::NginxSite(const NginxScope& the_server, const NginxScope& root)
    : server(the_server), http(root), locations(all_scopes(the_server, Kind::kLocation)) {
  const auto add = [&](const NginxScope& scope) {
    for (const NginxDirective* line : scope.own("auth_request_set")) {
      answered_variables.insert(line->argument(0));
    }
  };
  add(http);
  add(server);
  for (const NginxScope* location : locations) add(*location);
}

const NginxScope* NginxSite::find_location(const std::string& uri) const {
  return find_in(server, uri);
}

const NginxScope* NginxSite::find_named(const std::string& name) const {
  for (const auto& child : server.children) {
    if (child->is_named() && child->path == name) return child.get();
  }
  return nullptr;
}

std::vector<std::pair<std::string, const NginxDirective*>> NginxSite::addresses(
    const NginxDirective& pass) const {
  std::vector<std::pair<std::string, const NginxDirective*>> found;
  for (const NginxDirective* upstream : http.own("upstream")) {
    if (upstream->argument(0) != pass.argument(0)) continue;
    for (const NginxDirective& line : upstream->block) {
      if (line.name == "server") found.emplace_back(line.argument(0), &line);
    }
  }
  const bool may_be_upstream = pass.argument(0).find_first_of(":/$") == std::string::npos;
  if (found.empty() && !may_be_upstream) found.emplace_back(pass.argument(0), &pass);
  return found;
}

std::unique_ptr<NginxScope> make_nginx_scopes(const std::vector<NginxDirective>& directives) {
  const auto find = [&](std::string_view name) {
    return std::find_if(directives.begin(), directives.end(), [&](const NginxDirective& directive) {
      return directive.name == name && directive.has_block;
    });
  };
  std::unique_ptr<NginxScope> root;
  if (const auto http = find("http"); http != directives.end()) {
    root = std::make_unique<NginxScope>();
    root->directive = &*http;
  } else {
    const bool is_inside_server =
        find("server") == directives.end() && find("location") != directives.end();
    root = make_root(is_inside_server ? Kind::kServer : Kind::kHttp, directives);
  }
  add_children(*root);
  return root;
}

std::vector<const NginxScope*> all_scopes(const NginxScope& scope, Kind kind) {
  std::vector<const NginxScope*> found;
  collect(scope, kind, found);
  return found;
}

const NginxDirective* own_pass(const NginxScope& scope) {
  for (const char* name : {"fastcgi_pass", "proxy_pass", "uwsgi_pass", "scgi_pass", "grpc_pass"}) {
    const auto found = scope.own(name);
    if (!found.empty()) return found.back();
  }
  return nullptr;
}

const NginxDirective* pass_of(const NginxScope& scope) {
  if (const NginxDirective* pass = own_pass(scope)) return pass;
  for (const auto& child : scope.children) {
    const bool is_inner = child->kind == Kind::kInner;
    const NginxDirective* pass = is_inner ? own_pass(*child) : nullptr;
    if (pass != nullptr) return pass;
  }
  return nullptr;
}

const NginxDirective* guard_of(const NginxScope& scope) {
  const NginxDirective* guard = scope.setting("auth_request");
  return guard == nullptr || guard->argument(0) == "off" ? nullptr : guard;
}

std::vector<std::string> variables_in(const std::string& text) {
  std::vector<std::string> names;
  for (auto at = text.find('$'); at != std::string::npos; at = text.find('$', at + 1)) {
    std::size_t first = at + 1;
    if (text.substr(first).starts_with('{')) ++first;
    std::size_t end = first;
    while (end < text.size() &&
           (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_')) {
      ++end;
    }
    if (end > first) names.push_back("$" + text.substr(first, end - first));
  }
  return names;
}

}  // namespace userbin::app
