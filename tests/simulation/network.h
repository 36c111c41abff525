// What lies between a userbin and JSONBin, and goes wrong.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>

#include "jsonbin/transport.h"
#include "simulation/service.h"
#include "simulation/world.h"

namespace userbin::simulation {

/// The wires: holds requests that arrive later than anybody expects.
class Network {
 public:
  Network(World& world, Service& service) : world_(world), service_(service) {}

  Service& service() { return service_; }
  World& world() { return world_; }
  void delay(const jsonbin::HttpRequest& request) { late_.push_back(request); }
  /// Delivers the oldest request that is under way, if there is one.
  void deliver_one();
  void deliver_all();

 private:
  World& world_;
  Service& service_;
  std::deque<jsonbin::HttpRequest> late_;
};

/// One userbin's way out. Checks what it writes against what it read: without src/jsonbin.
class Wire final : public jsonbin::Transport {
 public:
  struct Hooks {
    /// A moment at which the program may die: throws test::Crash.
    std::function<void()> maybe_crash;
    /// What others do while the request is under way.
    std::function<void()> meanwhile;
  };

  Wire(Network& network, std::string name, Hooks hooks)
      : network_(network), name_(std::move(name)), hooks_(std::move(hooks)) {}

  /// What becomes of the next PUT, also without faults.
  enum class Fate { kArrives, kIsLost, kAnswerIsLost };
  Fate next_put = Fate::kArrives;

  /// It is the only one that writes, so it need not read before each PUT.
  bool is_exclusive = false;

  jsonbin::HttpResult send(const jsonbin::HttpRequest& request) override;
  /// The program was started anew: it has read nothing.
  void forget() { read_.clear(); }

 private:
  jsonbin::HttpResult carry(const jsonbin::HttpRequest& request);
  jsonbin::HttpResult fail_before(const jsonbin::HttpRequest& request);
  jsonbin::HttpResponse read_old(const jsonbin::HttpRequest& request);
  void check_write(const jsonbin::HttpRequest& request) const;
  void note(const jsonbin::HttpRequest& request, const jsonbin::HttpResult& result);

  Network& network_;
  const std::string name_;
  const Hooks hooks_;
  std::map<std::string, std::string> read_;  // by path of the bin: the text that was read last
};

}  // namespace userbin::simulation
