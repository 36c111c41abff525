#include "app/nginx_syntax.h"

#include "base/text.h"

namespace userbin::app {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";

bool is_one_of(char c, std::string_view set) {
  return set.find(c) != std::string_view::npos;
}

}  // namespace

NginxSyntaxError::NginxSyntaxError(const std::string& file, std::size_t line,
                                   const std::string& sentence)
    : std::runtime_error(file + ":" + std::to_string(line) + ": " + sentence) {}

void NginxLexer::fail(const std::string& sentence) const {
  throw NginxSyntaxError(file_, line_, sentence);
}

char NginxLexer::take() {
  const char c = text_[position_++];
  if (c == '\n') ++line_;
  return c;
}

void NginxLexer::skip_blanks() {
  while (position_ < text_.size()) {
    if (text_[position_] == '#') {
      position_ = std::min(text_.find('\n', position_), text_.size());
    } else if (is_one_of(text_[position_], kBlanks)) {
      take();
    } else {
      return;
    }
  }
}

/// Behind a backslash: what it stands for, added to the word.
char NginxLexer::take_escaped(std::string& word) {
  if (position_ == text_.size()) fail("the text ends within a word");
  const char c = take();
  switch (c) {
    case '"':
    case '\'':
    case '\\': word += c; break;
    case 't': word += '\t'; break;
    case 'r': word += '\r'; break;
    case 'n': word += '\n'; break;
    default: (word += '\\') += c;
  }
  return c;
}

std::string NginxLexer::take_quoted(char quote) {
  const std::size_t first_line = line_;
  std::string word;
  while (position_ < text_.size()) {
    const char c = take();
    if (c == '\\') {
      take_escaped(word);
      continue;
    }
    if (c != quote) {
      word += c;
      continue;
    }
    const bool ends_well = position_ == text_.size() || is_one_of(text_[position_], " \t\r\n;{)");
    if (!ends_well) fail("there is something directly behind a quoted word");
    return word;
  }
  throw NginxSyntaxError(file_, first_line, "a quoted word has no end");
}

std::string NginxLexer::take_word() {
  if (is_one_of(text_[position_], "\"'")) return take_quoted(take());
  std::string word;
  bool is_after_dollar = false;
  while (position_ < text_.size()) {
    const char c = text_[position_];
    const bool opens_name = c == '{' && is_after_dollar;  // ${name}
    if (!opens_name && is_one_of(c, " \t\r\n;{")) break;
    is_after_dollar = c == '$';
    take();
    if (c == '\\') {
      take_escaped(word);
    } else {
      word += c;
    }
  }
  return word;
}

NginxStatement NginxLexer::next() {
  using End = NginxStatement::End;
  NginxStatement statement;
  for (;;) {
    skip_blanks();
    if (statement.words.empty()) statement.line = line_;
    if (position_ == text_.size()) {
      if (!statement.words.empty()) fail("the file ends where a ';' or '{' is missing");
      return statement;
    }
    const char c = text_[position_];
    if (!is_one_of(c, ";{}")) {
      statement.words.push_back(take_word());
      continue;
    }
    // A '}' behind a word, and ';' or '{' without one, make no sense.
    if ((c == '}') != statement.words.empty()) fail(std::string("unexpected '") + c + "'");
    take();
    statement.end = c == ';' ? End::kSemicolon : c == '{' ? End::kOpen : End::kClose;
    return statement;
  }
}

void NginxLexer::skip_foreign_block() {
  const std::size_t first_line = line_;
  for (int depth = 1; position_ < text_.size();) {
    const char c = take();
    if (c == '{') ++depth;
    if (c == '}' && --depth == 0) return;
    if (c == '-' && text_.substr(position_).starts_with('-')) {
      position_ = std::min(text_.find('\n', position_), text_.size());
    }
    if (!is_one_of(c, "\"'")) continue;
    while (position_ < text_.size() && text_[position_] != c && text_[position_] != '\n') {
      if (take() == '\\' && position_ < text_.size()) take();
    }
    if (position_ < text_.size()) take();
  }
  throw NginxSyntaxError(file_, first_line, "a block has no end");
}

}  // namespace userbin::app
