#include "app/bin_parts.h"

#include "support/catch.h"

namespace userbin::app {

TEST_CASE("what JSONBin may answer grows with what a bin may be") {
  BinSettings settings;
  CHECK(transport_settings(settings).max_body_bytes == 4U * 1024 * 1024);
  settings.sync.max_bytes = 100'000'000;
  CHECK(transport_settings(settings).max_body_bytes > 3U * 100'000'000);
}

}  // namespace userbin::app
