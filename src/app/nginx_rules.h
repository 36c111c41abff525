// What can be wrong with an nginx configuration that protects places by auth_request.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/nginx_config.h"

namespace userbin::app {

enum class NginxSeverity {
  /// Somebody gets in, or passes for somebody else.
  kHole,
  /// Something does not work.
  kFault,
  /// Worth knowing; it may be meant so.
  kNote,
};

/// "hole", "fault" or "note".
std::string_view word_for(NginxSeverity severity);

struct NginxRule {
  std::string_view name;
  NginxSeverity severity;
  /// Sentences; "{0}", "{1}" and "{2}" stand for what was found.
  std::string_view wrong;
  std::string_view mend;
};

/// The table of rules.
std::span<const NginxRule> nginx_rules();

struct NginxFinding {
  const NginxRule* rule = nullptr;
  std::string file;
  std::size_t line = 0;
  /// Words of the configuration are in it as they are: to be escaped for a terminal.
  std::string wrong;
  std::string mend;
};

/// Looks for all traps in all servers. In the order of files and lines; each trap once at a place,
/// also if the file with it is included many times.
std::vector<NginxFinding> check_nginx_config(const std::vector<NginxDirective>& directives);

/// Whether any place of any server is protected by auth_request.
bool is_anything_protected(const std::vector<NginxDirective>& directives);

}  // namespace userbin::app
