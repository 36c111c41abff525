#include "store/sql_lease.h"

#include <random>

#include "base/log.h"
#include "base/process_name.h"
#include "store/binding.h"

namespace userbin::store {

using soci::into;
using std::chrono::steady_clock;

namespace {

/// Nobody else's: drawn, and behind that the name of the process.
std::string draw_holder() {
  std::random_device random;
  return fmt::format("{:08x}{:08x} {}", random(), random(), base::process_name());
}

bool is_dead(const std::string& holder) {
  const auto process = holder.find(' ');
  return process != std::string::npos && base::has_ended(holder.substr(process + 1));
}

std::size_t execute(Connection& connection, const std::string& text, const std::string& name,
                    const std::string& holder) {
  soci::statement statement = (connection.sql().prepare << text, use(name), use(holder));
  statement.execute(true);
  return static_cast<std::size_t>(statement.get_affected_rows());
}

}  // namespace

SqlLease::SqlLease(Database& database, std::string name, Options options)
    : database_(database), name_(std::move(name)), options_(options), holder_(draw_holder()) {}

void SqlLease::start() {
  look();
  thread_ = std::thread([this] { run(); });
}

void SqlLease::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  stopped_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (!is_held_.exchange(false)) return;
  try {
    database_.write([&](Connection& connection) {
      return execute(connection, "DELETE FROM leases WHERE name = :name AND holder = :holder",
                     name_, holder_);
    });
  } catch (const base::StoreUnavailable& error) {
    spdlog::debug("the turn for {} is not given back: {}", name_, error.what());
  }
}

void SqlLease::run() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (stopped_.wait_for(lock, options_.beat, [&] { return is_stopping_; })) return;
    }
    look();
  }
}

void SqlLease::look() {
  const bool was_held = is_held_;
  try {
    is_held_ = take_or_keep();
  } catch (const std::exception& error) {
    // Another may have taken it over meanwhile, as nobody has seen a beat.
    if (steady_clock::now() - beaten_at_ >= options_.expiry) is_held_ = false;
    spdlog::debug("whose turn it is for {} is not known: {}", name_, error.what());
  }
  if (is_held_ != was_held) {
    spdlog::info("{} worker sees to {} now", is_held_ ? "this" : "another", name_);
  }
}

bool SqlLease::take_or_keep() {
  const auto now = steady_clock::now();
  const auto row = read();
  bool is_taken = false;
  if (!row) {
    is_taken = insert();
  } else if (row->holder == holder_ || is_dead(row->holder)) {
    is_taken = take(*row);
  } else if (*row != seen_) {
    seen_ = *row;
    seen_since_ = now;
  } else if (now - seen_since_ >= options_.expiry) {
    is_taken = take(*row);
  }
  if (is_taken) beaten_at_ = now;
  return is_taken;
}

std::optional<SqlLease::Row> SqlLease::read() {
  return database_.read([&](Connection& connection) -> std::optional<Row> {
    Row row;
    soci::statement select =
        (connection.sql().prepare << "SELECT holder, beat FROM leases WHERE name = :name",
         into(row.holder), into(row.beat), use(name_));
    std::optional<Row> found;
    select.execute();
    while (select.fetch()) found = row;
    return found;
  });
}

bool SqlLease::insert() {
  return database_.write([&](Connection& connection) {
    return execute(connection,
                   "INSERT INTO leases (name, holder, beat) VALUES (:name, :holder, 1)"
                   " ON CONFLICT (name) DO NOTHING",
                   name_, holder_) == 1;
  });
}

bool SqlLease::take(const Row& row) {
  return database_.write([&](Connection& connection) {
    soci::statement update =
        (connection.sql().prepare << "UPDATE leases SET holder = :holder, beat = beat + 1"
                                     " WHERE name = :name AND holder = :former AND beat = :beat",
         use(holder_), use(name_), use(row.holder), use(row.beat));
    update.execute(true);
    return update.get_affected_rows() == 1;
  });
}

}  // namespace userbin::store
