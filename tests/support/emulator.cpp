#include "support/emulator.h"

#include <csignal>
#include <filesystem>
#include <stdexcept>
#include <unistd.h>

#include "support/catch.h"
#include "support/site.h"

namespace userbin::test {

namespace {

constexpr const char* kKey = "$2a$10$key-of-the-tests";

std::string emulator_program() {
  const std::filesystem::path worker = userbin_program();
  return (worker.parent_path() / "jsonbin_emulator").string();
}

void end(std::unique_ptr<Process>& process, const std::string& log) {
  if (process && process->is_running()) {
    process->signal(SIGTERM);
    const int status = process->wait();
    if (status != 0) FAIL_CHECK("ended with status " << status << ": " << log);
  }
  process.reset();
}

}  // namespace

Emulator::Emulator(const Options& options) : options_(options), port_(free_port()) {
  write_file(key_file(), key() + "\n");
  std::filesystem::permissions(key_file(), std::filesystem::perms(0600));
  const Finished made = run_command({"tests/support/jsonbin_emulator/make-nginx",
                                     folder_.path().string(), std::to_string(port_)});
  if (made.status != 0) throw std::runtime_error("make-nginx: " + made.output);
  start();
}

Emulator::~Emulator() {
  try {
    stop();
  } catch (const std::exception& error) {
    FAIL_CHECK(error.what());
  }
}

std::string Emulator::key() const {
  return kKey;
}

void Emulator::stop() {
  end(nginx_, read_file(folder_.file("nginx-error.log")));
  end(service_, log());
}

void Emulator::start() {
  const std::string state = folder_.path().string();
  std::vector<std::string> command = {emulator_program(),
                                      "--listen=unix:" + folder_.file("emulator.sock"),
                                      "--state=" + state, "--master-key=" + key()};
  command.insert(command.end(), options_.flags.begin(), options_.flags.end());
  service_ = std::make_unique<Process>(
      command, Process::Options{.output_file = folder_.file("emulator.log")});
  command = {"/usr/sbin/nginx",         "-p", state, "-c", state + "/nginx.conf", "-e",
             state + "/nginx-error.log"};
  if (::getuid() == 0) command.insert(command.end(), {"-g", "user root;"});
  nginx_ = std::make_unique<Process>(command,
                                     Process::Options{.output_file = state + "/nginx-error.log"});
  HttpClient client(origin());
  wait_until("the emulator answers", [&] {
    if (!service_->is_running()) throw std::runtime_error("emulator: " + log());
    if (!nginx_->is_running()) throw std::runtime_error(read_file(state + "/nginx-error.log"));
    return client.get("/control/stats").status == 200;
  });
}

std::string Emulator::create_bin(const std::string& document) const {
  return control({.method = "POST", .path = "/bins", .body = document}).json()["id"].asString();
}

std::string Emulator::bin(const std::string& id) const {
  return control({.path = "/bins/" + id}).body;
}

void Emulator::set_bin(const std::string& id, const std::string& document) const {
  control({.method = "PUT", .path = "/bins/" + id, .body = document});
}

Json::Value Emulator::stats() const {
  return control({.path = "/stats"}).json();
}

void Emulator::reset_stats() const {
  control({.method = "POST", .path = "/reset-stats"});
}

void Emulator::add_fault(const std::string& json) const {
  control({.method = "POST", .path = "/faults", .body = json});
}

void Emulator::clear_faults() const {
  control({.method = "DELETE", .path = "/faults"});
}

void Emulator::set(const std::string& json) const {
  control({.method = "POST", .path = "/settings", .body = json});
}

Answer Emulator::control(const HttpClient::Call& call) const {
  HttpClient client(origin());
  HttpClient::Call below = call;
  below.path = "/control" + call.path;
  const Answer answer = client.send(below);
  if (answer.status != 200) {
    throw std::runtime_error("the emulator's control path: " + std::to_string(answer.status) + ' ' +
                             answer.body);
  }
  return answer;
}

}  // namespace userbin::test
