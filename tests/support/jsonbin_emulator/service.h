// JSONBin v3 on a bad day: the rules of the Api, with latency, a quota and faults around them.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "http/request.h"
#include "http/response.h"
#include "support/jsonbin_emulator/api.h"
#include "support/jsonbin_emulator/faults.h"
#include "support/jsonbin_emulator/stats.h"
#include "support/jsonbin_emulator/switches.h"

namespace userbin::emulator {

/// Any thread may call; requests do not wait for each other.
class Service {
 public:
  /// Returns after that time, or sooner if the program ends.
  using Pause = std::function<void(std::chrono::milliseconds)>;

  /// Keeps its files under `folder`. `clock` outlives this.
  Service(const std::filesystem::path& folder, Keys keys, const Switches& switches,
          const base::Clock& clock, Pause pause);
  /// Waits for late writes.
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// Answers a request whose path is below the base URL ("/b/ID"); takes as long as the latency
  /// that is asked for. One request is charged for each, unless the guard or a cut keeps it from
  /// the service. Throws std::runtime_error if a file cannot be written.
  http::Response answer(const http::Request& request);

  Bins& bins() { return bins_; }
  Faults& faults() { return faults_; }
  Stats& stats() { return stats_; }
  SharedSwitches& switches() { return switches_; }

  /// How many late writes are still to come.
  std::size_t late_writes() const { return late_writes_; }

 private:
  struct Call;

  http::Response answer(const Call& call, const std::optional<Rule>& rule);
  http::Response with_fault(const Call& call, const Rule& rule);
  http::Response page(const Call& call, const Rule& rule, int status);
  http::Response carry_out(const Call& call) const;
  void carry_out_later(const Call& call, std::chrono::milliseconds delay);

  const std::filesystem::path folder_;
  const base::Clock& clock_;
  const Pause pause_;

  // Self-synchronised:
  Bins bins_;
  const Api api_;
  Faults faults_;
  Stats stats_;
  SharedSwitches switches_;
  std::atomic<std::size_t> late_writes_ = 0;

  std::mutex threads_mutex_;
  std::vector<std::jthread> threads_;  // guarded by threads_mutex_; one for each late write
};

}  // namespace userbin::emulator
