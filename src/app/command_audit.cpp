#include "app/command_audit.h"

#include <cstdlib>
#include <pwd.h>
#include <unistd.h>

namespace userbin::app {

namespace {

std::string login_name() {
  const char* before_sudo = std::getenv("SUDO_USER");
  if (::geteuid() == 0 && before_sudo != nullptr) return before_sudo;
  const passwd* entry = ::getpwuid(::geteuid());
  return entry != nullptr ? entry->pw_name : std::to_string(::geteuid());
}

}  // namespace

base::AuditOptions worker_audit(const Settings& settings) {
  using Target = base::AuditOptions::Target;
  const std::string& log = settings.audit.log;
  const auto format =
      settings.audit.format == "json" ? base::AuditFormat::kJson : base::AuditFormat::kText;
  const Target target = log == "off"      ? Target::kOff
                        : log == "stderr" ? Target::kStderr
                                          : Target::kFile;
  return {.target = target, .file = target == Target::kFile ? log : "", .format = format};
}

base::AuditOptions command_audit(const Settings& settings) {
  base::AuditOptions options = worker_audit(settings);
  if (options.target == base::AuditOptions::Target::kStderr) {
    options.target = base::AuditOptions::Target::kSyslog;
  }
  return options;
}

CommandAudit::CommandAudit(const Settings& settings) : by_(login_name() + " (command line)") {
  base::open_audit(command_audit(settings));
}

void CommandAudit::done(base::AuditEvent event, const std::string& user,
                        const std::string& detail) const {
  base::audit({.event = event, .user = user, .by = by_, .detail = detail});
}

}  // namespace userbin::app
