#include "jsonbin/sync.h"

#include <algorithm>
#include <iterator>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"

namespace userbin::jsonbin {

namespace {

using store::Replica;

/// Another program may have changed the store; nobody tells.
constexpr std::chrono::seconds kLookEvery{1};
constexpr std::chrono::minutes kLookForRoomEvery{10};
constexpr std::chrono::seconds kProgressEvery{2};
constexpr std::size_t kMaxPending = 10'000;
constexpr int kMaxJoins = 5;

std::string quoted(const Error& error) {
  const std::string status = error.status == 0 ? "" : std::to_string(error.status) + " ";
  return status + '"' + error.message + '"';
}

Replica::Problem problem_for(const Error& error) {
  const std::string answer = quoted(error);
  switch (error.kind) {
    case ErrorKind::kAway:
      return {"away", "JSONBin is away: " + answer + "; changes wait in the store", true};
    case ErrorKind::kSlowDown:
      return {"slow_down", "JSONBin asks for fewer requests: " + answer, true};
    case ErrorKind::kOutOfRequests:
      return {"out_of_requests",
              "JSONBin's requests are used up: " + answer +
                  "; buy more, then restart userbin or send it SIGHUP",
              false};
    case ErrorKind::kTooBig:
      return {"full",
              "the bin is too big for its plan: " + answer +
                  "; take users out, buy the larger plan, or use --jsonbin-collection",
              false};
    case ErrorKind::kNotThere:
      return {"refused",
              "JSONBin does not know the bin: " + answer +
                  "; check BIN_ID (--bin-id) or --jsonbin-collection, and whose key it is",
              false};
    case ErrorKind::kNotAllowed:
      return {"refused",
              "JSONBin refuses the key: " + answer +
                  "; check --jsonbin-key-file (or JSONBIN_API_KEY) and --jsonbin-key-kind",
              false};
    case ErrorKind::kBlankRefused:
    case ErrorKind::kRefused: break;
  }
  return {"refused", "JSONBin refuses a request: " + answer, false};
}

void log_pulled(const std::vector<store::SyncChange>& changes) {
  for (const store::SyncChange& change : changes) {
    if (change.record) spdlog::info("from the bin: {}", base::escape_for_log(change.key));
    if (change.remove) {
      spdlog::info("the deletion of {} is forgotten", base::escape_for_log(change.key));
    }
  }
}

}  // namespace

std::string place_name(const std::string& base_url, const SyncSettings& settings) {
  return base_url + (settings.bin_id.empty() ? " collection " + settings.collection_id
                                             : " bin " + settings.bin_id);
}

Sync::Sync(Transport& transport, Client::Settings client, store::SyncStore& store,
           const base::Clock& clock, Passwords passwords, SyncSettings settings, std::uint64_t seed)
    : store_(store),
      clock_(clock),
      settings_(std::move(settings)),
      place_(place_name(client.base_url, settings_)),
      transport_(transport, store, clock, Budget(settings_.requests_per_day)),
      client_(transport_, clock, std::move(client)),
      back_off_(seed),
      adoption_(std::move(passwords)) {
  if (!settings_.bin_id.empty()) bins_.push_back({.id = settings_.bin_id});
}

base::WallTime Sync::step() {
  try {
    if (!is_place_set_) {
      store_.set_place(place_);
      status_ = sync_status_from(base::from_json(store_.state()).value_or(Json::Value()));
      status_.problem.reset();
      is_place_set_ = true;
    }
    return dispatch(clock_.now());
  } catch (...) {
    abandon_round();
    throw;
  }
}

base::WallTime Sync::dispatch(base::WallTime now) {
  switch (phase_) {
    case Phase::kIdle: return look_for_work(now);
    case Phase::kListing: list_bins(); break;
    case Phase::kReading: read_next_bin(); break;
    case Phase::kHashing: hash_next_password(now); break;
    case Phase::kJoining:
      if (now < join_not_before_ && join_not_before_ <= now + settings_.delay) {
        return join_not_before_;
      }
      join(now);
      break;
    case Phase::kWriting: write_next(); break;
  }
  return is_idle() ? not_before_ : now;
}

void Sync::read_all_now() {
  abandon_round();
  must_read_all_ = true;
  not_before_ = {};
  back_off_.reset();
  for (Bin& bin : bins_) bin.document.reset();
}

base::WallTime Sync::look_for_work(base::WallTime now) {
  // Not longer than it was meant, should the clock have been set back.
  if (now < held_at_ && held_at_ < not_before_) hold_back(now, not_before_ - held_at_);
  if (now < not_before_) return not_before_;
  const auto pending = actionable_changes(now);
  base::WallTime due = now + kLookEvery;
  if (must_read_all_) due = now;
  if (pending.empty()) pending_since_.reset();
  if (!pending.empty()) due = std::min(due, std::max(now, time_to_read(now)));
  if (confirm_at_) confirm_at_ = std::min(*confirm_at_, now + settings_.confirm);
  if (poll_at_) poll_at_ = std::min(*poll_at_, now + settings_.poll);
  for (const auto& at : {confirm_at_, poll_at_}) {
    if (at && *at < due) due = std::max(*at, now);
  }
  if (due > now) return due;
  if (!transport_.may_send()) {
    hold({"out_of_requests",
          "--bin-requests is used up; changes wait until some of the last 24 hours' requests are "
          "older",
          false},
         std::chrono::minutes{10});
    return not_before_;
  }
  const base::WallTime spaced = round_began_ + transport_.distance();
  if (now < spaced && round_began_ <= now) {
    hold_back(now, spaced - now);
    save_status();
    return spaced;
  }
  begin_round(pending, now);
  return now;
}

/// The bin is read while changes gather, and as late as possible: what somebody else writes between
/// our GET and our PUT is lost.
base::WallTime Sync::time_to_read(base::WallTime now) {
  if (!pending_since_ || *pending_since_ > now) pending_since_ = now;
  return *pending_since_ + settings_.delay - std::min(read_time_, settings_.delay);
}

/// Without those who were found to have no room, but every now and then.
std::vector<store::PendingChange> Sync::actionable_changes(base::WallTime now) {
  std::vector<store::PendingChange> pending = store_.pending(kMaxPending);
  if (look_for_room_at_) look_for_room_at_ = std::min(*look_for_room_at_, now + kLookForRoomEvery);
  if (look_for_room_at_ && *look_for_room_at_ <= now) no_room_.clear();
  std::erase_if(pending, [&](const store::PendingChange& change) {
    const auto found = no_room_.find(change.key);
    return found != no_room_.end() && found->second == change.revision;
  });
  return pending;
}

void Sync::begin_round(const std::vector<store::PendingChange>& pending, base::WallTime now) {
  round_began_ = now;
  join_not_before_ = pending_since_ ? *pending_since_ + settings_.delay : now;
  pending_since_.reset();
  read_time_ = {};
  const bool is_poll = poll_at_ && *poll_at_ <= now;
  const bool is_confirmation = confirm_at_ && *confirm_at_ <= now;
  must_read_all_ = must_read_all_ || is_poll;
  plain_texts_.clear();
  for (Bin& bin : bins_) {
    bin.is_wanted = must_read_all_ || (is_confirmation && bin.is_unconfirmed);
  }
  want_bins(pending);
  const bool must_list = must_read_all_ && !settings_.collection_id.empty();
  phase_ = must_list ? Phase::kListing : Phase::kReading;
}

/// The bins that the changes are for; new users go to the last.
void Sync::want_bins(const std::vector<store::PendingChange>& pending) {
  std::set<std::string> homes;
  for (const store::PendingChange& change : pending) homes.insert(change.bin);
  bool has_homeless = homes.contains("");
  for (Bin& bin : bins_) {
    bin.is_wanted = bin.is_wanted || homes.contains(bin.id);
    homes.erase(bin.id);
  }
  has_homeless = has_homeless || !homes.empty();
  if (has_homeless && !bins_.empty()) bins_.back().is_wanted = true;
  if (!settings_.exclusive || must_read_all_) return;
  for (Bin& bin : bins_) bin.is_wanted = bin.is_wanted && !bin.document;
}

void Sync::list_bins() {
  const auto answer = client_.list_collection(settings_.collection_id);
  if (!answer) return fail(answer.error());
  if (!answer.value().is_complete) {
    return fail({.kind = ErrorKind::kRefused,
                 .status = 200,
                 .message = "the collection has too many bins to be listed"});
  }
  std::vector<Bin> bins;
  for (const BinEntry& entry : answer.value().bins) {
    bins.push_back({.id = entry.id, .is_wanted = true});
  }
  bins_ = std::move(bins);
  phase_ = Phase::kReading;
}

void Sync::read_next_bin() {
  const auto next =
      std::find_if(bins_.begin(), bins_.end(), [](const Bin& bin) { return bin.is_wanted; });
  if (next == bins_.end()) {
    phase_ = plain_texts_.empty() ? Phase::kJoining : Phase::kHashing;
    return;
  }
  const base::WallTime began = clock_.now();
  const auto answer = client_.read_latest(next->id);
  if (!answer) return fail(answer.error());
  read_time_ += std::chrono::floor<std::chrono::milliseconds>(
      std::max(clock_.now() - began, base::WallTime::duration{0}));
  auto parsed = BinDocument::parse(answer.value());
  if (const auto* refusal = std::get_if<Refusal>(&parsed))
    return suspect(next->id, refusal->reason);
  next->document = std::get<BinDocument>(std::move(parsed));
  next->bytes = wire_form(answer.value()).size();
  next->is_wanted = false;
  foreign_bytes_ = wire_form(next->document->with_users({})).size();
  find_plain_text(static_cast<std::size_t>(next - bins_.begin()));
}

void Sync::find_plain_text(std::size_t bin) {
  const auto found = adoption_.plain_texts(*bins_[bin].document);
  bins_[bin].had_plain_text = !found.empty();
  for (const std::size_t element : found) plain_texts_.push_back({bin, element});
  hashed_ = 0;
}

void Sync::hash_next_password(base::WallTime now) {
  if (hashed_ == 0) {
    adoption_.learn(store_.load());
    spdlog::info("{} passwords stand in the bin as plain text: hashing them", plain_texts_.size());
    last_progress_ = now;
  }
  const PlainText& at = plain_texts_[hashed_];
  adoption_.hash(*bins_[at.bin].document, at.element);
  if (++hashed_ == plain_texts_.size()) {
    spdlog::info("{} passwords hashed", hashed_);
    plain_texts_.clear();
    phase_ = Phase::kJoining;
  } else if (now - last_progress_ >= kProgressEvery) {
    spdlog::info("{} of {} passwords hashed", hashed_, plain_texts_.size());
    last_progress_ = now;
  }
}

void Sync::join(base::WallTime now) {
  const PlanRules rules{.max_bytes = settings_.max_bytes,
                        .may_create = !settings_.collection_id.empty(),
                        .exclusive = settings_.exclusive};
  for (int attempt = 0; attempt < kMaxJoins; ++attempt) {
    const std::vector<store::SyncedUser> users = store_.load();
    plan_ = make_plan(copies(), users, rules, now);
    if (!apply(plan_.changes)) continue;
    no_room_.clear();
    for (const store::SyncedUser& user : users) {
      const bool has_none =
          std::binary_search(plan_.no_room.begin(), plan_.no_room.end(), user.user.key());
      if (has_none) no_room_[user.user.key()] = user.revision;
    }
    note_joined();
    return;
  }
  // Else users change faster than they are joined: the next step tries again.
}

bool Sync::apply(const std::vector<store::SyncChange>& changes) {
  return apply_pulled(store_, changes, "bin", log_pulled);
}

std::vector<BinCopy> Sync::copies() const {
  std::vector<BinCopy> copies;
  for (const Bin& bin : bins_) copies.push_back({bin.id, bin.document, bin.had_plain_text});
  return copies;
}

void Sync::note_joined() {
  report(plan_.findings);
  for (Bin& bin : bins_) {
    const auto is_of_bin = [&](const BinWrite& write) { return write.bin == bin.id; };
    const bool is_written = std::any_of(plan_.writes.begin(), plan_.writes.end(), is_of_bin);
    if (bin.document && !is_written) bin.is_unconfirmed = false;
  }
  next_write_ = 0;
  phase_ = Phase::kWriting;
}

/// Each finding once, as long as it is there.
void Sync::report(const std::vector<PlanFinding>& findings) {
  std::set<std::string> sentences;
  for (const PlanFinding& found : findings) sentences.insert(sentence_for(found));
  for (const std::string& sentence : sentences) {
    if (!reported_.contains(sentence)) spdlog::warn("{}", sentence);
  }
  if (!findings.empty() || must_read_all_) reported_ = std::move(sentences);
}

void Sync::write_next() {
  if (next_write_ == plan_.writes.size()) return end_round(clock_.now());
  BinWrite& write = plan_.writes[next_write_];
  if (write.bin.empty()) {
    const auto id = client_.create(
        write.document, {.name = "userbin users", .collection_id = settings_.collection_id});
    if (!id) {
      must_read_all_ = must_read_all_ || id.error().may_have_been_done;
      return fail(id.error());
    }
    bins_.push_back({.id = id.value()});
    spdlog::info("bin {} was made for users who found no room in the others", id.value());
    note_written(write, id.value());
  } else {
    const auto answer = client_.replace(write.bin, write.document);
    if (!answer) return fail(answer.error());
    note_written(write, write.bin);
  }
  ++next_write_;
}

void Sync::note_written(BinWrite& write, const std::string& id) {
  const auto bin = std::find_if(bins_.begin(), bins_.end(),
                                [&](const Bin& candidate) { return candidate.id == id; });
  bin->bytes = wire_form(write.document).size();
  bin->had_plain_text = false;
  bin->is_unconfirmed = !settings_.exclusive;
  bin->document.reset();
  if (settings_.exclusive) {
    auto parsed = BinDocument::parse(write.document);
    if (auto* document = std::get_if<BinDocument>(&parsed)) bin->document = std::move(*document);
  }
  for (store::SyncChange& change : write.on_arrival) {
    if (change.notes) change.notes->bin = id;
  }
  apply(write.on_arrival);
}

void Sync::end_round(base::WallTime now) {
  phase_ = Phase::kIdle;
  if (must_read_all_ && settings_.poll.count() > 0) poll_at_ = now + settings_.poll;
  must_read_all_ = false;
  not_before_ = {};
  back_off_.reset();
  const auto is_unconfirmed = [](const Bin& bin) { return bin.is_unconfirmed; };
  if (std::none_of(bins_.begin(), bins_.end(), is_unconfirmed)) {
    confirm_at_.reset();
  } else if (!confirm_at_ || *confirm_at_ <= now) {
    confirm_at_ = now + settings_.confirm;
  }
  status_.bins.clear();
  for (Bin& bin : bins_) {
    status_.bins.push_back({bin.id, bin.bytes});
    if (!settings_.exclusive) bin.document.reset();
  }
  status_.last_success = now;
  status_.next_attempt.reset();
  look_for_room_at_.reset();
  if (no_room_.empty()) return set_problem(std::nullopt, now);
  look_for_room_at_ = now + kLookForRoomEvery;
  set_problem(Replica::Problem{"full",
                               std::to_string(no_room_.size()) +
                                   " users find no room in the bin within --bin-max-bytes; take "
                                   "others out, raise it, or use --jsonbin-collection",
                               false},
              now);
}

void Sync::abandon_round() {
  phase_ = Phase::kIdle;
  plain_texts_.clear();
  if (settings_.exclusive) return;
  for (Bin& bin : bins_) bin.document.reset();
}

void Sync::fail(const Error& error) {
  if (!transport_.may_send()) {
    abandon_round();
    not_before_ = {};
    return;  // look_for_work() says so
  }
  const bool has_vanished = error.kind == ErrorKind::kNotThere && !settings_.collection_id.empty();
  must_read_all_ = must_read_all_ || has_vanished;
  const auto wait = back_off_.after_failure(back_off_for(error.kind));
  hold(problem_for(error), std::max<std::chrono::milliseconds>(
                               wait, error.retry_after.value_or(std::chrono::seconds{0})));
}

void Sync::suspect(const std::string& bin, const std::string& reason) {
  hold({"suspicious", "bin " + bin + ": " + reason, false},
       back_off_.after_failure(kSuspiciousBackOff));
}

void Sync::hold(Replica::Problem problem, std::chrono::milliseconds wait) {
  abandon_round();
  const base::WallTime now = clock_.now();
  hold_back(now, wait);
  set_problem(std::move(problem), now);
}

void Sync::hold_back(base::WallTime now, base::WallTime::duration wait) {
  held_at_ = now;
  not_before_ = now + wait;
  status_.next_attempt = not_before_;
}

void Sync::set_problem(std::optional<Replica::Problem> problem, base::WallTime now) {
  const bool is_same = problem.has_value() == status_.problem.has_value() &&
                       (!problem || (problem->word == status_.problem->word &&
                                     problem->sentence == status_.problem->sentence));
  if (!is_same) {
    status_.problem_since = now;
    if (problem) {
      spdlog::log(problem->is_passing ? spdlog::level::warn : spdlog::level::err, "bin: {}",
                  problem->sentence);
    } else {
      spdlog::info("bin: all is well again");
    }
  }
  status_.problem = std::move(problem);
  save_status();
}

void Sync::save_status() {
  const std::string text = base::to_json(to_json(status_));
  if (text == saved_status_) return;
  store_.set_state(text);
  saved_status_ = text;
}

}  // namespace userbin::jsonbin
