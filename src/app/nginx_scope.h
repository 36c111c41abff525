// Servers and locations of an nginx configuration, with what each inherits.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "app/nginx_config.h"

namespace userbin::app {

/// A `http`, `server`, `location`, or a block within one of them (`if`, `limit_except`).
struct NginxScope {
  enum class Kind { kHttp, kServer, kLocation, kInner };
  /// How a location is chosen; kExact is '=', kFinal '^~', kNamed '@'.
  enum class Match { kNone, kExact, kPrefix, kFinal, kRegex, kNamed };
  using Directives = std::vector<const NginxDirective*>;

  Kind kind = Kind::kHttp;
  Match match = Match::kNone;
  /// Of a location: its path, regular expression or "@name".
  std::string path;
  /// The directive with the block.
  const NginxDirective* directive = nullptr;
  /// That directive, if the text has none.
  std::unique_ptr<NginxDirective> made_directive;
  const NginxScope* parent = nullptr;
  std::vector<std::unique_ptr<NginxScope>> children;

  bool is_location() const { return kind == Kind::kLocation; }
  bool is_named() const { return match == Match::kNamed; }
  /// "location = /verify", or the block's name.
  std::string name() const;

  /// What stands in this very block.
  Directives own(std::string_view directive_name) const;
  /// What is in force here, as nginx inherits it: what stands in the nearest block that has any.
  Directives in_force(std::string_view directive_name) const;
  /// The last of those in force; null if there is none.
  const NginxDirective* setting(std::string_view directive_name) const;
  /// Whether the setting's first argument is `value`; false if there is no setting.
  bool is_set_to(std::string_view directive_name, std::string_view value) const;

  /// The location, server or http block that this block is, or that it stands in.
  const NginxScope& place() const;
};

/// One server, in its configuration. Refers to the scopes, which must live longer.
struct NginxSite {
  NginxSite(const NginxScope& the_server, const NginxScope& root);

  const NginxScope& server;
  /// The http block; the server itself, if the text has none.
  const NginxScope& http;
  /// Of the server, from top to bottom, those within others as well.
  const std::vector<const NginxScope*> locations;
  /// Variables that an auth_request_set of the server sets somewhere, such as "$userbin_user".
  std::set<std::string> answered_variables;

  /// The location that nginx takes for the URI of a subrequest; null if there is none.
  const NginxScope* find_location(const std::string& uri) const;
  const NginxScope* find_named(const std::string& name) const;
  /// The addresses behind a fastcgi_pass: those of the upstream, or the argument itself. Each with
  /// the directive that says it.
  std::vector<std::pair<std::string, const NginxDirective*>> addresses(
      const NginxDirective& pass) const;
};

/// The tree of scopes. Keeps pointers to `directives`, which must stay as they are. A text without
/// `http` or `server` is taken for the inside of one.
std::unique_ptr<NginxScope> make_nginx_scopes(const std::vector<NginxDirective>& directives);

/// All scopes of this kind under `scope`, and itself, from top to bottom.
std::vector<const NginxScope*> all_scopes(const NginxScope& scope, NginxScope::Kind kind);

/// How a place hands a request on: fastcgi_pass, proxy_pass, uwsgi_pass, scgi_pass or grpc_pass;
/// null if it does not.
const NginxDirective* own_pass(const NginxScope& scope);
/// The same, also if it stands in an `if` of the place.
const NginxDirective* pass_of(const NginxScope& scope);

/// The auth_request in force; null if there is none, or it is "off".
const NginxDirective* guard_of(const NginxScope& scope);

/// "$a", "$b" in "x$a-${b}".
std::vector<std::string> variables_in(const std::string& text);

}  // namespace userbin::app
