#include "base/shared_library.h"

#include <cstring>
#include <stdexcept>

#include "support/catch.h"
#include "support/text.h"

using userbin::base::SharedLibrary;
using userbin::test::contains;

namespace {

/// What is said when this library has no such function, or is not there at all.
std::string complaint(const char* file, const char* package, const char* function) {
  try {
    SharedLibrary(file, package).find(function);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a library's functions are called by their names") {
  const SharedLibrary library("libc.so.6", "libc6");
  const decltype(&std::strlen) length = library.find("strlen");
  CHECK(length("seven") == 5);
}

TEST_CASE("a library that is not there is named, with the package that has it") {
  const std::string what = complaint("libno-such.so.1", "libno-such1", "strlen");
  CHECK(contains(what, "libno-such.so.1: cannot open"));
  CHECK(contains(what, "; install Debian's package libno-such1"));
}

TEST_CASE("a function that a library lacks is named") {
  const std::string what = complaint("libc.so.6", "libc6", "no_such_function");
  CHECK(contains(what, "libc.so.6: undefined symbol: no_such_function"));
}
