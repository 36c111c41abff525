#pragma once

#include <memory>
#include <string>
#include <vector>

#include <json/value.h>

#include "support/http_client.h"
#include "support/process.h"
#include "support/temporary_folder.h"

namespace userbin::test {

/// The JSONBin emulator behind a real nginx, on a free port, with all state in a temporary folder.
/// Both are stopped at the end of the scope.
///
/// The calls after the first block go over the control path: no request is charged or counted for
/// them, and they meet neither faults nor latency. Those that talk to it throw std::runtime_error
/// with its words if it refuses. Any thread may call those; the rest is for one thread.
class Emulator {
 public:
  struct Options {
    /// As the program takes them: "--access-key=...".
    std::vector<std::string> flags = {};
  };
  explicit Emulator(const Options& options);
  Emulator() : Emulator(Options()) {}
  ~Emulator();

  /// The base URL: "http://127.0.0.1:PORT/v3".
  std::string url() const { return origin() + "/v3"; }
  std::string origin() const { return "http://127.0.0.1:" + std::to_string(port_); }
  /// The master key.
  std::string key() const;
  /// A file with the key and a line end, readable by its owner alone.
  std::string key_file() const { return folder_.file("key"); }
  std::string log() const { return read_file(folder_.file("emulator.log")); }

  /// The service is gone, and connections to it are refused, until start(). The bins stay; faults,
  /// counts and what set() has set do not.
  void stop();
  void start();

  /// Makes a private bin of a document, taken as it is; its id.
  std::string create_bin(const std::string& document) const;
  /// A bin's latest document.
  std::string bin(const std::string& id) const;
  void set_bin(const std::string& id, const std::string& document) const;

  /// emulator::Stats::to_json(), with "late_writes" that are still to come.
  Json::Value stats() const;
  void reset_stats() const;

  /// A rule, or an array of them, as emulator::Faults::add() takes it:
  /// R"({"fault": "lost_answer", "verb": "update", "times": 1})".
  void add_fault(const std::string& json) const;
  void clear_faults() const;
  /// What emulator::Switches has: R"({"latency_ms": 200})".
  void set(const std::string& json) const;

 private:
  Answer control(const HttpClient::Call& call) const;

  const Options options_;
  TemporaryFolder folder_;
  const int port_;
  std::unique_ptr<Process> service_;
  std::unique_ptr<Process> nginx_;
};

}  // namespace userbin::test
