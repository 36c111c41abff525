#include "store/integrity.h"

namespace userbin::store {

std::string find_damage(Database& database) {
  return database.read([](Connection& connection) {
    std::string found;
    connection.sql() << "PRAGMA quick_check(1)", soci::into(found);
    return found == "ok" ? "" : found;
  });
}

}  // namespace userbin::store
