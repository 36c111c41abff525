// The program's log: one line an event, to stderr or a file, through spdlog. All of it may be
// called from any thread. Texts from outside go through base::escape_for_log() first.
#pragma once

#include <string>

#include <spdlog/spdlog.h>

namespace userbin::base {

struct LogOptions {
  /// Empty: stderr.
  std::string file;
  /// trace, debug, info, warning, error or critical.
  std::string level = "info";
};

/// Makes spdlog's default logger write as `options` say. Under systemd (JOURNAL_STREAM) lines on
/// stderr carry no time, as the journal has it. Throws BadSetting if the file cannot be opened; the
/// log is as it was then.
void open_log(const LogOptions& options);

/// Opens the log file anew, as after logrotate has moved it. If that fails, the old file goes on
/// being used, and a line there says why.
void reopen_log();

}  // namespace userbin::base
