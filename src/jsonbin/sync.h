// Keeps the list of users the same in the store and in one bin, or in all bins of a collection.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "jsonbin/adoption.h"
#include "jsonbin/client.h"
#include "jsonbin/metered_transport.h"
#include "jsonbin/plan.h"
#include "jsonbin/schedule.h"
#include "jsonbin/sync_status.h"
#include "store/sync_store.h"

namespace userbin::jsonbin {

struct SyncSettings {
  /// One of these two; the other is empty.
  std::string bin_id;
  std::string collection_id;
  /// How long changes are gathered for one PUT.
  std::chrono::milliseconds delay{200};
  /// After this time at the latest it is looked whether what was written is still there.
  std::chrono::milliseconds confirm{60'000};
  /// How often the bins are read for edits from outside; 0: only when there is something to write.
  std::chrono::milliseconds poll{0};
  /// Nobody else writes to the bins: they are read once, at the start.
  bool exclusive = false;
  std::size_t max_bytes = 100'000;
  /// 0: no limit.
  std::int64_t requests_per_day = 0;
};

/// What SyncStore::set_place() is told.
std::string place_name(const std::string& base_url, const SyncSettings& settings);

/// The synchronisation, step by step; whoever calls step() is its thread. A round reads bins, joins
/// them with the store (plan.h), and writes those that differ; it begins when changes are pending,
/// when what was written is to be confirmed, when it is time to poll, and at the start.
///
/// Whatever it must know after a crash is in the store before a request is sent, so it may end
/// between any two steps, or in the middle of one, and a new one goes on.
///
/// Used by one thread at a time. Two of them on one store do no harm: at worst one overwrites what
/// the other wrote, and sees it the next time.
class Sync {
 public:
  /// All outlive this. Throws base::BadSetting as Client does.
  Sync(Transport& transport, Client::Settings client, store::SyncStore& store,
       const base::Clock& clock, Passwords passwords, SyncSettings settings, std::uint64_t seed);

  /// Does the next thing that is due, with at most one request (listing a collection: one a page)
  /// or one password hash, and returns when the next one is due. Call again then, or earlier if
  /// something has changed. Throws base::StoreUnavailable; the round is begun anew then.
  base::WallTime step();

  /// The next round reads all bins, and begins as soon as it may: errors of before are forgotten. A
  /// round that is under way is broken off.
  void read_all_now();

  /// No round is under way.
  bool is_idle() const { return phase_ == Phase::kIdle; }
  const SyncStatus& status() const { return status_; }
  /// What the bin that was read last holds besides users.
  std::size_t foreign_bytes() const { return foreign_bytes_; }

 private:
  enum class Phase { kIdle, kListing, kReading, kHashing, kJoining, kWriting };

  struct Bin {
    std::string id;
    bool is_wanted = false;  // to be read in this round
    std::optional<BinDocument> document;
    bool had_plain_text = false;
    bool is_unconfirmed = false;
    std::size_t bytes = 0;
  };

  /// An element of a bin whose password stands there as plain text.
  struct PlainText {
    std::size_t bin;
    std::size_t element;
  };

  base::WallTime dispatch(base::WallTime now);
  base::WallTime look_for_work(base::WallTime now);
  base::WallTime time_to_read(base::WallTime now);
  std::vector<store::PendingChange> actionable_changes(base::WallTime now);
  void begin_round(const std::vector<store::PendingChange>& pending, base::WallTime now);
  void want_bins(const std::vector<store::PendingChange>& pending);
  void list_bins();
  void read_next_bin();
  void find_plain_text(std::size_t bin);
  void hash_next_password(base::WallTime now);
  void join(base::WallTime now);
  bool apply(const std::vector<store::SyncChange>& changes);
  std::vector<BinCopy> copies() const;
  void note_joined();
  void report(const std::vector<PlanFinding>& findings);
  void write_next();
  void note_written(BinWrite& write, const std::string& id);
  void end_round(base::WallTime now);
  void abandon_round();

  void fail(const Error& error);
  void suspect(const std::string& bin, const std::string& reason);
  void hold(store::Replica::Problem problem, std::chrono::milliseconds wait);
  void hold_back(base::WallTime now, base::WallTime::duration wait);
  void set_problem(std::optional<store::Replica::Problem> problem, base::WallTime now);
  void save_status();

  store::SyncStore& store_;
  const base::Clock& clock_;
  const SyncSettings settings_;
  const std::string place_;
  MeteredTransport transport_;
  Client client_;
  BackOff back_off_;

  bool is_place_set_ = false;
  Phase phase_ = Phase::kIdle;
  std::vector<Bin> bins_;  // in the service's order
  bool must_read_all_ = true;
  base::WallTime not_before_{};
  base::WallTime held_at_{};  // since when not_before_ is waited for
  base::WallTime round_began_{};
  base::WallTime join_not_before_{};
  std::optional<base::WallTime> pending_since_;
  /// What reading the bins took the last time.
  std::chrono::milliseconds read_time_{0};
  std::optional<base::WallTime> confirm_at_;
  std::optional<base::WallTime> poll_at_;

  Adoption adoption_;
  std::vector<PlainText> plain_texts_;
  std::size_t hashed_ = 0;
  base::WallTime last_progress_{};

  Plan plan_;
  std::size_t next_write_ = 0;
  /// Users who found no room, with the revision they had: not pending for now.
  std::map<std::string, std::int64_t> no_room_;
  std::optional<base::WallTime> look_for_room_at_;
  std::set<std::string> reported_;

  std::size_t foreign_bytes_ = 0;
  SyncStatus status_;
  std::string saved_status_;
};

}  // namespace userbin::jsonbin
