// What a FastCGI connection sends, into a server with its threads. The first byte says where the
// rest is cut in two.
#include <array>
#include <coroutine>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <spdlog/spdlog.h>

#include "fastcgi/server.h"
#include "support/temporary_folder.h"

using namespace userbin;
using namespace std::string_literals;

namespace {

constexpr char kBegin = 1, kEnd = 3, kParams = 4, kStdin = 5, kStdout = 6;
/// So often it is looked whether the server is well.
constexpr unsigned kCheckEvery = 64;
/// More than these, above those at the start, are leaked.
constexpr std::ptrdiff_t kFewDescriptors = 32;

void must(bool holds) {
  if (!holds) std::abort();
}

/// Lets the server go on with a request later, on any thread.
struct Later {
  base::Executor& executor;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> work) const { executor.post(work); }
  void await_resume() const noexcept {}
};

struct House {
  House() {
    std::signal(SIGPIPE, SIG_IGN);
    spdlog::set_level(spdlog::level::off);
    server.start([this](const http::Request& request) { return echo(request); });
  }

  base::Task<http::Response> echo(const http::Request& request) {
    if (request.method == "POST") co_await Later{server};
    co_return http::Response{.headers = {{"X-Path", request.path}}, .body = request.body};
  }

  test::TemporaryFolder folder;
  fastcgi::Listener listener{{.address = folder.file("socket")}};
  fastcgi::Server server{listener, {.threads = 2, .extra_params = {"EXTRA"}}};
};

/// What the server answers to the two parts, up to its end of the connection.
std::string exchange(const House& house, std::string_view first, std::string_view second) {
  sockaddr_un address{.sun_family = AF_UNIX};
  house.folder.file("socket").copy(address.sun_path, sizeof address.sun_path - 1);
  const base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  must(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  // A server that has closed already takes nothing.
  ::send(fd.get(), first.data(), first.size(), MSG_NOSIGNAL);
  ::send(fd.get(), second.data(), second.size(), MSG_NOSIGNAL);
  ::shutdown(fd.get(), SHUT_WR);
  std::string answer;
  std::array<char, 4096> bytes{};
  for (;;) {
    const ssize_t count = ::recv(fd.get(), bytes.data(), bytes.size(), 0);
    if (count <= 0) return answer;
    answer.append(bytes.data(), static_cast<std::size_t>(count));
  }
}

struct Record {
  char type = 0;
  std::size_t id = 0;
  std::string_view content;
};

/// Takes the first record off; false if there is no whole one.
bool take_record(std::string_view& bytes, Record& record) {
  const auto byte = [&](std::size_t i) -> std::size_t {
    return static_cast<unsigned char>(bytes[i]);
  };
  if (bytes.size() < 8 || bytes[0] != 1) return false;
  const std::size_t content = byte(4) << 8 | byte(5);
  const std::size_t padding = byte(6);
  if (bytes.size() < 8 + content + padding) return false;
  record = {bytes[1], byte(2) << 8 | byte(3), bytes.substr(8, content)};
  bytes.remove_prefix(8 + content + padding);
  return true;
}

/// The requests that begin in `bytes`, by their ids.
std::multiset<std::size_t> begun_in(std::string_view bytes) {
  std::multiset<std::size_t> ids;
  Record record;
  while (take_record(bytes, record)) {
    if (record.type == kBegin) ids.insert(record.id);
  }
  return ids;
}

/// It is whole records, and ends no request but those that were begun. How many it ends.
std::size_t check_answer(std::string_view answer, std::multiset<std::size_t> begun) {
  std::size_t ended = 0;
  std::string text;
  Record record;
  while (take_record(answer, record)) {
    const auto request = begun.find(record.id);
    must(request != begun.end());
    if (record.type == kEnd) {
      must(text.starts_with("Status: 200 OK\r\nX-Path: "));
      begun.erase(request);
      text.clear();
      ++ended;
    } else {
      must(record.type == kStdout);
      text += record.content;
    }
  }
  must(answer.empty() && text.empty());
  return ended;
}

std::string record_of(char type, const std::string& content) {
  return "\1"s + type + "\0\1\0"s + static_cast<char>(content.size()) + "\0\0"s + content;
}

void check_health(const House& house) {
  const std::string request = record_of(kBegin, "\0\1\0\0\0\0\0\0"s) +
                              record_of(kParams, "\x0E\2REQUEST_METHODGE"s) +
                              record_of(kParams, "") + record_of(kStdin, "");
  must(check_answer(exchange(house, request, ""), {1}) == 1);
}

std::ptrdiff_t open_descriptors() {
  using Folder = std::filesystem::directory_iterator;
  return std::distance(Folder("/proc/self/fd"), Folder());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const House house;
  static const std::ptrdiff_t descriptors = open_descriptors();
  static unsigned count = 0;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t cut = bytes.size() * data[0] / 255;
  check_answer(exchange(house, bytes.substr(0, cut), bytes.substr(cut)), begun_in(bytes));
  if (++count % kCheckEvery == 0) {
    check_health(house);
    must(open_descriptors() < descriptors + kFewDescriptors);
  }
  return 0;
}
