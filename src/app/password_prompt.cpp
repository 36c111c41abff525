#include "app/password_prompt.h"

#include <array>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <termios.h>
#include <unistd.h>

namespace userbin::app {

namespace {

constexpr std::array kEndings{SIGINT, SIGTERM, SIGHUP, SIGQUIT};

// For the signal's handler, which can be given nothing.
termios with_echo{};

void end_with_echo(int signal) {
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &with_echo);
  ::raise(signal);  // as it would have been without this handler
}

/// No echo until the end of the scope.
class SilentTerminal {
 public:
  SilentTerminal() {
    if (::tcgetattr(STDIN_FILENO, &with_echo) != 0) return;
    struct sigaction action {};
    action.sa_handler = end_with_echo;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    for (std::size_t i = 0; i < kEndings.size(); ++i) {
      ::sigaction(kEndings[i], &action, &actions_before_[i]);
    }
    termios silent = with_echo;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    is_changed_ = true;
  }
  ~SilentTerminal() {
    if (!is_changed_) return;
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &with_echo);
    for (std::size_t i = 0; i < kEndings.size(); ++i) {
      ::sigaction(kEndings[i], &actions_before_[i], nullptr);
    }
    std::fputc('\n', stderr);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

 private:
  std::array<struct sigaction, kEndings.size()> actions_before_{};
  bool is_changed_ = false;
};

bool is_at_terminal() {
  return ::isatty(STDIN_FILENO) == 1;
}

}  // namespace

base::SecretString read_password(const std::string& prompt) {
  std::string line;
  if (!is_at_terminal()) {
    if (!std::getline(std::cin, line)) throw std::runtime_error("no password on standard input");
    return base::SecretString(std::move(line));
  }
  const SilentTerminal silent;
  std::fputs(prompt.c_str(), stderr);
  if (!std::getline(std::cin, line)) throw std::runtime_error("no password was typed");
  return base::SecretString(std::move(line));
}

base::SecretString read_new_password(const std::string& prompt) {
  base::SecretString password = read_password(prompt + ": ");
  if (!is_at_terminal()) return password;
  const base::SecretString again = read_password(prompt + " once more: ");
  if (password.reveal() != again.reveal()) {
    throw std::runtime_error("the two passwords differ; nothing was changed");
  }
  return password;
}

}  // namespace userbin::app
