#include "app/user_import.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <thread>

#include "auth/password_hash.h"
#include "base/text.h"

namespace userbin::app {

namespace {

constexpr const char* kUsername = "username";
constexpr const char* kPassword = "password";
constexpr const char* kRole = "role";
constexpr const char* kCreatedAt = "created_at";
constexpr const char* kUpdatedAt = "updated_at";
constexpr const char* kIncarnation = "incarnation";
constexpr const char* kNoPassword = "!";
constexpr std::size_t kDesCryptSize = 13;
constexpr std::chrono::milliseconds kProgressEvery{100};

bool is_control(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

/// U+0080 to U+009F are C2 80 to C2 9F in UTF-8.
bool has_control_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == 0xC2 && i + 1 < text.size() &&
        is_control(static_cast<unsigned char>(text[i + 1]))) {
      return true;
    }
    if (byte < 0x80 && is_control(byte)) return true;
  }
  return false;
}

bool is_des_crypt(std::string_view text) {
  return text.size() == kDesCryptSize &&
         text.find_first_not_of(
             "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") ==
             std::string_view::npos;
}

/// "$scheme$..." or "{SCHEME}...".
bool looks_like_hash(std::string_view text) {
  if (auth::is_known_hash(text)) return true;
  if (text.size() < 3 || (text[0] != '$' && text[0] != '{')) return false;
  const auto end = text.find(text[0] == '$' ? '$' : '}', 1);
  return end != std::string_view::npos && end > 1 && end + 1 < text.size() &&
         text.substr(1, end - 1).find_first_of(" \t") == std::string_view::npos;
}

/// Why a text that is no usable hash is refused.
std::string why_refused(std::string_view text) {
  constexpr const char* kMend = "; give this user a new password";
  if (auth::is_known_hash(text)) {
    return "its hash is broken or cut off, or would take minutes to check";
  }
  if (text.starts_with("{SHA}")) {
    return std::string("{SHA} is SHA-1 without a salt, which is guessed at once") + kMend;
  }
  if (text.starts_with("{SSHA")) {
    return std::string("{SSHA} is one round of SHA-1, which is guessed at once") + kMend;
  }
  if (text.starts_with("$1$")) {
    return std::string("$1$ is MD5 as crypt(3) has it, which userbin does not check") + kMend;
  }
  if (text.starts_with("$2x$")) {
    return std::string("$2x$ is bcrypt with a known fault") + kMend;
  }
  if (is_des_crypt(text)) {
    return std::string(
               "a hash by DES counts 8 characters of a password only, and is guessed soon") +
           kMend;
  }
  if (looks_like_hash(text)) return "its hash is of a scheme that userbin does not know";
  return "";
}

/// Empty if the password can be taken. Says whether it is one in plain text.
std::string flaw_of_password(FileUser& user, const ImportPolicy& policy) {
  const std::string text = user.record[kPassword].asString();
  if (text == kNoPassword || auth::is_usable_hash(text)) return "";
  if (text.empty()) return "it has no password";
  const bool may_be_plain = !user.must_be_hash && !looks_like_hash(text);
  if (may_be_plain && policy.plain_passwords) {
    if (text.find('\0') != std::string::npos) return "its password has a NUL in it";
    user.is_plain = true;
    return "";
  }
  std::string why = why_refused(text);
  if (why.empty()) why = "it has no hash of a scheme that userbin knows";
  if (may_be_plain) why += "; if it is a password in plain text, say --plain-passwords";
  return why;
}

std::string flaw_of(FileUser& user, const ImportPolicy& policy) {
  const Json::Value& record = user.record;
  const std::string username = record[kUsername].asString();
  if (username.empty()) return "it has no name";
  if (has_control_character(username)) return "its name has a control character in it";
  const Json::Value& role = record[kRole];
  if (!role.isNull() && !role.isString()) return "its role is no text";
  if (role.isString() && has_control_character(role.asString())) {
    return "its role has a control character in it";
  }
  if (store::is_deleted(record)) return "";
  return flaw_of_password(user, policy);
}

