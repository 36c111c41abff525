#include "auth/sessions.h"

#include <algorithm>

#include "auth/token.h"
#include "base/failure.h"
#include "base/log.h"
#include "base/text.h"

namespace userbin::auth {

namespace {

constexpr std::chrono::seconds kWriteUsesEvery{30};
/// An expired session that stays in the store does no harm: it is checked whenever it is read.
constexpr std::chrono::minutes kRemoveExpiredEvery{1};
constexpr std::size_t kMaxUnwrittenUses = 10'000;
/// Beyond that many.
constexpr std::chrono::seconds kRetryWriteUses{1};
constexpr std::size_t kMaxSeen = 10'000;
constexpr std::size_t kMaxUserAgentCodePoints = 256;

}  // namespace

std::string session_id(const store::Session& session) {
  return id_of_token_hash(session.token_hash);
}

Sessions::Sessions(store::SessionStore& sessions, store::UserStore& users,
                   store::ChangeWatch& changes, const base::Clock& clock, SessionRules rules)
    : sessions_(sessions), users_(users), changes_(changes), clock_(clock), rules_(rules) {}

Sessions::~Sessions() {
  try {
    flush();
  } catch (const std::exception& error) {
    spdlog::warn("the last uses of some sessions are not written: {}", error.what());
  }
}

NewSession Sessions::begin(const std::string& user_key, const ClientInfo& client, bool remember) {
  SessionDraft begun = draft(user_key, client, remember);
  if (must_remove_expired(begun.row.created_at)) {
    flush();  // else a session whose last uses are not written would pass for an expired one
    sessions_.remove_expired(begun.row.created_at);
  }
  sessions_.insert(begun.row);
  return std::move(begun.session);
}

SessionDraft Sessions::draft(const std::string& user_key, const ClientInfo& client,
                             bool remember) const {
  const base::WallTime now = clock_.now();
  base::SecretString token = draw_token();
  store::Session row{.token_hash = hash_of_token(token.reveal()),
                     .user_key = user_key,
                     .created_at = now,
                     .last_seen_at = now,
                     .expires_at = {},
                     .remember = remember,
                     .client = client.address,
                     .user_agent = base::printable(client.user_agent, kMaxUserAgentCodePoints)};
  row.expires_at = expiry(row, now);
  const auto max_age = remember ? std::optional(rules_.remembered) : std::nullopt;
  return {.session = {std::move(token), max_age}, .row = std::move(row)};
}

PrincipalPtr Sessions::authenticate(std::string_view token) {
  if (token.size() != kTokenLength) return nullptr;
  PrincipalPtr principal = find(hash_of_token(token));
  if (!principal) return nullptr;
  const store::Session& session = principal->session;
  const base::WallTime now = clock_.now();
  base::WallTime expires_at = session.expires_at;
  {
    const std::lock_guard lock(mutex_);
    const auto use = unwritten_.find(session.token_hash);
    if (use != unwritten_.end()) expires_at = std::max(expires_at, use->second.expires_at);
  }
  if (now >= expires_at || is_beyond_reach(session, now)) return nullptr;
  note_use(session, now);
  return principal;
}

PrincipalPtr Sessions::find(const std::string& token_hash) {
  // Before anything is read: what is read later is at least as new.
  const std::uint64_t version = changes_.version();
  {
    const std::lock_guard lock(mutex_);
    if (version == seen_version_) {
      const auto found = seen_.find(token_hash);
      if (found != seen_.end()) return found->second;
    }
  }
  PrincipalPtr principal = load(token_hash);
  if (!principal) return nullptr;
  const std::lock_guard lock(mutex_);
  // Another thread may have seen a later version meanwhile; nothing tells which is the later.
  const bool must_forget = version != seen_version_ || seen_.size() >= kMaxSeen;
  if (must_forget) seen_.clear();
  seen_version_ = version;
  seen_[token_hash] = principal;
  return principal;
}

PrincipalPtr Sessions::load(const std::string& token_hash) {
  auto session = sessions_.find(token_hash);
  if (!session) return nullptr;
  auto found = users_.find(session->user_key);
  if (!found || found->user.disabled() || found->user.deleted()) return nullptr;
  return std::make_shared<const Principal>(Principal{std::move(found->user), *std::move(session)});
}

void Sessions::end(std::string_view token) {
  if (token.size() != kTokenLength) return;
  const std::string hash = hash_of_token(token);
  // Whoever makes up tokens makes nobody write, nor forget who was seen.
  if (sessions_.find(hash)) sessions_.remove(hash);
}

std::vector<store::Session> Sessions::list(const std::string& user_key) {
  std::vector<store::Session> sessions = sessions_.list(user_key);
  {
    const std::lock_guard lock(mutex_);
    for (store::Session& session : sessions) {
      const auto use = unwritten_.find(session.token_hash);
      if (use == unwritten_.end()) continue;
      session.last_seen_at = std::max(session.last_seen_at, use->second.seen_at);
      session.expires_at = std::max(session.expires_at, use->second.expires_at);
    }
  }
  const base::WallTime now = clock_.now();
  std::erase_if(sessions, [&](const auto& session) {
    return now >= session.expires_at || is_beyond_reach(session, now);
  });
  std::stable_sort(sessions.begin(), sessions.end(),
                   [](const auto& a, const auto& b) { return a.last_seen_at > b.last_seen_at; });
  return sessions;
}

bool Sessions::end_by_id(const std::string& user_key, std::string_view id) {
  for (const store::Session& session : list(user_key)) {
    if (session_id(session) == id) return sessions_.remove(session.token_hash);
  }
  return false;
}

void Sessions::end_all(const std::string& user_key) {
  sessions_.remove_all(user_key);
}

void Sessions::flush() {
  std::vector<store::SessionUse> uses;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [hash, use] : unwritten_) uses.push_back(use);
  }
  sessions_.touch(uses);
  const std::lock_guard lock(mutex_);
  for (const store::SessionUse& use : uses) {
    const auto now_there = unwritten_.find(use.token_hash);
    if (now_there != unwritten_.end() && now_there->second.seen_at == use.seen_at) {
      unwritten_.erase(now_there);
    }
  }
}

bool Sessions::must_remove_expired(base::WallTime now) {
  const std::lock_guard lock(mutex_);
  if (now >= removed_at_ && now - removed_at_ < kRemoveExpiredEvery) return false;
  removed_at_ = now;
  return true;
}

base::WallTime Sessions::expiry(const store::Session& session, base::WallTime now) const {
  if (session.remember) return session.created_at + rules_.remembered;
  return std::min(now + rules_.idle, session.created_at + rules_.lifetime);
}

bool Sessions::is_beyond_reach(const store::Session& session, base::WallTime now) const {
  return session.created_at - now > (session.remember ? rules_.remembered : rules_.lifetime);
}

void Sessions::note_use(const store::Session& session, base::WallTime now) {
  {
    const std::lock_guard lock(mutex_);
    // Also where the clock was set back.
    if (unwritten_.empty() || now < unwritten_since_) unwritten_since_ = now;
    unwritten_[session.token_hash] = {session.token_hash, now, expiry(session, now)};
    // A store that takes nothing is not tried at each use.
    const bool are_many = unwritten_.size() > kMaxUnwrittenUses;
    if (now - unwritten_since_ < (are_many ? kRetryWriteUses : kWriteUsesEvery)) return;
    unwritten_since_ = now;
  }
  try {
    flush();
  } catch (const base::StoreUnavailable& error) {
    spdlog::warn("the last uses of some sessions are not written yet: {}", error.what());
  }
}

}  // namespace userbin::auth
