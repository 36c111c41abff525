#pragma once

#include <memory>
#include <sstream>
#include <string>

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

namespace userbin::test {

/// What the program logs in this scope, a line each as "error: what". Any thread may log; who reads
/// it does so while nobody does.
class CapturedLog {
 public:
  CapturedLog() : before_(spdlog::default_logger()) {
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text_);
    sink->set_pattern("%l: %v");
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("captured", sink));
  }
  ~CapturedLog() { spdlog::set_default_logger(before_); }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;

  std::string text() const { return text_.str(); }
  bool has(const std::string& part) const { return count(part) > 0; }
  int count(const std::string& part) const {
    const std::string all = text();
    int times = 0;
    for (auto at = all.find(part); at != std::string::npos; at = all.find(part, at + 1)) ++times;
    return times;
  }

 private:
  std::ostringstream text_;
  std::shared_ptr<spdlog::logger> before_;
};

}  // namespace userbin::test
