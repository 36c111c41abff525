#include "base/process_name.h"

#include <array>
#include <csignal>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include "base/unique_fd.h"
#include "support/catch.h"

using namespace userbin::base;

namespace {

/// Another process, which has said its name and lives until end().
class Other {
 public:
  Other() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const UniqueFd in(ends[0]);
    UniqueFd out(ends[1]);
    pid_ = ::fork();
    if (pid_ == 0) {
      const std::string name = process_name();
      const bool is_said = ::write(out.get(), name.data(), name.size()) > 0;
      out.reset();
      if (is_said) ::pause();
      ::_exit(0);
    }
    out.reset();
    std::array<char, 512> bytes{};
    for (ssize_t count = 0; (count = ::read(in.get(), bytes.data(), bytes.size())) > 0;) {
      name_.append(bytes.data(), static_cast<std::size_t>(count));
    }
  }
  ~Other() { end(); }
  Other(const Other&) = delete;
  Other& operator=(const Other&) = delete;

  const std::string& name() const { return name_; }
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
  std::string name_;
};

}  // namespace

TEST_CASE("a process has ended when it is no longer there, or its number is another one's") {
  Other other;
  CHECK(other.name() != process_name());
  CHECK_FALSE(has_ended(process_name()));
  CHECK_FALSE(has_ended(other.name()));
  CHECK(has_ended(process_name() + "0"));  // which began at another time
  other.end();
  CHECK(has_ended(other.name()));
}

TEST_CASE("of a process that is not of here nobody knows whether it has ended") {
  Other other;
  other.end();
  const std::string& gone = other.name();
  const auto name = GENERATE_COPY(values<std::string>({
      "x" + gone,                           // another machine
      gone.substr(gone.find(' ')),          // no machine
      gone.substr(0, gone.rfind(' ') + 1),  // no beginning
      gone.substr(0, gone.rfind(' ')),      // neither number
      "", " ", "  ", "0123456789abcdef",    // no such name
  }));
  CAPTURE(name);
  CHECK_FALSE(has_ended(name));
}
