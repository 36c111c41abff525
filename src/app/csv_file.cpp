#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "app/user_file.h"
#include "base/text.h"

namespace userbin::app {

namespace {

constexpr std::array<std::string_view, 7> kColumns{"username", "password", "role",      "disabled",
                                                   "name",     "email",    "created_at"};
constexpr const char* kHashColumn = "hash";
/// Written only if somebody waits.
constexpr const char* kWaitingColumn = "waiting";

bool is_flag(std::string_view name) {
  return name == "disabled" || name == kWaitingColumn;
}

bool is_known_column(std::string_view name) {
  return name == kHashColumn || is_flag(name) ||
         std::find(kColumns.begin(), kColumns.end(), name) != kColumns.end();
}

/// A record of RFC 4180, section 2.
struct Row {
  std::size_t line = 0;
  std::vector<std::string> cells;
  /// Empty if it is well-formed.
  std::string flaw;
  bool is_blank() const { return cells.size() == 1 && cells[0].empty() && flaw.empty(); }
};

/// Takes rows off the front of a text.
class RowReader {
 public:
  explicit RowReader(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ == text_.size(); }

  Row next() {
    Row row{.line = line_, .cells = {}, .flaw = ""};
    const std::size_t first = at_;
    do {
      row.cells.push_back(cell(row));
    } while (take(','));
    if (!base::is_utf8(text_.substr(first, at_ - first))) row.flaw = "it is not UTF-8";
    return row;
  }

 private:
  bool take(char wanted) {
    if (at_end() || text_[at_] != wanted) {
      if (wanted == ',') end_line();
      return false;
    }
    ++at_;
    return true;
  }

  void end_line() {
    at_ = std::min(text_.find('\n', at_), text_.size());
    if (!at_end()) ++at_;
    ++line_;
  }

  std::string cell(Row& row) {
    if (!at_end() && text_[at_] == '"') return quoted(row);
    const std::size_t end = std::min(text_.find_first_of(",\n", at_), text_.size());
    std::string_view plain = text_.substr(at_, end - at_);
    at_ = end;
    const bool is_last = at_end() || text_[at_] == '\n';
    if (is_last && plain.ends_with('\r')) plain.remove_suffix(1);
    if (plain.find('"') != std::string_view::npos) {
      row.flaw = "a cell with a quotation mark in it is not quoted";
    }
    return std::string(plain);
  }

