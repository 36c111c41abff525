#include "app/nginx_config.h"

#include <algorithm>
#include <filesystem>
#include <fnmatch.h>
#include <fstream>
#include <functional>
#include <glob.h>
#include <iterator>
#include <map>
#include <memory>
#include <optional>

namespace userbin::app {

namespace {

constexpr std::string_view kMark = "# configuration file /";

/// Configuration files by their path.
class Files {
 public:
  virtual ~Files() = default;
  virtual std::optional<std::string> read(const std::string& path) const = 0;
  /// In the order in which nginx includes them.
  virtual std::vector<std::string> matching(const std::string& pattern) const = 0;
};

class FilesOfDump final : public Files {
 public:
  std::string main_file;

  explicit FilesOfDump(std::string_view text) {
    std::string* current = nullptr;
    std::string ignored;
    while (!text.empty()) {
      const auto end = std::min(text.find('\n'), text.size());
      const std::string_view line = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      if (line.starts_with(kMark) && line.ends_with(':')) {
        const std::string path(line.substr(kMark.size() - 1, line.size() - kMark.size()));
        if (main_file.empty()) main_file = path;
        // nginx prints each file once; a second one would be somebody's comment.
        current = texts_.contains(path) ? &ignored : &texts_[path];
      } else if (current != nullptr) {
        current->append(line).append("\n");
      }
    }
  }

  std::optional<std::string> read(const std::string& path) const override {
    const auto found = texts_.find(path);
    return found == texts_.end() ? std::nullopt : std::optional(found->second);
  }

  std::vector<std::string> matching(const std::string& pattern) const override {
    std::vector<std::string> paths;
    for (const auto& [path, text] : texts_) {
      const int flags = FNM_PATHNAME | FNM_PERIOD;
      if (::fnmatch(pattern.c_str(), path.c_str(), flags) == 0) paths.push_back(path);
    }
    return paths;
  }

 private:
  std::map<std::string, std::string> texts_;
};

class FilesOnDisk final : public Files {
 public:
  FilesOnDisk(std::string main_file, std::string_view main_text, std::size_t max_bytes)
      : main_file_(std::move(main_file)), main_text_(main_text), max_bytes_(max_bytes) {}

  std::optional<std::string> read(const std::string& path) const override {
    if (path == main_file_) return std::string(main_text_);
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error) ||
        std::filesystem::file_size(path, error) > max_bytes_) {
      return std::nullopt;
    }
    std::ifstream file(path, std::ios::binary);
    if (!file) return std::nullopt;
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  std::vector<std::string> matching(const std::string& pattern) const override {
    glob_t found{};
    std::vector<std::string> paths;
    if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
      paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    }
    ::globfree(&found);
    return paths;
  }

 private:
  const std::string main_file_;
  const std::string_view main_text_;
  const std::size_t max_bytes_;
};

class Parser {
 public:
  Parser(const Files& files, std::string prefix, const NginxLimits& limits)
      : files_(files), prefix_(std::move(prefix)), limits_(limits) {}

  /// Adds the directives of a file. `fail` throws, for the place that asked for the file.
  void parse_file(const std::string& path, std::vector<NginxDirective>& out,
                  const std::function<void(const std::string&)>& fail) {
    if (std::find(open_.begin(), open_.end(), path) != open_.end()) fail(describe_circle(path));
    if (open_.size() == limits_.depth)
      fail("too many files include each other; the last is " + path);
    if (++files_read_ > limits_.files) fail("too many files are included; the last is " + path);
    const auto text = files_.read(path);
    if (!text) fail(path + " is included here, but it cannot be read");
    open_.push_back(path);
    NginxLexer lexer(*text, path);
    parse_block(lexer, NginxStatement::End::kText, out);
    open_.pop_back();
  }

 private:
  std::string describe_circle(const std::string& path) const {
    std::string circle = "files include each other in a circle: ";
    for (auto file = std::find(open_.begin(), open_.end(), path); file != open_.end(); ++file) {
      circle += *file + " -> ";
    }
    return circle + path;
  }

