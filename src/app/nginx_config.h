// The configuration of an nginx as a tree: what 'nginx -T' prints, or a file with what it includes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "app/nginx_syntax.h"

namespace userbin::app {

struct NginxDirective {
  std::string name;
  std::vector<std::string> arguments;
  /// Where it stands, also if that file was included.
  std::string file;
  std::size_t line = 0;
  bool has_block = false;
  std::vector<NginxDirective> block;

  /// The argument, or an empty text if there are fewer.
  const std::string& argument(std::size_t index) const;
  /// Name and arguments, as somebody would say them.
  std::string text() const;
};

/// What keeps a hostile or mistaken text from taking all time and memory.
struct NginxLimits {
  /// Files that include each other, and blocks within blocks.
  std::size_t depth = 64;
  /// Files read in all, each time that one is included.
  std::size_t files = 20'000;
  std::size_t directives = 2'000'000;
  std::size_t file_bytes = 64 * 1024 * 1024;
};

/// Whether `text` is the output of 'nginx -T': it begins with a "# configuration file PATH:" (or
/// with what nginx says before it on standard error).
bool is_nginx_dump(std::string_view text);

/// The directives of a configuration, each `include` replaced by what it names.
///
/// `text` is the output of 'nginx -T', whose includes are looked up in the output itself, or else
/// the text of the file `path`, whose includes are read from disk. Relative names are taken from
/// the folder of the main file, as nginx does. Throws NginxSyntaxError; also for a file that is
/// missing, for a circle of includes, and beyond the limits.
std::vector<NginxDirective> parse_nginx_config(std::string_view text, const std::string& path,
                                               const NginxLimits& limits);
std::vector<NginxDirective> parse_nginx_config(std::string_view text, const std::string& path);

}  // namespace userbin::app
