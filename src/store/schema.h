#pragma once

#include <string>

#include <soci/soci.h>

namespace userbin::store {

/// Brings the schema up to date, in one transaction, so that several programs may try at once; one
/// of them may fail then, and tries again. `text` is the engine's type for a text that is compared
/// by its bytes.
/// Throws base::StoreUnavailable if it was written by a newer version of this program, and
/// soci::soci_error.
void migrate(soci::session& sql, const std::string& text);

}  // namespace userbin::store
