#include "app/checks.h"

#include <algorithm>
#include <sys/timex.h>

#include "app/moving.h"
#include "base/failure.h"
#include "base/json.h"
#include "base/text.h"

namespace userbin::app {

namespace {

constexpr std::size_t kMaxText = 1000;
constexpr std::uintmax_t kLeastRoom = 64ULL << 20;
/// Two machines' clocks may differ so much.
constexpr std::chrono::minutes kClockTolerance{1};

std::string plural(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

void check_key(const BinSettings& settings, CheckReport& report) {
  try {
    read_key(settings);
  } catch (const base::BadSetting& error) {
    report.fault("bin", error.what(), "see 'userbin serve --help', The bin");
  }
}

void check_bin_status(const Settings& settings, OpenStore& store, CheckReport& report) {
  const auto state = base::from_json(store.rows().state()).value_or(Json::Value());
  const auto problem = jsonbin::sync_status_from(state).problem;
  const std::string mend = "see 'userbin bin status'";
  if (problem && problem->is_passing) {
    report.note("bin", "the worker last said: " + problem->sentence, mend);
  } else if (problem) {
    report.fault("bin", "the worker last said: " + problem->sentence, mend);
  }
  const std::size_t pending = store.rows().count_pending();
  if (pending > 0) {
    report.note("bin", plural(pending, "change") + " not in the bin yet",
                "a running worker brings them there; 'userbin bin push' does it now");
  }
  const bool is_single = !settings.bin.sync.bin_id.empty();
  const std::size_t room = jsonbin::room_limit(settings.bin.sync.max_bytes);
  if (is_single && store.rows().total_bytes() > room) {
    report.fault("bin", "it has no room for another user",
                 "raise --bin-max-bytes as your plan allows, or use --jsonbin-collection");
  }
}

void ask_bin(const Settings& settings, OpenStore& store, CheckReport& report) {
  try {
    OpenService service(settings, store);
    const std::size_t count = service.read_bins().size();
    report.ok("bin", plural(count, "bin") + " can be read");
  } catch (const base::StoreUnavailable&) {
    throw;
  } catch (const std::exception& error) {
    report.fault("bin", error.what(),
                 "mend the id, the key or the way there; 'userbin bin status'");
  }
}

base::WallTime newest_change(OpenStore& store) {
  base::WallTime newest{};
  for (const store::StoredUser& stored : all_users(store.users())) {
    const Json::Value& stamp = stored.user.record()["updated_at"];
    if (!stamp.isString()) continue;
    newest = std::max(newest, base::parse_rfc3339(stamp.asString()).value_or(newest));
  }
  return newest;
}

}  // namespace

void CheckReport::ok(const std::string& area, const std::string& what) {
  findings_.push_back({CheckResult::kOk, area, base::escape_for_log(what, kMaxText), ""});
}

void CheckReport::note(const std::string& area, const std::string& what, const std::string& mend) {
  findings_.push_back({CheckResult::kNote, area, base::escape_for_log(what, kMaxText),
                       base::escape_for_log(mend, kMaxText)});
}

void CheckReport::fault(const std::string& area, const std::string& what, const std::string& mend) {
  findings_.push_back({CheckResult::kFault, area, base::escape_for_log(what, kMaxText),
                       base::escape_for_log(mend, kMaxText)});
}

std::size_t CheckReport::count(CheckResult result) const {
  return static_cast<std::size_t>(
      std::count_if(findings_.begin(), findings_.end(),
                    [&](const CheckFinding& finding) { return finding.result == result; }));
}

bool CheckReport::has_fault(const std::string& area) const {
  return std::any_of(findings_.begin(), findings_.end(), [&](const CheckFinding& finding) {
    return finding.result == CheckResult::kFault && finding.area == area;
  });
}

void check_store(OpenStore& store, CheckReport& report) {
  const std::string damage = store.database().find_damage();
  if (!damage.empty()) {
    report.fault("store", "it is damaged: " + damage,
                 "stop the worker and put a backup back (README, Backups)");
    return;
  }
  store.users().check();
  std::size_t users = 0;
  std::size_t admins = 0;
  for (const store::StoredUser& stored : all_users(store.users())) {
    if (stored.user.deleted()) continue;
    ++users;
    if (stored.user.is_active_admin()) ++admins;
  }
  report.ok("store", "it is sound, with " + plural(users, "user") + ", of whom " +
                         plural(admins, "enabled admin"));
  if (admins == 0) {
    report.note("store", "nobody is an admin", "userbin user add NAME --role admin");
  }
}

void check_bin(const Settings& settings, OpenStore* store, bool asked, CheckReport& report) {
  if (!settings.bin.is_configured()) {
    report.ok("bin", "there is none");
    return;
  }
  check_key(settings.bin, report);
  const bool has_key = !report.has_fault("bin");
  if (store == nullptr) {
    report.note("bin", "not looked at, as there is no store that can be read", "mend the store");
    return;
  }
  check_bin_status(settings, *store, report);
  if (has_key && asked) ask_bin(settings, *store, report);
}

void check_clock(OpenStore* store, CheckReport& report) {
  const base::WallTime now = base::SystemClock().now();
  judge_clock(now, store != nullptr ? newest_change(*store) : base::WallTime{}, report);
  timex state{};
  const int told = ::adjtimex(&state);
  if (told == TIME_ERROR ||
      (told >= 0 && (static_cast<unsigned>(state.status) & STA_UNSYNC) != 0)) {
    report.note("clock", "nothing keeps this machine's clock in step",
                "run systemd-timesyncd, chrony or ntpd");
  }
}

void judge_room(std::uintmax_t free_bytes, CheckReport& report) {
  const std::string left = std::to_string(free_bytes >> 20) + " MiB are left on its disk";
  if (free_bytes >= kLeastRoom) {
    report.ok("store", left);
  } else {
    report.fault("store", "only " + left, "make room");
  }
}

void judge_clock(base::WallTime now, base::WallTime newest_change, CheckReport& report) {
  if (newest_change <= now + kClockTolerance) {
    report.ok("clock", "it is " + base::format_rfc3339(now));
    return;
  }
  report.fault("clock",
               "it is " + base::format_rfc3339(now) + ", and the last change of a user is of " +
                   base::format_rfc3339(newest_change),
               "set the clock; where it is right, it was wrong when that change was made, here or "
               "by another server or in the bin");
}

}  // namespace userbin::app