void drop_nulls(Json::Value& record) {
  for (const std::string& name : record.getMemberNames()) {
    if (record[name].isNull()) record.removeMember(name);
  }
}

/// Puts a field to what it is in another record, which may be that it is not there.
void take_over(Json::Value& record, const char* name, const Json::Value& from) {
  record.removeMember(name);
  if (from.isMember(name)) record[name] = from[name];
}

void settle_role(Json::Value& record, const ImportPolicy& policy) {
  const Json::Value& role = record[kRole];
  if (role.isString() && !role.asString().empty()) return;
  record[kRole] = policy.role.empty() ? "user" : policy.role;
}

/// The record of a new user. Says whether its date could not be read.
Json::Value new_record(const FileUser& user, const ImportPolicy& policy, base::WallTime now,
                       bool& is_redated) {
  Json::Value record = user.record;
  if (!user.is_whole) drop_nulls(record);
  record.removeMember(kUpdatedAt);
  record.removeMember(kIncarnation);
  settle_role(record, policy);
  const Json::Value& created_at = record[kCreatedAt];
  const bool is_date = created_at.isString() && base::parse_rfc3339(created_at.asString());
  is_redated = !is_date && !created_at.isNull();
  if (!is_date) record[kCreatedAt] = base::format_rfc3339(now);
  return record;
}

/// The record of a user who was `before`, with the stamp that he had.
Json::Value replaced_record(const FileUser& user, const Json::Value& before,
                            const ImportPolicy& policy) {
  Json::Value record = user.is_whole ? user.record : before;
  if (!user.is_whole) {
    for (const std::string& name : user.record.getMemberNames()) record[name] = user.record[name];
    drop_nulls(record);
    if (!user.record.isMember(kRole) && !policy.role.empty()) record[kRole] = policy.role;
  }
  settle_role(record, policy);
  for (const char* name : {kCreatedAt, kIncarnation, kUpdatedAt}) take_over(record, name, before);
  return record;
}

class Planner {
 public:
  Planner(const std::vector<store::StoredUser>& existing, const ImportPolicy& policy,
          base::WallTime now)
      : policy_(policy), now_(now) {
    for (const store::StoredUser& stored : existing) existing_[stored.user.key()] = &stored;
  }

  ImportPlan plan(const UserFile& file) {
    for (source_ = 0; source_ < file.users.size(); ++source_) add(file.users[source_]);
    plan_.leaves_no_admin = leaves_no_admin();
    return std::move(plan_);
  }

 private:
  void add(const FileUser& user) {
    if (store::is_deleted(user.record)) return skip(user, "he is deleted in the file");
    const auto found = existing_.find(store::user_key(user.record[kUsername].asString()));
    const store::StoredUser* there = found == existing_.end() ? nullptr : found->second;
    if (there == nullptr || there->user.deleted()) return add_new(user, there);
    if (!policy_.replace) return skip(user, "the name is taken");
    Json::Value record = replaced_record(user, there->user.record(), policy_);
    if (record == there->user.record()) return skip(user, "he is so already");
    ++plan_.replaced;
    import(store::User(std::move(record)), there);
  }

  void add_new(const FileUser& user, const store::StoredUser* deleted) {
    bool is_redated = false;
    store::User added(new_record(user, policy_, now_, is_redated));
    if (deleted != nullptr) added.succeed(deleted->user);
    ++plan_.added;
    if (is_redated) ++plan_.redated;
    import(std::move(added), deleted);
  }

  void import(store::User user, const store::StoredUser* there) {
    user.touch(now_);
    plan_.users.push_back({std::move(user), there == nullptr ? 0 : there->revision});
    plan_.sources.push_back(source_);
  }

  void skip(const FileUser& user, const char* why) {
    plan_.skipped.push_back({user.line, user.record[kUsername].asString(), why});
  }

