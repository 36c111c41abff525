// Tables for people at a terminal.
#pragma once

#include <string>
#include <vector>

namespace userbin::app {

using TableRow = std::vector<std::string>;

/// Columns as wide as their widest cell, two spaces apart, a line a row; `head` is the first. All
/// rows have as many cells. Cells are valid UTF-8, and have no control characters.
std::string as_table(const TableRow& head, const std::vector<TableRow>& rows);

/// A time for a cell: "2026-11-23 17:30:00Z".
std::string short_time(const std::string& rfc3339);

}  // namespace userbin::app
