// The words of nginx's configuration language, as ngx_conf_read_token() of nginx 1.22 splits them.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace userbin::app {

/// The text is no nginx configuration: what() is "FILE:LINE: a sentence".
class NginxSyntaxError : public std::runtime_error {
 public:
  NginxSyntaxError(const std::string& file, std::size_t line, const std::string& sentence);
};

/// Words up to a ';', '{' or '}', without quotes, escapes and comments.
struct NginxStatement {
  enum class End { kSemicolon, kOpen, kClose, kText };

  /// Not empty before ';' and '{'; empty before '}' and at the end of the text.
  std::vector<std::string> words;
  /// Where the first word stands, or else the end; counted from 1.
  std::size_t line = 1;
  End end = End::kText;
};

/// Reads a file's statements one after the other. Keeps views of the text, which must live longer.
class NginxLexer {
 public:
  NginxLexer(std::string_view text, std::string file) : text_(text), file_(std::move(file)) {}

  /// The next statement. Throws NginxSyntaxError; nothing can be read afterwards.
  NginxStatement next();

  /// After a statement that ended with '{': skips to behind its '}', whatever is written between
  /// (Lua); braces in strings and comments of Lua do not count. Throws NginxSyntaxError.
  void skip_foreign_block();

  const std::string& file() const { return file_; }
  std::size_t line() const { return line_; }

 private:
  [[noreturn]] void fail(const std::string& sentence) const;
  char take();
  void skip_blanks();
  std::string take_word();
  std::string take_quoted(char quote);
  char take_escaped(std::string& word);

  const std::string_view text_;
  const std::string file_;
  std::size_t position_ = 0;
  std::size_t line_ = 1;
};

}  // namespace userbin::app
