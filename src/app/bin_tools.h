// What the subcommands that work on the store share, those of 'userbin bin' above all.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "app/bin_parts.h"
#include "jsonbin/metered_transport.h"
#include "jsonbin/plan.h"
#include "store/sql_sync_store.h"
#include "store/sql_user_store.h"

namespace userbin::app {

/// Something did not work: what() is a sentence for the person at the terminal.
class Failed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A subcommand with these settings. Exit status: 0 done, 1 failed.
using BinCommand = std::function<int(const Settings& settings)>;

/// Reads the settings for the command `name` ("userbin bin status"), which works on the store, runs
/// it, and prints what it throws. Exit status: as that of `command`; 1 after a failure, 2 after a
/// wrong setting.
int run_store_command(std::span<char*> arguments, const std::string& name,
                      const std::string& description, const std::function<void(CLI::App&)>& declare,
                      const BinCommand& command);

/// The same for 'userbin bin VERB'.
int run_bin_command(std::span<char*> arguments, const std::string& verb,
                    const std::string& description, const std::function<void(CLI::App&)>& declare,
                    const BinCommand& command);

/// The store that the settings name. Throws Failed if there is none and it must exist.
class OpenStore {
 public:
  enum class IfMissing { kFail, kMake };
  explicit OpenStore(const Settings& settings, IfMissing if_missing = IfMissing::kFail);

  store::SqlSyncStore& rows() { return rows_; }
  store::SqlUserStore& users() { return users_; }
  store::Database& database() { return *database_; }
  const base::Clock& clock() const { return clock_; }

 private:
  std::unique_ptr<store::Database> database_;
  store::SqlSyncStore rows_;
  store::SqlUserStore users_;
  base::SystemClock system_clock_;
  base::ServerClock clock_;
};

/// The service, spoken to without a Sync.
class OpenService {
 public:
  OpenService(const Settings& settings, OpenStore& store);

  jsonbin::Client& client() { return client_; }

  /// The configured bin, or all bins of the collection. Throws Failed if one cannot be read, or is
  /// no user list.
  std::vector<jsonbin::BinCopy> read_bins();

 private:
  const jsonbin::SyncSettings settings_;
  jsonbin::CurlTransport transport_;
  jsonbin::MeteredTransport metered_;
  jsonbin::Client client_;
};

/// Throws Failed, which says how to configure one, if there is no bin.
void require_bin(const Settings& settings);

/// Puts hashes in the place of passwords in plain text, with progress on standard error, or, on a
/// dry run, a placeholder. How many there were.
std::size_t hash_plain_texts(std::vector<jsonbin::BinCopy>& bins, const Settings& settings,
                             const std::vector<store::SyncedUser>& users, bool dry_run);

/// Prints what the bin brings: a line for each user who is new, changed, deleted or forgotten.
/// How many lines there were.
std::size_t print_changes(const std::vector<store::SyncChange>& changes);
void print_findings(const std::vector<jsonbin::PlanFinding>& findings);
void print_bins(const jsonbin::SyncStatus& status, std::size_t max_bytes);

/// A text from outside, fit for a terminal.
std::string shown(const std::string& text);

}  // namespace userbin::app
