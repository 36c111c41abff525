#pragma once

#include <soci/soci.h>

namespace userbin::store {

/// Brings the schema up to date, in one transaction, so that several programs may try at once.
/// Throws base::StoreUnavailable if it was written by a newer version of this program, and
/// soci::soci_error.
void migrate(soci::session& sql);

}  // namespace userbin::store
