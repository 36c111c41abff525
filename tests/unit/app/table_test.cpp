#include "app/table.h"

#include "support/catch.h"

namespace userbin::app {

TEST_CASE("columns are as wide as their widest cell, in characters") {
  CHECK(as_table({"NAME", "ROLE"}, {{"\u00C4da", "admin"}, {"Robert", "user"}}) ==
        "NAME    ROLE\n\u00C4da     admin\nRobert  user\n");
}

TEST_CASE("a time is shown to the second, and what is none as it is") {
  CHECK(short_time("2026-11-23T17:30:00.123456Z") == "2026-11-23 17:30:00Z");
  CHECK(short_time("") == "unknown");
  CHECK(short_time("some\nday") == "some\\x0aday");
}

}  // namespace userbin::app
