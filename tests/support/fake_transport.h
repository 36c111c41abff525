#pragma once

#include <deque>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "jsonbin/transport.h"

namespace userbin::test {

/// Answers requests from a list, in order, and keeps what was asked. Used by one thread at a time.
class FakeTransport final : public jsonbin::Transport {
 public:
  /// The next requests get these answers.
  void will_answer(jsonbin::HttpResult result) { results_.push_back(std::move(result)); }
  void will_answer(int status, std::string body, std::string retry_after = "") {
    will_answer(jsonbin::HttpResponse{status, std::move(retry_after), std::move(body)});
  }
  void will_be_away(std::string reason, bool may_have_arrived) {
    will_answer(jsonbin::Away{std::move(reason), may_have_arrived});
  }

  /// Throws std::logic_error if no answer is left.
  jsonbin::HttpResult send(const jsonbin::HttpRequest& request) override {
    requests_.push_back(request);
    if (results_.empty()) throw std::logic_error("no answer for " + request.url);
    jsonbin::HttpResult result = std::move(results_.front());
    results_.pop_front();
    return result;
  }

  const std::vector<jsonbin::HttpRequest>& requests() const { return requests_; }
  /// Answers that nobody asked for yet.
  std::size_t left() const { return results_.size(); }

 private:
  std::deque<jsonbin::HttpResult> results_;
  std::vector<jsonbin::HttpRequest> requests_;
};

}  // namespace userbin::test
