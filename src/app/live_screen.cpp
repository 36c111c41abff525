#include "app/live_screen.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace userbin::app {

namespace {

constexpr const char* kEnter = "\x1b[?1049h\x1b[?25l";
constexpr const char* kLeave = "\x1b[?25h\x1b[?1049l";
constexpr const char* kHome = "\x1b[H";
constexpr const char* kClearLine = "\x1b[K";
constexpr const char* kClearBelow = "\x1b[J";

void put(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

winsize window_size() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) {
    size.ws_row = 24;
    size.ws_col = 80;
  }
  return size;
}

}  // namespace

LiveScreen::LiveScreen()
    : is_terminal_(::isatty(STDOUT_FILENO) == 1),
      has_keys_(is_terminal_ && ::isatty(STDIN_FILENO) == 1) {
  if (!is_terminal_) return;
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH}) {
    sigaddset(&signals, signal);
  }
  ::sigprocmask(SIG_BLOCK, &signals, &old_mask_);
  signals_.reset(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (has_keys_) ::tcgetattr(STDIN_FILENO, &old_settings_);
  take_terminal();
}

LiveScreen::~LiveScreen() {
  if (!is_terminal_) return;
  give_back_terminal();
  ::sigprocmask(SIG_SETMASK, &old_mask_, nullptr);
}

void LiveScreen::show(const std::vector<std::string>& lines) {
  lines_ = lines;
  draw();
}

void LiveScreen::draw() const {
  std::string text;
  if (!is_terminal_) {
    for (const std::string& line : lines_) text += line + "\n";
    return put(text);
  }
  const winsize size = window_size();
  const std::size_t rows = std::min<std::size_t>(lines_.size(), size.ws_row);
  text = kHome;
  for (std::size_t i = 0; i < rows; ++i) {
    if (i > 0) text += "\r\n";
    text += lines_[i].substr(0, size.ws_col) + kClearLine;
  }
  // In the last row there is nothing below.
  if (rows < size.ws_row) text += std::string("\r\n") + kClearBelow;
  put(text);
}

bool LiveScreen::wait(std::chrono::milliseconds duration) {
  const auto end = std::chrono::steady_clock::now() + duration;
  std::array<pollfd, 2> watched{
      pollfd{.fd = is_terminal_ ? signals_.get() : -1, .events = POLLIN, .revents = 0},
      pollfd{.fd = has_keys_ ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0}};
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return true;
    if (::poll(watched.data(), watched.size(), static_cast<int>(left.count())) < 0) continue;
    if (watched[0].revents != 0 && !on_signal()) return false;
    if (watched[1].revents != 0 && !on_key()) return false;
  }
}

bool LiveScreen::on_signal() {
  signalfd_siginfo information{};
  if (::read(signals_.get(), &information, sizeof information) != sizeof information) return true;
  switch (information.ssi_signo) {
    case SIGWINCH: draw(); return true;
    case SIGTSTP:
      give_back_terminal();
      ::raise(SIGSTOP);
      take_terminal();
      draw();
      return true;
    default: return false;
  }
}

bool LiveScreen::on_key() {
  char key = 0;
  const ssize_t count = ::read(STDIN_FILENO, &key, 1);
  if (count < 0) return errno == EINTR || errno == EAGAIN;
  return count > 0 && key != 'q' && key != 'Q';
}

void LiveScreen::take_terminal() {
  if (has_keys_) {
    termios settings = old_settings_;
    settings.c_lflag &= static_cast<tcflag_t>(~(ICANON | ECHO));
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &settings);
  }
  put(kEnter);
}

void LiveScreen::give_back_terminal() {
  put(kLeave);
  if (has_keys_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &old_settings_);
}

}  // namespace userbin::app
