// What the owner's commands tell the audit log.
#pragma once

#include <string>

#include "app/settings.h"
#include "base/audit.h"

namespace userbin::app {

/// Where the settings want the audit log. The worker's stderr is kept by whoever started it; that
/// of a command is the owner's terminal, so what is meant for stderr goes to syslog from there.
base::AuditOptions worker_audit(const Settings& settings);
base::AuditOptions command_audit(const Settings& settings);

/// Made before the change, so that nothing is changed that could not be told.
class CommandAudit {
 public:
  /// Throws base::BadSetting if the log cannot be opened.
  explicit CommandAudit(const Settings& settings);

  /// Something was done by whoever sits at the terminal.
  void done(base::AuditEvent event, const std::string& user, const std::string& detail = "") const;

  /// "ada (command line)"; who used sudo, rather than root.
  const std::string& by() const { return by_; }

 private:
  std::string by_;
};

}  // namespace userbin::app
