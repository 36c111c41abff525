#include "base/audit.h"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <mutex>
#include <string_view>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "base/failure.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace userbin::base {

namespace {

constexpr mode_t kFileMode = 0640;

std::string_view word_for(AuditEvent event) {
  switch (event) {
    case AuditEvent::kRegister: return "register";
    case AuditEvent::kLogin: return "login";
    case AuditEvent::kLogout: return "logout";
    case AuditEvent::kSessionEnd: return "session_end";
    case AuditEvent::kPasswordChange: return "password_change";
    case AuditEvent::kRoleChange: return "role_change";
    case AuditEvent::kDisable: return "disable";
    case AuditEvent::kEnable: return "enable";
    case AuditEvent::kApprove: return "approve";
    case AuditEvent::kRefuse: return "refuse";
    case AuditEvent::kCreate: return "create";
    case AuditEvent::kDelete: return "delete";
    case AuditEvent::kRestore: return "restore";
    case AuditEvent::kInvite: return "invite";
    case AuditEvent::kInvitationRevoke: return "invitation_revoke";
    case AuditEvent::kImport: return "import";
    case AuditEvent::kPull: return "pull";
    case AuditEvent::kBanLift: return "ban_lift";
  }
  return "unknown";
}

std::string_view word_for(AuditOutcome outcome) {
  switch (outcome) {
    case AuditOutcome::kOk: return "ok";
    case AuditOutcome::kFailed: return "failed";
    case AuditOutcome::kThrottled: return "throttled";
  }
  return "unknown";
}

bool needs_quotes(char c) {
  const bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                        (c >= 'a' && c <= 'z') || c == '.' || c == ':' || c == '_' || c == '-';
  return !is_plain;
}

/// Longer than any address or id of ours.
constexpr std::size_t kMaxBare = 64;

std::string quoted(const std::string& text) {
  if (text.empty()) return "-";
  std::string out = "\"";
  for (const char c : escape_for_log(text)) {
    if (c == '"') {
      out += "\\x22";
    } else {
      out += c;
    }
  }
  return out + '"';
}

/// An address or a request's id, which stands without quotes as long as it looks like one.
std::string bare(const std::string& text) {
  if (text.size() > kMaxBare) return quoted(text);
  for (const char c : text) {
    if (needs_quotes(c)) return quoted(text);
  }
  return text.empty() ? "-" : text;
}

std::string text_line(const AuditRecord& record, WallTime time) {
  std::string line = format_rfc3339(time);
  line += " audit event=" + std::string(word_for(record.event));
  line += " outcome=" + std::string(word_for(record.outcome));
  line += " client=" + bare(record.client);
  line += " user=" + quoted(record.user);
  line += " by=" + quoted(record.by);
  line += " detail=" + quoted(record.detail);
  line += " id=" + bare(record.request_id);
  return line;
}

std::string json_text(const std::string& text) {
  return text.empty() ? "null" : to_json(escape_for_log(text));
}

/// In the order of text_line(); to_json() would sort.
std::string json_line(const AuditRecord& record, WallTime time) {
  std::string line = "{\"time\":" + json_text(format_rfc3339(time));
  line += ",\"event\":" + json_text(std::string(word_for(record.event)));
  line += ",\"outcome\":" + json_text(std::string(word_for(record.outcome)));
  line += ",\"client\":" + json_text(record.client);
  line += ",\"user\":" + json_text(record.user);
  line += ",\"by\":" + json_text(record.by);
  line += ",\"detail\":" + json_text(record.detail);
  line += ",\"request_id\":" + json_text(record.request_id);
  return line + '}';
}

/// Nothing, and errno, if it cannot be opened.
UniqueFd open_file(const std::string& path) {
  const int flags = O_WRONLY | O_APPEND | O_CLOEXEC;
  UniqueFd file(::open(path.c_str(), flags));
  if (file || errno != ENOENT) return file;
  file.reset(::open(path.c_str(), flags | O_CREAT | O_EXCL, kFileMode));
  if (!file && errno == EEXIST) file.reset(::open(path.c_str(), flags));
  const auto folder = std::filesystem::absolute(path).parent_path();
  struct stat facts {};
  if (file && ::geteuid() == 0 && ::stat(folder.c_str(), &facts) == 0 &&
      ::fchown(file.get(), facts.st_uid, facts.st_gid) != 0) {
    spdlog::warn("the audit log {} belongs to root, its folder does not: {}", path,
                 std::strerror(errno));
  }
  return file;
}

class AuditLog {
 public:
  void open(const AuditOptions& options) {
    UniqueFd file;
    if (options.target == AuditOptions::Target::kFile) {
      file = open_file(options.file);
      if (!file) {
        throw BadSetting("--audit-log: " + options.file + ": " + std::strerror(errno) +
                         "; give a path in a folder that this user may write to");
      }
    }
    if (options.target == AuditOptions::Target::kSyslog)
      ::openlog("userbin", LOG_PID, LOG_AUTHPRIV);
    const std::lock_guard lock(mutex_);
    options_ = options;
    file_ = std::move(file);
    lost_ = 0;
    is_cut_ = false;
  }