  std::string quoted(Row& row) {
    std::string text;
    for (++at_;; ++at_) {
      if (at_end()) {
        row.flaw = "a quotation mark is not closed";
        return text;
      }
      if (text_[at_] == '"') {
        ++at_;
        if (at_end() || text_[at_] != '"') break;
      }
      if (text_[at_] == '\n') ++line_;
      text += text_[at_];
    }
    if (text_.substr(at_, 2) == "\r\n" || text_.substr(at_) == "\r") ++at_;
    if (!at_end() && text_[at_] != ',' && text_[at_] != '\n') {
      row.flaw = "something follows a closing quotation mark";
      at_ = std::min(text_.find_first_of(",\n", at_), text_.size());
    }
    return text;
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
};

/// The names of the columns; known ones in lower case, "hash" as it is.
struct Header {
  std::vector<std::string> columns;
  std::string flaw;
};

Header header_of(const Row& row) {
  Header header{.columns = {}, .flaw = row.flaw};
  std::set<std::string> seen;
  for (const std::string& cell : row.cells) {
    const std::string lower = base::to_lower_ascii(cell);
    const std::string name = is_known_column(lower) ? lower : cell;
    if (name.empty()) header.flaw = "a column has no name";
    if (!seen.insert(name == kHashColumn ? "password" : name).second) {
      header.flaw = "two columns are for the same";
    }
    header.columns.push_back(name);
  }
  if (row.flaw.empty() && (!seen.contains("username") || !seen.contains("password"))) {
    header.flaw =
        "the first line must name the columns, username and password (or hash) among "
        "them, with commas between";
  }
  return header;
}

/// nullopt if the text is neither.
std::optional<bool> flag_in(const std::string& text) {
  const std::string lower = base::to_lower_ascii(text);
  if (lower == "true" || lower == "yes" || lower == "1") return true;
  if (lower == "false" || lower == "no" || lower == "0" || lower.empty()) return false;
  return std::nullopt;
}

/// Empty if the row is a user.
std::string read_row(const Row& row, const Header& header, FileUser& user) {
  if (!row.flaw.empty()) return row.flaw;
  if (row.cells.size() != header.columns.size()) {
    return "it has " + std::to_string(row.cells.size()) + " cells, the header " +
           std::to_string(header.columns.size());
  }
  user.line = row.line;
  for (std::size_t i = 0; i < row.cells.size(); ++i) {
    const std::string& name = header.columns[i];
    const std::string& cell = row.cells[i];
    const bool is_required = name == "username" || name == "password" || name == kHashColumn;
    if (name == kHashColumn) user.must_be_hash = true;
    Json::Value value = cell.empty() && !is_required ? Json::Value() : Json::Value(cell);
    if (is_flag(name)) {
      const auto flag = flag_in(cell);
      if (!flag) return "\"" + name + "\" is neither true nor false";
      value = *flag ? Json::Value(true) : Json::Value();
    }
    user.record[name == kHashColumn ? "password" : name] = std::move(value);
  }
  return "";
}

std::string cell_of(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

/// Whether a column can hold the field, for all that have it as a text.
bool can_be_column(const std::string& name) {
  return !name.empty() && !is_known_column(base::to_lower_ascii(name));
}

/// What an import makes anew.
bool is_made_anew(const std::string& name) {
  return name == "updated_at" || name == "incarnation";
}

/// The columns beyond kColumns. Counts the fields that cannot be in one.
std::set<std::string> more_columns(const std::vector<store::User>& users, std::size_t& left_out) {
  std::set<std::string> columns;
  for (const store::User& user : users) {
    if (user.waiting()) columns.insert(kWaitingColumn);
    const Json::Value& record = user.record();
    for (auto field = record.begin(); field != record.end(); ++field) {
      const std::string name = field.name();
      const bool is_known = std::find(kColumns.begin(), kColumns.end(), name) != kColumns.end();
      if (is_made_anew(name) || is_flag(name) || (is_known && field->isString())) continue;
      if (field->isString() && can_be_column(name)) {
        columns.insert(name);
      } else {
        ++left_out;
      }
    }
  }
  return columns;
}

std::string text_in(const store::User& user, const std::string& name) {
  if (name == "disabled") return user.disabled() ? "true" : "";
  if (name == kWaitingColumn) return user.waiting() ? "true" : "";
  const Json::Value& value = user.record()[name];
  return value.isString() ? value.asString() : "";
}

}  // namespace

UserFile read_csv(std::string_view text) {
  UserFile file;
  RowReader rows(text);
  Row first{.line = 1, .cells = {""}, .flaw = ""};
  while (first.is_blank() && !rows.at_end()) first = rows.next();
  const Header header = header_of(first);
  if (!header.flaw.empty()) {
    file.problems.push_back({first.line, header.flaw});
    return file;
  }
  while (!rows.at_end()) {
    const Row row = rows.next();
    if (row.is_blank()) continue;
    FileUser user;
    const std::string flaw = read_row(row, header, user);
    if (flaw.empty()) {
      file.users.push_back(std::move(user));
    } else {
      file.problems.push_back({row.line, flaw});
    }
  }
  return file;
}

WrittenFile write_csv(const std::vector<store::User>& users) {
  WrittenFile file{.text = "", .users = users.size(), .left_out = {}};
  std::size_t left_out = 0;
  std::vector<std::string> columns(kColumns.begin(), kColumns.end());
  for (const std::string& name : more_columns(users, left_out)) columns.push_back(name);
  const auto add_row = [&](const auto& cell) {
    for (const std::string& name : columns) {
      file.text += cell_of(cell(name));
      file.text += ',';
    }
    file.text.back() = '\n';
  };
  add_row([](const std::string& name) { return name; });
  for (const store::User& user : users) {
    add_row([&](const std::string& name) { return text_in(user, name); });
  }
  if (left_out > 0) {
    file.left_out.push_back(std::to_string(left_out) +
                            " fields left out: they are no texts, or named like a column; json "
                            "has them");
  }
  return file;
}

}  // namespace userbin::app
