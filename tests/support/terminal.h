#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

#include "base/unique_fd.h"

namespace userbin::test {

/// A program at a terminal of its own, as a person uses it; killed at the end of the scope if it
/// still runs.
class Terminal {
 public:
  explicit Terminal(const std::vector<std::string>& command);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  /// Keys; "\n" is Return, "\x03" Ctrl-C.
  void type(const std::string& keys) const;
  /// Waits until the screen, from where the last call ended, has this text. Fails after 20 s.
  void wait_for(const std::string& text);
  /// The exit status, or 128 + the signal that ended it.
  int wait();
  /// Everything that the terminal has shown.
  const std::string& screen() const { return screen_; }
  void signal(int number) const;
  /// The window gets another size, and the program is told.
  void resize(unsigned short rows, unsigned short columns) const;
  /// Whether what is typed is shown now.
  bool echoes() const;

 private:
  /// False at the end of the program.
  bool read_more();

  base::UniqueFd master_;
  /// Keeps the terminal, and how it is set, beyond the program's end.
  base::UniqueFd slave_;
  pid_t pid_ = -1;
  std::string screen_;
  std::size_t waited_for_ = 0;
};

}  // namespace userbin::test
