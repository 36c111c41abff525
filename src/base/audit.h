// The audit log: one line for each thing that happened to an account, and for each try that failed.
// All of it may be called from any thread; it goes beside the program's log (log.h), in the same
// way.
#pragma once

#include <string>

#include "base/clock.h"

namespace userbin::base {

enum class AuditEvent {
  kRegister,
  kLogin,
  kLogout,
  kSessionEnd,
  kPasswordChange,
  kRoleChange,
  kDisable,
  kEnable,
  kApprove,
  kRefuse,
  kCreate,
  kDelete,
  kRestore,
  kInvite,
  kInvitationRevoke,
  kImport,
  /// The bin brought a user, a change or a deletion.
  kPull,
  /// The owner lets somebody try again who was held off.
  kBanLift,
};

enum class AuditOutcome { kOk, kFailed, kThrottled };

/// What a line says; a text that is empty is not known, or there is none.
struct AuditRecord {
  AuditEvent event;
  AuditOutcome outcome = AuditOutcome::kOk;
  /// The client's address.
  std::string client = {};
  /// Whose account it is. Only a name that somebody has: what is typed as a name may be a password.
  std::string user = {};
  /// Who did it, if it was not the user.
  std::string by = {};
  /// A word or two more: why it failed, which role.
  std::string detail = {};
  std::string request_id = {};
};

enum class AuditFormat { kText, kJson };

struct AuditOptions {
  enum class Target { kOff, kStderr, kFile, kSyslog };
  Target target = Target::kOff;
  std::string file = {};
  AuditFormat format = AuditFormat::kText;
};

/// A line without its end. Its parts stand in the same order always, and what comes from outside is
/// escaped and in quotes, so that no name can pass for a part. An address stands before any name.
std::string audit_line(const AuditRecord& record, AuditFormat format, WallTime time);

/// From now on audit() writes as `options` say; until then nowhere. A file is made with mode 0640;
/// one that root makes belongs to the owner of its folder. Throws BadSetting if it cannot be
/// opened.
void open_audit(const AuditOptions& options);

/// Opens the file anew, as after logrotate has moved it. If that fails, the old one goes on being
/// used, and a line in the log says why.
void reopen_audit();

/// Writes a line, by a single write(2) at the end, so that several programs may share the file.
/// What cannot be written is missing: a line in the log says so, and how many there were once it
/// works again.
void audit(const AuditRecord& record);

}  // namespace userbin::base
