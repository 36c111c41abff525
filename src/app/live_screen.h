// A screen that is drawn again and again, at a terminal or into a pipe.
#pragma once

#include <chrono>
#include <csignal>
#include <cstddef>
#include <string>
#include <termios.h>
#include <vector>

#include "base/unique_fd.h"

namespace userbin::app {

/// Takes the terminal, if standard output is one, and gives it back as it was at the end of the
/// scope: another screen, no cursor, and keys that count at once. Without a terminal it writes the
/// lines as they are. One thread; there may be one of these at a time.
class LiveScreen {
 public:
  LiveScreen();
  ~LiveScreen();
  LiveScreen(const LiveScreen&) = delete;
  LiveScreen& operator=(const LiveScreen&) = delete;

  /// In place of what is there, cut to the window.
  void show(const std::vector<std::string>& lines);

  /// Waits for so long, and draws anew what is there if the window's size changes. False if the
  /// person wants to leave: q, Ctrl-C, or the window is gone. Ctrl-Z suspends as usual.
  bool wait(std::chrono::milliseconds duration);

 private:
  void take_terminal();
  void give_back_terminal();
  void draw() const;
  /// False: leave.
  bool on_signal();
  bool on_key();

  const bool is_terminal_;
  const bool has_keys_;
  base::UniqueFd signals_;
  sigset_t old_mask_{};
  termios old_settings_{};
  std::vector<std::string> lines_;
};

}  // namespace userbin::app
