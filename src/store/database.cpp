#include "store/database.h"

#include <new>

#include "store/postgres_database.h"
#include "store/sqlite_database.h"

namespace userbin::store {

bool StoreOptions::is_url() const {
  return place.starts_with("postgresql://") || place.starts_with("postgres://");
}

Database::~Database() = default;

std::unique_ptr<Connection> Database::take_connection() {
  prepare();
  {
    std::unique_lock lock(mutex_);
    const bool is_free =
        returned_.wait_for(lock, patience_, [&] { return leased_ < max_connections_; });
    if (!is_free) throw base::StoreUnavailable(described("all connections are busy"));
    ++leased_;
  }
  try {
    while (std::unique_ptr<Connection> connection = take_idle()) {
      if (is_fit(*connection)) return connection;
    }
    return open_connection();
  } catch (...) {
    give_back(nullptr);
    throw;
  }
}

std::unique_ptr<Connection> Database::take_idle() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return nullptr;
  std::unique_ptr<Connection> connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

void Database::give_back(std::unique_ptr<Connection> connection) {
  {
    const std::lock_guard lock(mutex_);
    --leased_;
    try {
      if (connection) idle_.push_back(std::move(connection));
    } catch (const std::bad_alloc&) {  // it is closed, then
    }
  }
  returned_.notify_one();
}

void Database::close_idle() {
  std::vector<std::unique_ptr<Connection>> closing;  // outlives the lock, as it may take a while
  const std::lock_guard lock(mutex_);
  closing.swap(idle_);
}

std::unique_ptr<Database> open_database(const StoreOptions& options) {
  if (options.is_url()) return std::make_unique<PostgresDatabase>(options);
  return std::make_unique<SqliteDatabase>(
      SqliteDatabase::Options{.path = options.place,
                              .max_connections = options.max_connections,
                              .patience = options.patience});
}

}  // namespace userbin::store
