#include "simulation/node.h"

#include "base/json.h"
#include "store/user.h"

namespace userbin::simulation {

namespace {

using Moment = test::FakeSyncStore::Moment;

constexpr std::size_t kSaltEnd = 3 + 4;  // "$h$" and four digits
constexpr int kMaxStepsOfARound = 500;

}  // namespace

const std::vector<std::string> kNames{"ann", "Bob", "cyd", "dan", "eve"};

bool FakeHashes::fits(const std::string& hash, std::string_view password) {
  return is_hash(hash) && hash.substr(kSaltEnd) == password;
}

std::string FakeHashes::hash(std::string_view password) {
  std::string salt = std::to_string(++salt_);
  salt.insert(0, 4 - std::min<std::size_t>(4, salt.size()), '0');
  return "$h$" + salt + std::string(password);
}

jsonbin::Passwords FakeHashes::for_sync() {
  return {
      .is_hash = is_hash,
      .verify = [](const std::string& hash,
                   const base::SecretString& password) { return fits(hash, password.reveal()); },
      .hash = [this](const base::SecretString& password) { return hash(password.reveal()); }};
}

Node::Node(Surroundings& around, std::size_t number, jsonbin::SyncSettings settings,
           std::vector<std::string> names)
    : around_(around),
      world_(around.world),
      name_("node" + std::to_string(number)),
      number_(number),
      settings_(std::move(settings)),
      names_(std::move(names)),
      clock_(around.world),
      store_(static_cast<int>(Witness::kFirstServer + number)),
      stamps_(clock_, store_.server_number()),
      wire_(around.network, name_,
            {.maybe_crash = [this] { maybe_crash(); }, .meanwhile = around.meanwhile}) {
  wire_.is_exclusive = settings_.exclusive;
  store_.hook = [this](Moment moment) { hook(moment); };
}

base::WallTime Node::step() {
  if (depth_ > 0 || world_.now < down_until_) return world_.now + std::chrono::seconds{1};
  if (!sync_) start();
  base::WallTime due = clock_.now();
  guarded([&] { due = sync_->step(); });
  return due - clock_.skew;
}

void Node::act() {
  if (!sync_ || is_acting_ || names_.empty()) return;
  is_acting_ = true;
  guarded([&] {
    Dice& dice = world_.dice;
    const std::string name = dice.pick(names_);
    const std::string key = store::user_key(name);
    const std::string word = std::to_string(dice.below(6));
    switch (dice.below(12)) {
      case 0:
      case 1:
      case 2: register_user(name); break;
      case 3:
      case 4:
        change(key, "password", true,
               [&](Json::Value& record) { record["password"] = around_.hashes.hash("pw" + word); });
        break;
      case 5:
        change(key, "role", false, [&](Json::Value& record) { record["role"] = "role" + word; });
        break;
      case 6:
        change(key, "disabled", true, [&](Json::Value& record) { record["disabled"] = true; });
        break;
      case 7:
        change(key, "enabled", false,
               [&](Json::Value& record) { record.removeMember("disabled"); });
        break;
      case 8:
        change(key, "note", false, [&](Json::Value& record) { record["note"] = word; });
        break;
      case 9: remove(key); break;
      default: log_in(key); break;
    }
  });
  is_acting_ = false;
}

Json::Value Node::change_field(const std::string& key, const std::string& field,
                               const std::string& value) {
  change(key, field.c_str(), field == "password",
         [&](Json::Value& record) { record[field] = value; });
  return store_.find(key)->user.record();
}

Json::Value Node::delete_user(const std::string& key) {
  remove(key);
  return store_.find(key)->user.record();
}

void Node::run_round() {
  if (!sync_) start();
  sync_->read_all_now();
  for (int steps = 0; steps < kMaxStepsOfARound; ++steps) {
    const base::WallTime due = step();
    if (sync_->is_idle()) return;
    world_.now = std::max(world_.now, due);
  }
  throw Violation(name_ + ": a round does not end");
}

void Node::run_for(std::chrono::milliseconds time) {
  const base::WallTime end = world_.now + time;
  while (world_.now < end) world_.now = std::max(world_.now, step());
}

void Node::crash_for(std::chrono::seconds pause) {
  world_.say(name_, "CRASH");
  sync_.reset();
  wire_.forget();
  down_until_ = world_.now + pause;
}

void Node::start() {
  world_.say(name_, "starts");
  sync_ = std::make_unique<jsonbin::Sync>(
      wire_, jsonbin::Client::Settings{.key = base::SecretString("key")}, store_, stamps_,
      around_.hashes.for_sync(), settings_, world_.dice.below(1000));
}

/// What happens before and after every change of the store.
void Node::hook(Moment moment) {
  if (moment == Moment::kAfterChange) look();
  maybe_crash();
  const bool is_sync = !is_acting_ && moment == Moment::kBeforeChange;
  if (is_sync && world_.is_faulty && world_.dice.one_in(25)) act();
}

void Node::maybe_crash() {
  if (!world_.is_faulty || depth_ == 0) return;
  if (world_.dice.one_in(120)) throw test::Crash{};
}

void Node::look() {
  if (store_.user_changes() == seen_changes_) return;
  seen_changes_ = store_.user_changes();
  around_.witness.saw(number_, store_.load(), own_key_);
}

/// A crash inside ends the program, once it has come out of everything that it was in.
void Node::guarded(const std::function<void()>& what) {
  bool has_crashed = false;
  ++depth_;
  try {
    what();
  } catch (const test::Crash&) {
    has_crashed = true;
  } catch (...) {
    --depth_;
    throw;
  }
  --depth_;
  own_key_.reset();
  if (!has_crashed) return;
  if (depth_ > 0) {
    is_acting_ = false;
    throw test::Crash{};
  }
  crash_for(std::chrono::seconds{world_.dice.below(600)});
}

void Node::register_user(const std::string& username) {
  const auto holder = store_.find(store::user_key(username));
  if (holder && !holder->user.deleted()) return;
  store::User user(username, around_.hashes.hash("first"), stamps_.now());
  if (holder) user.succeed(holder->user);
  save(user, holder ? std::optional(holder->revision) : std::nullopt);
}

/// Sessions first: what a crash leaves may be too few of them, never too many.
void Node::change(const std::string& key, const char* what, bool ends_sessions,
                  const std::function<void(Json::Value&)>& edit) {
  const auto found = store_.find(key);
  if (!found || found->user.deleted()) return;
  Json::Value record = found->user.record();
  edit(record);
  if (record == found->user.record()) return;
  store::User user(record);
  user.touch(stamps_.now());
  world_.say(name_, std::string("changes the ") + what + " of " + key);
  if (ends_sessions) store_.end_sessions(key);
  save(user, found->revision);
}

void Node::remove(const std::string& key) {
  const auto found = store_.find(key);
  if (!found || found->user.deleted()) return;
  store::User touched = found->user;
  touched.touch(stamps_.now());
  const std::string stamp = touched.record()["updated_at"].asString();
  const store::User gone(jsonbin::deletion_of(found->user.record(), stamp));
  world_.say(name_, "deletes " + key);
  store_.end_sessions(key);
  save(gone, found->revision);
}

/// A login: a session begins, and at times the hash is replaced by one of today's kind.
void Node::log_in(const std::string& key) {
  const auto found = store_.find(key);
  if (!found || found->user.deleted() || found->user.disabled()) return;
  std::string hash = found->user.password_hash();
  if (!FakeHashes::is_hash(hash)) return;
  if (world_.dice.one_in(3)) {
    hash = around_.hashes.hash(hash.substr(kSaltEnd));
    change(key, "hash", true, [&](Json::Value& record) { record["password"] = hash; });
  }
  store_.add_session(key, hash);
}

bool Node::save(const store::User& user, std::optional<std::int64_t> revision) {
  own_key_ = user.key();
  world_.say(name_, "saves " + base::to_json(user.record()));
  const bool is_done = revision ? store_.update(user, *revision) : store_.insert(user);
  own_key_.reset();
  return is_done;
}

}  // namespace userbin::simulation
