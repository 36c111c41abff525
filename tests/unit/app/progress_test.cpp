#include "app/progress.h"

#include "support/catch.h"
#include "support/fake_clock.h"
#include "support/process.h"
#include "support/temporary_folder.h"

namespace userbin::app {

TEST_CASE("progress is told every two seconds, and of short work not at all") {
  const test::TemporaryFolder folder;
  test::FakeClock clock;
  std::FILE* out = std::fopen(folder.file("out").c_str(), "w");
  REQUIRE(out != nullptr);
  Progress progress("users stored", clock, out);
  for (std::size_t done = 0; done < 10; ++done) {
    progress.at(done, 10);
    clock.advance(std::chrono::milliseconds{500});
  }
  std::fclose(out);
  CHECK(test::read_file(folder.file("out")) == "4 of 10 users stored\n8 of 10 users stored\n");
}

}  // namespace userbin::app
