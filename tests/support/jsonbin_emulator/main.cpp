// A FastCGI program that stands in for JSONBin v3 in tests, and for people without an account.
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/blocking.h"
#include "base/clock.h"
#include "base/log.h"
#include "fastcgi/listener.h"
#include "fastcgi/server.h"
#include "support/jsonbin_emulator/control.h"
#include "support/jsonbin_emulator/json_input.h"
#include "support/jsonbin_emulator/service.h"

using namespace userbin;
using namespace userbin::emulator;

namespace {

/// Latency holds a thread, so this is how many requests can be slow at a time.
constexpr std::size_t kThreads = 64;
constexpr std::chrono::seconds kDrain{5};

struct Settings {
  fastcgi::ListenOptions listen;
  std::string state;
  Keys keys{.master = "$2a$10$emulator-master-key", .access = ""};
  std::vector<std::string> permissions;
  std::string switches_json = "{}";
  Switches switches;
};

/// Sleeps that all end when the program does. Any thread may call.
class Pauses {
 public:
  void pause(std::chrono::milliseconds time) {
    if (time.count() == 0) return;
    std::unique_lock lock(mutex_);
    ended_.wait_for(lock, time, [this] { return is_ended_; });
  }
  void end() {
    const std::lock_guard lock(mutex_);
    is_ended_ = true;
    ended_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  bool is_ended_ = false;  // guarded by mutex_
};

void declare(CLI::App& app, Settings& settings) {
  app.add_option("--listen", settings.listen.address, "unix:/PATH or HOST:PORT, for nginx")
      ->required();
  app.add_option("--state", settings.state, "the folder that keeps the bins")->required();
  app.add_option("--master-key", settings.keys.master, "the account's key")->capture_default_str();
  app.add_option("--access-key", settings.keys.access, "a narrower key; by default there is none");
  app.add_option("--access-permissions", settings.permissions, "what the access key may do")
      ->delimiter(',')
      ->check(CLI::IsMember({"read", "create", "update", "delete"}))
      ->default_str("read,create,update,delete");
  app.add_option("--settings", settings.switches_json,
                 "a JSON object, as POST /control/settings takes it");
}

void finish(Settings& settings) {
  if (!settings.permissions.empty()) {
    settings.keys.permissions = {settings.permissions.begin(), settings.permissions.end()};
  }
  const auto value = parse_json(settings.switches_json);
  if (!value) throw BadInput("--settings: not JSON");
  apply(settings.switches, *value);
}

fastcgi::Server::Options server_options() {
  return {.threads = kThreads,
          .extra_params = {header::kBodyFile, header::kMasterKey, header::kAccessKey,
                           header::kBinName, header::kBinPrivate, header::kBinMeta,
                           header::kBinVersioning, header::kCollectionId, header::kCollectionName,
                           header::kPreserveLatest, header::kSortOrder}};
}

bool strip(std::string& path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return false;
  path.erase(0, prefix.size());
  return true;
}

/// A record may be longer than the bodies that fastcgi::Server reads, so nginx hands on a file.
std::string body_of(const http::Request& request) {
  const auto found = request.extra.find(header::kBodyFile);
  if (found == request.extra.end()) return "";
  const std::ifstream file(found->second, std::ios::binary);
  if (!file) throw std::runtime_error(found->second + " cannot be read");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

base::Task<http::Response> answer(Service& service, const Control& control, http::Request request) {
  base::before_blocking();  // files, and latency
  request.body = body_of(request);
  if (strip(request.path, "/control")) co_return control.answer(request);
  strip(request.path, "/v3");
  co_return service.answer(request);
}

sigset_t block_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

void run(const Settings& settings, const sigset_t& signals) {
  const base::SystemClock clock;
  Pauses pauses;
  Service service(settings.state, settings.keys, settings.switches, clock,
                  [&](std::chrono::milliseconds time) { pauses.pause(time); });
  const Control control(service);
  fastcgi::Listener listener(settings.listen);
  fastcgi::Server server(listener, server_options());
  server.start([&](const http::Request& request) { return answer(service, control, request); });
  spdlog::info("jsonbin_emulator serves on {}, bins in {}, master key {}", listener.description(),
               settings.state, settings.keys.master);
  int signal = 0;
  sigwait(&signals, &signal);
  pauses.end();
  server.drain(kDrain);
  server.stop();
  spdlog::info("stopped");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    CLI::App app("jsonbin_emulator: stands in for JSONBin v3, behind nginx");
    Settings settings;
    declare(app, settings);
    CLI11_PARSE(app, argc, argv);
    finish(settings);
    ::umask(077);  // a bin may hold password hashes
    base::open_log({});
    run(settings, block_signals());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "jsonbin_emulator: %s\n", error.what());
    return 1;
  }
}
