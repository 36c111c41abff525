#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "jsonbin/transport.h"

namespace userbin::test {

/// JSONBin in memory: bins, one collection of all of them, a log of requests, and failures on
/// demand. Any thread may call.
class FakeService final : public jsonbin::Transport {
 public:
  /// What is done to the next requests of a method ("GET", "PUT", "POST"; "LIST" for a
  /// collection's).
  struct Failure {
    std::string method;
    jsonbin::HttpResult result;
    int times = 1;
    /// The service does what it is asked for, and the answer is lost.
    bool is_done = false;
  };

  /// Called with the log's line of each request, before it is carried out, on its thread and
  /// without a lock.
  std::function<void(const std::string& line)> on_request;

  void put(const std::string& id, const std::string& document) {
    const std::lock_guard lock(mutex_);
    slot(id) = document;
  }
  void erase(const std::string& id) {
    const std::lock_guard lock(mutex_);
    std::erase_if(bins_, [&](const auto& bin) { return bin.first == id; });
  }
  /// A bin's text; empty if there is none.
  std::string document(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    for (const auto& bin : bins_) {
      if (bin.first == id) return bin.second;
    }
    return "";
  }
  Json::Value json(const std::string& id) const {
    return base::from_json(document(id)).value_or(Json::Value());
  }

  void fail(Failure failure) {
    const std::lock_guard lock(mutex_);
    failures_.push_back(std::move(failure));
  }
  void recover() {
    const std::lock_guard lock(mutex_);
    failures_.clear();
  }

  /// Lines as "GET bin1", "PUT bin1", "POST", "LIST".
  std::vector<std::string> log() const {
    const std::lock_guard lock(mutex_);
    return log_;
  }
  /// What came since the last call.
  std::vector<std::string> take_log() {
    const std::lock_guard lock(mutex_);
    return std::exchange(log_, {});
  }
  const std::vector<jsonbin::HttpRequest>& requests() const { return requests_; }

  /// Requests wait until they are let go, or cancelled.
  void hold(bool held) {
    const std::lock_guard lock(mutex_);
    is_held_ = held;
    changed_.notify_all();
  }
  /// Returns when a request waits.
  void wait_until_asked() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_ > 0; });
  }

  jsonbin::HttpResult send(const jsonbin::HttpRequest& request) override {
    const auto [line, id] = line_of(request);
    if (on_request) on_request(line);
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !is_held_ || is_cancelled_; });
    --waiting_;
    if (is_cancelled_) return jsonbin::Away{.reason = "cancelled"};
    log_.push_back(line);
    requests_.push_back(request);
    for (Failure& failure : failures_) {
      if (failure.times == 0 || !line.starts_with(failure.method)) continue;
      --failure.times;
      if (failure.is_done) answer(request, id);
      return failure.result;
    }
    return answer(request, id);
  }

  void cancel() override {
    const std::lock_guard lock(mutex_);
    is_cancelled_ = true;
    changed_.notify_all();
  }

 private:
  static std::pair<std::string, std::string> line_of(const jsonbin::HttpRequest& request) {
    std::string path = request.url.substr(request.url.find("/v3/") + 3);
    if (path.starts_with("/c/")) return {"LIST", path.ends_with("/bins") ? "" : "rest"};
    if (request.method == "POST") return {"POST", ""};
    std::string id = path.substr(3);
    id = id.substr(0, id.find('/'));
    return {request.method + " " + id, id};
  }

  // mutex_ is held:
  std::string& slot(const std::string& id) {
    for (auto& bin : bins_) {
      if (bin.first == id) return bin.second;
    }
    bins_.emplace_back(id, "");
    return bins_.back().second;
  }

  jsonbin::HttpResponse answer(const jsonbin::HttpRequest& request, const std::string& id) {
    const bool is_blank = request.body == "[]" || request.body == "{}";
    if (is_blank) return {400, "", R"({"message":"Bin cannot be blank"})"};
    if (request.method == "POST") {
      const std::string made = "new" + std::to_string(++made_);
      slot(made) = request.body;
      return {200, "", "{\"record\":" + request.body + ",\"metadata\":{\"id\":\"" + made + "\"}}"};
    }
    if (request.url.find("/c/") != std::string::npos) return {200, "", page(id)};
    for (auto& bin : bins_) {
      if (bin.first != id) continue;
      if (request.method == "GET") return {200, "", bin.second};
      bin.second = request.body;
      return {200, "", "{\"record\":" + request.body + ",\"metadata\":{\"parentId\":\"x\"}}"};
    }
    return {404, "", R"({"message":"Bin not found or it doesn't belong to your account"})"};
  }

  /// The first page has it all.
  std::string page(const std::string& rest) const {
    Json::Value lines(Json::arrayValue);
    if (rest.empty()) {
      for (const auto& bin : bins_)
        lines.append(Json::Value(Json::objectValue))["record"] = bin.first;
    }
    return base::to_json(lines);
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::vector<std::pair<std::string, std::string>> bins_;  // id, document
  std::deque<Failure> failures_;
  std::vector<std::string> log_;
  std::vector<jsonbin::HttpRequest> requests_;
  int made_ = 0;
  int waiting_ = 0;
  bool is_held_ = false;
  bool is_cancelled_ = false;
};

}  // namespace userbin::test
