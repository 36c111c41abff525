#pragma once

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace userbin::test {

/// A program that a test started; killed at the end of the scope if it still runs. The test fails
/// if a sanitizer has reported anything in its output.
class Process {
 public:
  struct Options {
    /// Where its standard error (and output) go; empty: /dev/null.
    std::string output_file;
    /// What it has as standard input; -1: /dev/null.
    int standard_input = -1;
    /// NAME=value, besides the test's own environment.
    std::vector<std::string> environment;
  };

  Process(const std::vector<std::string>& command, const Options& options);
  explicit Process(const std::vector<std::string>& command) : Process(command, Options()) {}
  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  /// The exit status, or 128 + the signal that ended it. Fails the test after 20 s.
  int wait();
  bool is_running();

 private:
  pid_t pid_ = -1;
  std::string output_file_;
  std::optional<int> status_;
};

struct Finished {
  int status = 0;
  std::string output;
};

/// Runs a command to its end; `input` is its standard input, its output is what it printed on both.
Finished run_command(const std::vector<std::string>& command, const std::string& input = "",
                     const std::vector<std::string>& environment = {});

/// Calls `condition` until it is true, with short pauses. Fails the test after `seconds`.
template <typename Condition>
void wait_until(const char* what, Condition condition, int seconds = 60);

/// The text of a file; empty if it is not there.
std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& text);

/// A TCP port on 127.0.0.1 that was free a moment ago.
int free_port();

}  // namespace userbin::test

#include <chrono>
#include <stdexcept>
#include <thread>

namespace userbin::test {

template <typename Condition>
void wait_until(const char* what, Condition condition, int seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) {
      throw std::runtime_error(std::string("waited in vain until ") + what);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace userbin::test