  bool leaves_no_admin() const {
    std::map<std::string, bool> admins;
    bool had_one = false;
    for (const auto& [key, stored] : existing_) {
      admins[key] = stored->user.is_active_admin();
      had_one = had_one || admins[key];
    }
    for (const store::StoredUser& stored : plan_.users) {
      admins[stored.user.key()] = stored.user.is_active_admin();
    }
    return had_one && std::none_of(admins.begin(), admins.end(),
                                   [](const auto& admin) { return admin.second; });
  }

  const ImportPolicy& policy_;
  const base::WallTime now_;
  std::map<std::string, const store::StoredUser*> existing_;
  std::size_t source_ = 0;
  ImportPlan plan_;
};

/// Hashes on several threads; the first failure ends them all.
class Hashing {
 public:
  Hashing(std::vector<FileUser*> users,
          const std::function<std::string(const base::SecretString& password)>& hash)
      : users_(std::move(users)), hash_(hash) {}

  void run(std::size_t threads,
           const std::function<void(std::size_t done, std::size_t total)>& progress) {
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < std::min(threads, users_.size()); ++i) {
      workers.emplace_back([this] { work(); });
    }
    std::unique_lock lock(mutex_);
    const auto has_ended = [&] { return done_ == users_.size() || failure_; };
    while (!changed_.wait_for(lock, kProgressEvery, has_ended)) {
      const std::size_t done = done_;
      lock.unlock();
      progress(done, users_.size());
      lock.lock();
    }
    lock.unlock();
    workers.clear();
    if (failure_) std::rethrow_exception(failure_);
    progress(users_.size(), users_.size());
  }

 private:
  void work() {
    for (std::size_t i = next_++; i < users_.size(); i = next_++) {
      try {
        Json::Value& password = users_[i]->record[kPassword];
        password = hash_(base::SecretString(password.asString()));
        users_[i]->is_plain = false;
        const std::lock_guard lock(mutex_);
        if (++done_ == users_.size()) changed_.notify_one();
      } catch (...) {
        const std::lock_guard lock(mutex_);
        failure_ = std::current_exception();
        next_ = users_.size();
        changed_.notify_one();
      }
    }
  }

  const std::vector<FileUser*> users_;
  const std::function<std::string(const base::SecretString& password)>& hash_;
  std::atomic<std::size_t> next_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::size_t done_ = 0;
  std::exception_ptr failure_;
};

}  // namespace

void check_users(UserFile& file, const ImportPolicy& policy) {
  std::map<std::string, std::size_t> lines;
  std::vector<FileUser> good;
  for (FileUser& user : file.users) {
    std::string flaw = flaw_of(user, policy);
    if (flaw.empty()) {
      const std::string key = store::user_key(user.record[kUsername].asString());
      const auto [first, is_first] = lines.emplace(key, user.line);
      if (!is_first) flaw = "its name stands in line " + std::to_string(first->second) + " already";
    }
    if (flaw.empty()) {
      good.push_back(std::move(user));
    } else {
      file.problems.push_back({user.line, std::move(flaw)});
    }
  }
  file.users = std::move(good);
  std::stable_sort(file.problems.begin(), file.problems.end(),
                   [](const auto& a, const auto& b) { return a.line < b.line; });
}

ImportPlan plan_import(const UserFile& file, const std::vector<store::StoredUser>& existing,
                       const ImportPolicy& policy, base::WallTime now) {
  return Planner(existing, policy, now).plan(file);
}

std::size_t hash_plain_passwords(
    UserFile& file, ImportPlan& plan, std::size_t threads,
    const std::function<std::string(const base::SecretString& password)>& hash,
    const std::function<void(std::size_t done, std::size_t total)>& progress) {
  std::vector<FileUser*> plain;
  for (const std::size_t source : plan.sources) {
    if (file.users[source].is_plain) plain.push_back(&file.users[source]);
  }
  Hashing(plain, hash).run(threads, progress);
  for (std::size_t i = 0; i < plan.users.size(); ++i) {
    plan.users[i].user.set_password_hash(file.users[plan.sources[i]].record[kPassword].asString());
  }
  return plain.size();
}

}  // namespace userbin::app
