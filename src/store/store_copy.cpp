#include "store/store_copy.h"

#include <deque>
#include <optional>

#include "store/binding.h"

namespace userbin::store {

using soci::into;

namespace {

constexpr std::size_t kRowsAtOnce = 1000;
/// In bin_state, which is copied last: as the first store has no such row, it goes with the end.
constexpr const char* kMark = "copying from";

struct Column {
  const char* name;
  bool is_number = false;
};

struct Table {
  const char* name;
  std::vector<Column> columns;
  /// How many of them, from the first, tell rows apart.
  std::size_t key_columns;
};

/// Every table of the schema but schema_version and leases.
const std::vector<Table>& tables() {
  static const std::vector<Table> kTables{
      {"users", {{"name"}, {"record"}, {"revision", true}, {"in_bin", true}}, 1},
      {"deletions", {{"name"}, {"kept_until", true}, {"former"}}, 1},
      {"sessions",
       {{"token_hash"},
        {"name"},
        {"created_at", true},
        {"last_seen_at", true},
        {"expires_at", true},
        {"remember", true},
        {"client"},
        {"user_agent"}},
       1},
      {"invitations",
       {{"token_hash"}, {"role"}, {"maker"}, {"created_at", true}, {"expires_at", true}},
       1},
      {"throttle",
       {{"kind", true},
        {"name"},
        {"client"},
        {"failures", true},
        {"changed_at", true},
        {"held_until", true},
        {"forget_at", true},
        {"stamp", true},
        {"saved_by"}},
       3},
      {"throttle_gone", {{"kind", true}, {"name"}, {"client"}, {"stamp", true}, {"saved_by"}}, 3},
      {"throttle_stamp", {{"id", true}, {"stamp", true}}, 1},
      {"throttle_lifts", {{"name"}, {"client"}, {"lifted_at", true}}, 3},
      {"throttle_state", {{"name"}, {"value"}}, 1},
      {"bin_notes", {{"name"}, {"bin"}, {"common"}, {"written"}, {"merged"}}, 1},
      {"bin_versions", {{"name"}, {"number", true}, {"record"}}, 2},
      {"bin_set_aside", {{"name"}, {"record"}}, 2},
      {"bin_requests", {{"hour", true}, {"count", true}}, 1},
      {"bin_state", {{"name"}, {"value"}}, 1},
  };
  return kTables;
}

/// The values of a row as texts.
using Row = std::vector<std::string>;

/// "a, b" of the first `count` columns, each as `as` says.
template <typename As>
std::string joined(const Table& table, std::size_t count, const As& as) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text += (i == 0 ? "" : ", ") + as(table.columns[i], i);
  }
  return text;
}

std::string plain(const Column& column, std::size_t /*index*/) {
  return column.name;
}

std::string as_text(const Column& column, std::size_t /*index*/) {
  return column.is_number ? "CAST(" + std::string(column.name) + " AS TEXT)" : column.name;
}

std::string bound(const Column& column, std::size_t index) {
  const std::string variable = ":v" + std::to_string(index);
  return column.is_number ? "CAST(" + variable + " AS BIGINT)" : variable;
}

void prepare(soci::statement& statement, const std::string& sql) {
  statement.alloc();
  statement.prepare(sql);
  statement.define_and_bind();
}

/// The next rows behind `after`, in the order of their keys.
std::vector<Row> read_rows(Database& database, const Table& table,
                           const std::optional<Row>& after) {
  const std::size_t keys = table.key_columns;
  const std::string behind =
      after ? " WHERE (" + joined(table, keys, plain) + ") > (" + joined(table, keys, bound) + ")"
            : "";
  const std::string sql = "SELECT " + joined(table, table.columns.size(), as_text) + " FROM " +
                          table.name + behind + " ORDER BY " + joined(table, keys, plain) +
                          " LIMIT " + std::to_string(kRowsAtOnce);
  return database.read([&](Connection& connection) {
    soci::statement statement(connection.sql());
    Row row(table.columns.size());
    for (std::string& value : row) statement.exchange(into(value));
    for (std::size_t i = 0; after && i < keys; ++i) statement.exchange(use((*after)[i]));
    prepare(statement, sql);
    std::vector<Row> rows;
    statement.execute();
    while (statement.fetch()) rows.push_back(row);
    return rows;
  });
}

/// The rows of a table one after another, in the order of their keys.
class Reader {
 public:
  Reader(Database& database, const Table& table) : database_(database), table_(table) { fill(); }

  /// nullptr at the end.
  const Row* row() const { return rows_.empty() ? nullptr : &rows_.front(); }
  void advance() {
    last_ = std::move(rows_.front());
    rows_.pop_front();
    if (rows_.empty() && !is_at_end_) fill();
  }