  /// Adds directives up to the '}' of their block, or to the end of the file.
  void parse_block(NginxLexer& lexer, NginxStatement::End expected,
                   std::vector<NginxDirective>& out) {
    using End = NginxStatement::End;
    if (++block_depth_ > limits_.depth) fail_at(lexer, "blocks are nested too deeply");
    for (;;) {
      NginxStatement statement = lexer.next();
      if (statement.words.empty()) {
        if (statement.end == expected) break;
        fail_at(lexer, expected == End::kClose ? "the file ends where a '}' is missing"
                                               : "unexpected '}'");
      }
      if (++directives_ > limits_.directives) fail_at(lexer, "there are too many directives");
      NginxDirective directive;
      directive.name = std::move(statement.words.front());
      directive.arguments.assign(std::make_move_iterator(statement.words.begin() + 1),
                                 std::make_move_iterator(statement.words.end()));
      directive.file = lexer.file();
      directive.line = statement.line;
      directive.has_block = statement.end == End::kOpen;
      if (directive.name == "include" && !directive.has_block) {
        include(directive, out);
        continue;
      }
      if (directive.has_block && directive.name.ends_with("_by_lua_block")) {
        lexer.skip_foreign_block();
      } else if (directive.has_block) {
        parse_block(lexer, End::kClose, directive.block);
      }
      out.push_back(std::move(directive));
    }
    --block_depth_;
  }

  void include(const NginxDirective& directive, std::vector<NginxDirective>& out) {
    const auto fail = [&](const std::string& sentence) {
      throw NginxSyntaxError(directive.file, directive.line, sentence);
    };
    if (directive.arguments.size() != 1) fail("'include' takes one name");
    const std::string& name = directive.arguments.front();
    const std::string path = name.starts_with('/') ? name : prefix_ + name;
    if (path.find_first_of("*?[") == std::string::npos) {
      parse_file(path, out, fail);
      return;
    }
    for (const std::string& match : files_.matching(path)) parse_file(match, out, fail);
  }

  [[noreturn]] static void fail_at(const NginxLexer& lexer, const std::string& sentence) {
    throw NginxSyntaxError(lexer.file(), lexer.line(), sentence);
  }

  const Files& files_;
  const std::string prefix_;
  const NginxLimits limits_;
  std::vector<std::string> open_;
  std::size_t files_read_ = 0;
  std::size_t directives_ = 0;
  std::size_t block_depth_ = 0;
};

std::string folder_of(const std::string& path) {
  return path.substr(0, path.rfind('/') + 1);
}

}  // namespace

const std::string& NginxDirective::argument(std::size_t index) const {
  static const std::string kNone;
  return index < arguments.size() ? arguments[index] : kNone;
}

std::string NginxDirective::text() const {
  std::string words = name;
  for (const std::string& argument : arguments) {
    (words += ' ') += argument.empty() ? "\"\"" : argument;
  }
  return words;
}

bool is_nginx_dump(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.starts_with(kMark) && line.ends_with(':')) return true;
    if (!line.empty() && !line.starts_with("nginx: ")) return false;
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return false;
}

std::vector<NginxDirective> parse_nginx_config(std::string_view text, const std::string& path,
                                               const NginxLimits& limits) {
  std::unique_ptr<Files> files;
  std::string main_file = path;
  if (is_nginx_dump(text)) {
    auto dump = std::make_unique<FilesOfDump>(text);
    main_file = dump->main_file;
    files = std::move(dump);
  } else {
    files = std::make_unique<FilesOnDisk>(path, text, limits.file_bytes);
  }
  std::vector<NginxDirective> directives;
  Parser(*files, folder_of(main_file), limits)
      .parse_file(main_file, directives, [&](const std::string& sentence) {
        throw NginxSyntaxError(main_file, 1, sentence);
      });
  return directives;
}

std::vector<NginxDirective> parse_nginx_config(std::string_view text, const std::string& path) {
  return parse_nginx_config(text, path, NginxLimits());
}

}  // namespace userbin::app
