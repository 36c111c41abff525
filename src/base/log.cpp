#include "base/log.h"

#include <cstdlib>
#include <memory>

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "base/failure.h"

namespace userbin::base {

namespace {

// Set by open_log() before any thread starts; the sink itself is synchronised.
LogOptions current_options;
std::shared_ptr<spdlog::sinks::dist_sink_mt> current_output;

spdlog::sink_ptr open_output(const std::string& file) {
  spdlog::sink_ptr sink;
  if (file.empty()) {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  } else {
    sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
  }
  const bool journal = file.empty() && std::getenv("JOURNAL_STREAM") != nullptr;
  sink->set_pattern(journal ? "%l: %v" : "%Y-%m-%dT%H:%M:%S.%e%z %l: %v");
  return sink;
}

}  // namespace

void open_log(const LogOptions& options) {
  auto output = std::make_shared<spdlog::sinks::dist_sink_mt>();
  try {
    output->set_sinks({open_output(options.file)});
  } catch (const spdlog::spdlog_ex& error) {
    throw BadSetting("--log-file: " + std::string(error.what()) +
                     "; give a path in a folder that this user may write to");
  }
  auto logger = std::make_shared<spdlog::logger>("userbin", output);
  logger->set_level(spdlog::level::from_str(options.level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(logger);
  current_options = options;
  current_output = output;
}

void reopen_log() {
  if (!current_output || current_options.file.empty()) return;
  try {
    current_output->set_sinks({open_output(current_options.file)});
    spdlog::info("log file reopened");
  } catch (const spdlog::spdlog_ex& error) {
    spdlog::error("log file not reopened, still writing to the old one: {}", error.what());
  }
}

}  // namespace userbin::base
