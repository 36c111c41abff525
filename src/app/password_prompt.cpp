#include "app/password_prompt.h"

#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <termios.h>
#include <unistd.h>

namespace userbin::app {

namespace {

/// No echo until the end of the scope.
class SilentTerminal {
 public:
  SilentTerminal() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    is_changed_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
  }
  ~SilentTerminal() {
    if (!is_changed_) return;
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    std::fputc('\n', stderr);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

 private:
  termios before_{};
  bool is_changed_ = false;
};

}  // namespace

base::SecretString read_password(const std::string& prompt) {
  std::string line;
  if (::isatty(STDIN_FILENO) == 0) {
    if (!std::getline(std::cin, line)) throw std::runtime_error("no password on standard input");
    return base::SecretString(std::move(line));
  }
  std::fputs(prompt.c_str(), stderr);
  const SilentTerminal silent;
  if (!std::getline(std::cin, line)) throw std::runtime_error("no password was typed");
  return base::SecretString(std::move(line));
}

}  // namespace userbin::app
