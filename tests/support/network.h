#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support/process.h"

namespace userbin::test {

/// Machines that are network namespaces of their own, at a switch that is one, too; nothing of the
/// real machine's network is touched. Needs root. From the main thread.
class Network {
 public:
  Network();
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  /// A machine 10.9.0.NUMBER.
  void add(int number);
  static std::string address(int number) { return "10.9.0." + std::to_string(number); }

  /// The command, as it runs on the machine.
  std::vector<std::string> on(int number, const std::vector<std::string>& command) const;
  /// Calls `work` on a thread that is on the machine.
  void run(int number, const std::function<void()>& work) const;

  /// Takes a machine off the switch, and puts it back: nobody is told.
  void unplug(int number) const;
  void plug(int number) const;

 private:
  /// A namespace, for as long as its process lives.
  static std::unique_ptr<Process> make_namespace();
  static std::vector<std::string> inside(const Process& machine,
                                         const std::vector<std::string>& command);
  static std::string port_of(int number) { return "port" + std::to_string(number); }

  std::unique_ptr<Process> switch_;
  std::map<int, std::unique_ptr<Process>> machines_;
};

}  // namespace userbin::test
