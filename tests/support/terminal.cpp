#include "support/terminal.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <poll.h>
#include <pty.h>
#include <stdexcept>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include "support/process.h"

namespace userbin::test {

namespace {

constexpr std::chrono::seconds kPatience{20};

}  // namespace

Terminal::Terminal(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  int master = -1;
  int slave = -1;
  if (::openpty(&master, &slave, nullptr, nullptr, nullptr) != 0) {
    throw std::runtime_error("openpty");
  }
  master_ = base::UniqueFd(master);
  slave_ = base::UniqueFd(slave);
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("fork");
  if (pid_ > 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  ::close(master);
  if (::login_tty(slave) != 0) ::_exit(126);
  ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

Terminal::~Terminal() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Terminal::type(const std::string& keys) const {
  if (::write(master_.get(), keys.data(), keys.size()) != static_cast<ssize_t>(keys.size())) {
    throw std::runtime_error("nothing can be typed");
  }
}

void Terminal::signal(int number) const {
  ::kill(pid_, number);
}

void Terminal::resize(unsigned short rows, unsigned short columns) const {
  const winsize size{.ws_row = rows, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
  if (::ioctl(master_.get(), TIOCSWINSZ, &size) != 0) throw std::runtime_error("TIOCSWINSZ");
}

bool Terminal::read_more() {
  char buffer[4096];
  const ssize_t count = ::read(master_.get(), buffer, sizeof buffer);
  if (count <= 0) return false;
  screen_.append(buffer, static_cast<std::size_t>(count));
  return true;
}

void Terminal::wait_for(const std::string& text) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    const auto found = screen_.find(text, waited_for_);
    if (found != std::string::npos) {
      waited_for_ = found + text.size();
      return;
    }
    pollfd poll{.fd = master_.get(), .events = POLLIN, .revents = 0};
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    const int left_ms = static_cast<int>(std::max<std::int64_t>(0, left.count()));
    if (::poll(&poll, 1, left_ms) != 1 || !read_more()) {
      throw std::runtime_error("the terminal never showed '" + text + "' but: " + screen_);
    }
  }
}

int Terminal::wait() {
  int status = 0;
  const auto drain = [&] {
    pollfd poll{.fd = master_.get(), .events = POLLIN, .revents = 0};
    while (::poll(&poll, 1, 0) == 1 && read_more()) {
    }
  };
  wait_until("the program at the terminal ends", [&] {
    drain();
    return ::waitpid(pid_, &status, WNOHANG) == pid_;
  });
  drain();
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool Terminal::echoes() const {
  termios settings{};
  if (::tcgetattr(slave_.get(), &settings) != 0) throw std::runtime_error("tcgetattr");
  return (settings.c_lflag & ECHO) != 0;
}

}  // namespace userbin::test