  void reopen() {
    const std::lock_guard lock(mutex_);
    if (options_.target != AuditOptions::Target::kFile) return;
    UniqueFd file = open_file(options_.file);
    if (file) {
      file_ = std::move(file);
      is_cut_ = false;
    } else {
      spdlog::error("audit log not reopened, still writing to the old one: {}",
                    std::strerror(errno));
    }
  }

  void write(const AuditRecord& record) {
    const std::lock_guard lock(mutex_);
    if (options_.target == AuditOptions::Target::kOff) return;
    const std::string line = audit_line(record, options_.format, SystemClock().now());
    if (options_.target == AuditOptions::Target::kSyslog) {
      ::syslog(LOG_INFO, "%s", line.c_str());
      return;
    }
    const bool is_file = options_.target == AuditOptions::Target::kFile;
    note(append(is_file ? file_.get() : STDERR_FILENO, line));
  }

 private:
  /// 0, or why it was not written. mutex_ is held.
  int append(int fd, const std::string& line) {
    // What a full disk has cut off must not become the start of this line.
    const std::string bytes = (is_cut_ ? "\n" : "") + line + '\n';
    ssize_t written = 0;
    do {
      written = ::write(fd, bytes.data(), bytes.size());
    } while (written < 0 && errno == EINTR);
    if (written < 0) return errno;
    const bool is_whole = static_cast<std::size_t>(written) == bytes.size();
    if (written > 0) is_cut_ = !is_whole;
    return is_whole ? 0 : ENOSPC;
  }

  /// mutex_ is held.
  void note(int error) {
    if (error != 0) {
      if (lost_++ == 0) {
        spdlog::error("the audit log cannot be written, its lines are missing from now on: {}",
                      std::strerror(error));
      }
    } else if (lost_ > 0) {
      spdlog::warn("the audit log is written again; {} of its lines are missing", lost_);
      lost_ = 0;
    }
  }

  std::mutex mutex_;
  // Guarded by mutex_:
  AuditOptions options_;
  UniqueFd file_;
  std::size_t lost_ = 0;
  /// The last line has no end.
  bool is_cut_ = false;
};

AuditLog& the_log() {
  static AuditLog log;
  return log;
}

}  // namespace

std::string audit_line(const AuditRecord& record, AuditFormat format, WallTime time) {
  return format == AuditFormat::kJson ? json_line(record, time) : text_line(record, time);
}

void open_audit(const AuditOptions& options) {
  the_log().open(options);
}

void reopen_audit() {
  the_log().reopen();
}

void audit(const AuditRecord& record) {
  the_log().write(record);
}

}  // namespace userbin::base
