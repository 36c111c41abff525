// What 'userbin check' looks at. Nothing here changes anything.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/bin_tools.h"

namespace userbin::app {

enum class CheckResult { kOk, kNote, kFault };

struct CheckFinding {
  CheckResult result = CheckResult::kOk;
  /// "store", "bin", ...
  std::string area;
  /// For a person; without control characters.
  std::string what;
  /// What to do about it; empty if it is well.
  std::string mend;
};

/// Gathers what is found. Texts are escaped here. Not synchronised.
class CheckReport {
 public:
  void ok(const std::string& area, const std::string& what);
  /// Worth knowing, but nothing breaks.
  void note(const std::string& area, const std::string& what, const std::string& mend);
  void fault(const std::string& area, const std::string& what, const std::string& mend);

  const std::vector<CheckFinding>& findings() const { return findings_; }
  std::size_t count(CheckResult result) const;
  /// Whether this area has a fault.
  bool has_fault(const std::string& area) const;

 private:
  std::vector<CheckFinding> findings_;
};

/// The --config file, which may be missing if it is the default one.
void check_config_file(const std::string& path, CheckReport& report);
/// Folder, modes and owners of the store's files, and room on its disk. False if there is no store.
bool check_store_files(const std::string& path, CheckReport& report);
/// That the store is sound, and has an admin. May throw base::StoreUnavailable.
void check_store(OpenStore& store, CheckReport& report);
/// The socket, its group, and whether a worker listens.
void check_socket(const fastcgi::ListenOptions& listen, CheckReport& report);
/// That who asks for the metrics at `address`, which is --metrics, is answered by a worker.
void check_metrics(const std::string& address, CheckReport& report);
/// A file that the setting `flag` names; empty: none.
void check_log_file(const std::string& flag, const std::string& path, CheckReport& report);
/// The key, what the worker last said of the bin and, if it may be `asked`, that it can be read.
/// `store` is nullptr if there is none that can be read.
void check_bin(const Settings& settings, OpenStore* store, bool asked, CheckReport& report);
/// This machine's time against the newest change in the store, and whether it is kept in step.
void check_clock(OpenStore* store, CheckReport& report);

/// How many bytes the disk of the store has left.
void judge_room(std::uintmax_t free_bytes, CheckReport& report);
/// Changes of the future are a clock that was put back, or wrong when they were made.
void judge_clock(base::WallTime now, base::WallTime newest_change, CheckReport& report);

}  // namespace userbin::app
