#include <algorithm>
#include <cstdio>
#include <memory>

#include <json/reader.h>

#include "app/user_file.h"
#include "base/json.h"
#include "base/text.h"

namespace userbin::app {

namespace {

/// Numbers lines from 1; asked for offsets in their order, it reads the text once.
class LineCounter {
 public:
  explicit LineCounter(std::string_view text) : text_(text) {}

  std::size_t line_at(std::size_t offset) {
    const auto first = text_.begin() + static_cast<std::ptrdiff_t>(at_);
    const auto last = text_.begin() + static_cast<std::ptrdiff_t>(std::min(offset, text_.size()));
    if (first < last) {
      line_ += static_cast<std::size_t>(std::count(first, last, '\n'));
      at_ = offset;
    }
    return line_;
  }

 private:
  const std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
};

/// jsoncpp says "* Line 3, Column 5\n  What is wrong\n", and may go on.
FileProblem problem_of(const std::string& errors) {
  FileProblem problem{1, "it is not JSON"};
  std::size_t column = 0;
  if (std::sscanf(errors.c_str(), "* Line %zu, Column %zu", &problem.line, &column) == 2) {
    problem.what += " (column " + std::to_string(column) + ")";
  }
  return problem;
}

bool parse(std::string_view text, Json::Value& value, UserFile& file) {
  static const auto builder = [] {
    Json::CharReaderBuilder made;
    made["failIfExtra"] = true;
    made["rejectDupKeys"] = true;
    return made;
  }();
  const std::unique_ptr<Json::CharReader> reader(builder.newCharReader());
  std::string errors;
  try {
    if (reader->parse(text.data(), text.data() + text.size(), &value, &errors)) return true;
    file.problems.push_back(problem_of(errors));
  } catch (const Json::Exception&) {
    file.problems.push_back({1, "it is nested too deep"});
  }
  return false;
}

/// Empty if the element is a user.
std::string flaw_of(const Json::Value& element) {
  if (!element.isObject()) return "it is no object";
  if (!element["username"].isString()) return "it has no text \"username\"";
  if (!element["password"].isString()) return "it has no text \"password\"";
  return "";
}

}  // namespace

UserFile read_json(std::string_view text) {
  UserFile file;
  if (!base::is_utf8(text)) {
    file.problems.push_back({1, "it is not UTF-8"});
    return file;
  }
  Json::Value document;
  if (!parse(text, document, file)) return file;
  const Json::Value& list = document.isObject() ? document["users"] : document;
  if (!list.isArray()) {
    file.problems.push_back(
        {1, "it is no list of users ([{\"username\": ..., \"password\": ...}])"});
    return file;
  }
  LineCounter lines(text);
  for (const Json::Value& element : list) {
    const std::size_t line = lines.line_at(static_cast<std::size_t>(element.getOffsetStart()));
    const std::string flaw = flaw_of(element);
    if (!flaw.empty()) {
      file.problems.push_back({line, flaw});
    } else {
      file.users.push_back({.line = line, .record = element, .is_whole = true});
    }
  }
  return file;
}

WrittenFile write_json(const std::vector<store::User>& users) {
  WrittenFile file{.text = "[", .users = users.size(), .left_out = {}};
  for (const store::User& user : users) {
    file.text += file.text.size() == 1 ? "\n" : ",\n";
    file.text += base::to_json(user.record());
  }
  file.text += users.empty() ? "]\n" : "\n]\n";
  return file;
}

}  // namespace userbin::app