 private:
  void fill() {
    auto rows = read_rows(database_, table_, last_);
    is_at_end_ = rows.size() < kRowsAtOnce;
    rows_.assign(std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
  }

  Database& database_;
  const Table& table_;
  std::deque<Row> rows_;
  std::optional<Row> last_;
  bool is_at_end_ = false;
};

/// Less than 0 if `a` comes before `b`. The end comes after everything.
int compare_keys(const Table& table, const Row* a, const Row* b) {
  if (a == nullptr || b == nullptr) return (a == nullptr ? 1 : 0) - (b == nullptr ? 1 : 0);
  for (std::size_t i = 0; i < table.key_columns; ++i) {
    const std::string& left = (*a)[i];
    const std::string& right = (*b)[i];
    if (left == right) continue;
    const bool is_less =
        table.columns[i].is_number ? std::stoll(left) < std::stoll(right) : left < right;
    return is_less ? -1 : 1;
  }
  return 0;
}

/// Gathers changes to a table, and makes them in transactions.
class Writer {
 public:
  Writer(Database& database, const Table& table) : database_(database), table_(table) {}

  void put(const Row& row) { add(row, true); }
  void drop(const Row& row) { add(row, false); }

  void flush() {
    if (changes_.empty()) return;
    database_.write([&](Connection& connection) {
      soci::transaction transaction(connection.sql());
      for (Change& change : changes_) apply(connection, change);
      transaction.commit();
      return true;
    });
    changes_.clear();
  }

 private:
  struct Change {
    Row row;
    bool is_put;
  };

  void add(const Row& row, bool is_put) {
    changes_.push_back({row, is_put});
    if (changes_.size() >= kRowsAtOnce) flush();
  }

  void apply(Connection& connection, Change& change) {
    const std::size_t keys = table_.key_columns;
    const std::string name = table_.name;
    run(connection, change.row, keys,
        "DELETE FROM " + name + " WHERE (" + joined(table_, keys, plain) + ") = (" +
            joined(table_, keys, bound) + ")");
    if (!change.is_put) return;
    const std::size_t all = table_.columns.size();
    run(connection, change.row, all,
        "INSERT INTO " + name + " (" + joined(table_, all, plain) + ") VALUES (" +
            joined(table_, all, bound) + ")");
  }

  static void run(Connection& connection, Row& row, std::size_t count, const std::string& sql) {
    soci::statement statement(connection.sql());
    for (std::size_t i = 0; i < count; ++i) statement.exchange(use(row[i]));
    prepare(statement, sql);
    statement.execute(true);
  }

  Database& database_;
  const Table& table_;
  std::vector<Change> changes_;
};

std::size_t count_rows(Database& database, const std::string& table) {
  return database.read([&](Connection& connection) {
    long long count = 0;
    execute_once(connection.sql(), "SELECT COUNT(*) FROM " + table, into(count));
    return static_cast<std::size_t>(count);
  });
}

/// Walks through both in the order of their keys. nullptr: only counts.
TableCopy walk(Database& from, Database& to, const Table& table, Writer* writer,
               const CopyProgress& progress) {
  TableCopy copy{.table = table.name};
  const std::size_t total = count_rows(from, table.name);
  Reader wanted(from, table);
  Reader present(to, table);
  while (wanted.row() != nullptr || present.row() != nullptr) {
    const int order = compare_keys(table, wanted.row(), present.row());
    if (order > 0) {
      ++copy.surplus;
      if (writer != nullptr) writer->drop(*present.row());
      present.advance();
      continue;
    }
    if (order < 0 || *wanted.row() != *present.row()) {
      ++copy.differing;
      if (writer != nullptr) writer->put(*wanted.row());
    }
    if (order == 0) present.advance();
    wanted.advance();
    progress(copy.table, ++copy.rows, total);
  }
  if (writer != nullptr) writer->flush();
  return copy;
}

std::string mark_in(Database& database) {
  return database.read([&](Connection& connection) {
    std::string mark;
    const std::string name = kMark;
    execute_once(connection.sql(),
                 "SELECT COALESCE(MAX(value), '') FROM bin_state WHERE name = :name", into(mark),
                 use(name));
    return mark;
  });
}

void set_mark(Database& database, const std::string& place) {
  database.write([&](Connection& connection) {
    const std::string name = kMark;
    execute_once(connection.sql(),
                 "INSERT INTO bin_state (name, value) VALUES (:name, :place)"
                 " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                 use(name), use(place));
    return true;
  });
}

}  // namespace

CopyStart begin_copy(Database& from, Database& to, bool may_replace) {
  if (mark_in(to) == from.name()) return CopyStart::kResumed;
  if (count_rows(to, "users") > 0 && !may_replace) return CopyStart::kOccupied;
  set_mark(to, from.name());
  return CopyStart::kFresh;
}

std::vector<TableCopy> copy_store(Database& from, Database& to, const CopyProgress& progress) {
  std::vector<TableCopy> copies;
  for (const Table& table : tables()) {
    Writer writer(to, table);
    copies.push_back(walk(from, to, table, &writer, progress));
  }
  return copies;
}

std::vector<TableCopy> compare_stores(Database& from, Database& to, const CopyProgress& progress) {
  std::vector<TableCopy> copies;
  for (const Table& table : tables()) {
    copies.push_back(walk(from, to, table, nullptr, progress));
  }
  return copies;
}

}  // namespace userbin::store
