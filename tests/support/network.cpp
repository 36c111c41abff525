#include "support/network.h"

#include <exception>
#include <fcntl.h>
#include <filesystem>
#include <sched.h>
#include <stdexcept>
#include <thread>

#include "base/unique_fd.h"

namespace userbin::test {

namespace {

std::string namespace_of(const Process& machine) {
  return "/proc/" + std::to_string(machine.pid()) + "/ns/net";
}

void must(const std::vector<std::string>& command) {
  const Finished done = run_command(command);
  if (done.status != 0) throw std::runtime_error(command.back() + ": " + done.output);
}

}  // namespace

Network::Network() : switch_(make_namespace()) {
  must(inside(*switch_, {"ip", "link", "add", "switch", "type", "bridge"}));
  must(inside(*switch_, {"ip", "link", "set", "switch", "up"}));
}

Network::~Network() = default;

void Network::add(int number) {
  auto machine = make_namespace();
  const std::string port = port_of(number);
  must(inside(*switch_, {"ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns",
                         std::to_string(machine->pid())}));
  must(inside(*switch_, {"ip", "link", "set", port, "master", "switch", "up"}));
  must(inside(*machine, {"ip", "address", "add", address(number) + "/24", "dev", "eth0"}));
  for (const char* device : {"lo", "eth0"}) {
    must(inside(*machine, {"ip", "link", "set", device, "up"}));
  }
  machines_[number] = std::move(machine);
}

std::vector<std::string> Network::on(int number, const std::vector<std::string>& command) const {
  return inside(*machines_.at(number), command);
}

void Network::run(int number, const std::function<void()>& work) const {
  std::exception_ptr failure;
  std::thread thread([&] {
    try {
      const base::UniqueFd place(
          ::open(namespace_of(*machines_.at(number)).c_str(), O_RDONLY | O_CLOEXEC));
      if (::setns(place.get(), CLONE_NEWNET) != 0) throw std::runtime_error("setns");
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  });
  thread.join();
  if (failure) std::rethrow_exception(failure);
}

void Network::unplug(int number) const {
  must(inside(*switch_, {"ip", "link", "set", port_of(number), "nomaster"}));
}

void Network::plug(int number) const {
  must(inside(*switch_, {"ip", "link", "set", port_of(number), "master", "switch"}));
}

std::unique_ptr<Process> Network::make_namespace() {
  auto machine =
      std::make_unique<Process>(std::vector<std::string>{"unshare", "--net", "sleep", "infinity"});
  const auto own = std::filesystem::read_symlink("/proc/self/ns/net");
  wait_until("there is a namespace", [&] {
    if (!machine->is_running()) throw std::runtime_error("unshare --net; this needs root");
    std::error_code gone;
    const auto there = std::filesystem::read_symlink(namespace_of(*machine), gone);
    return !gone && there != own;
  });
  return machine;
}

std::vector<std::string> Network::inside(const Process& machine,
                                         const std::vector<std::string>& command) {
  std::vector<std::string> whole = {"nsenter", "--net=" + namespace_of(machine), "--"};
  whole.insert(whole.end(), command.begin(), command.end());
  return whole;
}

}  // namespace userbin::test
