#include "support/process.h"

#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <netinet/in.h>
#include <random>
#include <sstream>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include "base/unique_fd.h"
#include "support/catch.h"
#include "support/temporary_folder.h"

namespace userbin::test {

Process::Process(const std::vector<std::string>& command, const Options& options)
    : output_file_(options.output_file) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const std::string output = options.output_file.empty() ? "/dev/null" : options.output_file;
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("fork");
  if (pid_ > 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // nothing outlives the tests, nginx's workers neither
  const int in =
      options.standard_input >= 0 ? options.standard_input : ::open("/dev/null", O_RDONLY);
  const int out = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(in, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(out, STDERR_FILENO);
  for (const std::string& variable : options.environment) {
    ::putenv(const_cast<char*>(variable.c_str()));
  }
  std::signal(SIGPIPE, SIG_DFL);
  ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      output_file_(std::move(other.output_file_)),
      status_(other.status_) {}

Process::~Process() {
  if (pid_ < 0) return;
  if (!status_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  const std::string output = output_file_.empty() ? "" : read_file(output_file_);
  if (output.find("Sanitizer") != std::string::npos ||
      output.find("runtime error:") != std::string::npos) {
    FAIL_CHECK(output);
  }
}

void Process::signal(int number) const {
  ::kill(pid_, number);
}

bool Process::is_running() {
  if (status_) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return true;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return false;
}

int Process::wait() {
  wait_until("a process ends", [&] { return !is_running(); });
  return *status_;
}

Finished run_command(const std::vector<std::string>& command, const std::string& input,
                     const std::vector<std::string>& environment) {
  const TemporaryFolder folder;
  write_file(folder.file("in"), input);
  const base::UniqueFd in(::open(folder.file("in").c_str(), O_RDONLY));
  Process process(
      command,
      {.output_file = folder.file("out"), .standard_input = in.get(), .environment = environment});
  const int status = process.wait();
  return {status, read_file(folder.file("out"))};
}

std::string read_file(const std::string& path) {
  const std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

int free_port() {
  // Below those that the kernel gives to whoever connects, or one of them could have it until then.
  std::uniform_int_distribution<int> ports(10'000, 32'000);
  std::random_device random;
  for (int tries = 0; tries < 1000; ++tries) {
    const int port = ports(random);
    const base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return port;
  }
  throw std::runtime_error("no free port");
}

}  // namespace userbin::test
