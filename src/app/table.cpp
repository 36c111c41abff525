#include "app/table.h"

#include <algorithm>

#include "base/clock.h"
#include "base/text.h"

namespace userbin::app {

namespace {

constexpr std::size_t kGap = 2;

void append_row(std::string& table, const TableRow& row, const std::vector<std::size_t>& widths) {
  for (std::size_t i = 0; i + 1 < row.size(); ++i) {
    table += row[i];
    table.append(widths[i] - base::count_code_points(row[i]) + kGap, ' ');
  }
  table += row.back();
  table += '\n';
}

}  // namespace

std::string as_table(const TableRow& head, const std::vector<TableRow>& rows) {
  std::vector<std::size_t> widths(head.size());
  const auto widen = [&](const TableRow& row) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], base::count_code_points(row[i]));
    }
  };
  widen(head);
  for (const TableRow& row : rows) widen(row);
  std::string table;
  append_row(table, head, widths);
  for (const TableRow& row : rows) append_row(table, row, widths);
  return table;
}

std::string short_time(const std::string& rfc3339) {
  const auto time = base::parse_rfc3339(rfc3339);
  if (!time) return rfc3339.empty() ? "unknown" : base::escape_for_log(rfc3339, 32);
  std::string text = base::format_rfc3339(*time);
  constexpr std::size_t kDate = 10;
  constexpr std::size_t kToTheSecond = 19;
  text[kDate] = ' ';
  return text.substr(0, kToTheSecond) + "Z";
}

}  // namespace userbin::app
