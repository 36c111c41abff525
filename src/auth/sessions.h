// Who is signed in.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "store/change_watch.h"
#include "store/session_store.h"
#include "store/user_store.h"

namespace userbin::auth {

struct SessionRules {
  /// A session ends after this long without use,
  std::chrono::seconds idle = std::chrono::hours{12};
  /// and this long after login in any case.
  std::chrono::seconds lifetime = std::chrono::hours{24};
  /// Both, for a session that is remembered.
  std::chrono::seconds remembered = std::chrono::days{30};
};

/// Where a login came from.
struct ClientInfo {
  std::string address;
  std::string user_agent;
};

/// A session that has just begun.
struct NewSession {
  /// 256 random bits in base64url, for the client only.
  base::SecretString token;
  /// How long the cookie is to be kept; nullopt: as long as the browser runs.
  std::optional<std::chrono::seconds> max_age;
};

/// A session that is not in the store yet.
struct SessionDraft {
  NewSession session;
  store::Session row;
};

/// Whoever a request comes from, once his token was found good.
struct Principal {
  store::User user;
  store::Session session;
};
/// nullptr: nobody is signed in.
using PrincipalPtr = std::shared_ptr<const Principal>;

/// Names a session to its user: 16 hexadecimal digits, from which neither the token nor its hash in
/// the store can be found.
std::string session_id(const store::Session& session);

/// Begins, checks and ends sessions. Any thread may call; the stores outlive this. Calls throw
/// base::StoreUnavailable.
///
/// Whoever was seen is kept in memory until anything in the store changes: then all are forgotten,
/// so a change has its effect at once, also one that another program made.
///
/// A clock that leaps ahead ends sessions as if the time had passed, for good at a login;
/// one that is set back lets none last longer than twice its time.
class Sessions {
 public:
  Sessions(store::SessionStore& sessions, store::UserStore& users, store::ChangeWatch& changes,
           const base::Clock& clock, SessionRules rules);
  /// Writes what flush() writes; a failure is logged.
  ~Sessions();

  /// Now and then it takes those that have expired out of the store, too.
  NewSession begin(const std::string& user_key, const ClientInfo& client, bool remember);

  /// A session as begin() makes it, for who puts its row into the store together with something
  /// else.
  SessionDraft draft(const std::string& user_key, const ClientInfo& client, bool remember) const;

  /// Whose session this is. nullptr: no such session, expired, or its user is gone or disabled.
  /// Counts as a use of the session.
  PrincipalPtr authenticate(std::string_view token);

  /// Ends the session of this token, if there is one.
  void end(std::string_view token);

  /// The sessions of a user that go on, the last used first.
  std::vector<store::Session> list(const std::string& user_key);

  /// Ends the session of this user that has this session_id(). False if he has none.
  bool end_by_id(const std::string& user_key, std::string_view id);

  /// Ends all sessions of a user.
  void end_all(const std::string& user_key);

  /// Writes when sessions were last used, which is otherwise done now and then, in batches.
  void flush();

 private:
  /// From memory, or from the stores; nullptr if there is no such session, or no such user any
  /// more.
  PrincipalPtr find(const std::string& token_hash);
  PrincipalPtr load(const std::string& token_hash);
  /// True once in a while.
  bool must_remove_expired(base::WallTime now);
  /// When a session ends if it is not used after `now`.
  base::WallTime expiry(const store::Session& session, base::WallTime now) const;
  /// Whether it began so far ahead, by a clock that has been set back since, that it would last
  /// longer than any session does.
  bool is_beyond_reach(const store::Session& session, base::WallTime now) const;
  void note_use(const store::Session& session, base::WallTime now);

  store::SessionStore& sessions_;
  store::UserStore& users_;
  store::ChangeWatch& changes_;
  const base::Clock& clock_;
  const SessionRules rules_;

  std::mutex mutex_;
  // Guarded by mutex_: uses that are not written yet, by token hash, and since when.
  std::unordered_map<std::string, store::SessionUse> unwritten_;
  base::WallTime unwritten_since_{};
  // Guarded by mutex_: when expired ones were last taken out of the store.
  base::WallTime removed_at_{};
  // Guarded by mutex_: who was seen since the store had this version, by token hash.
  std::unordered_map<std::string, PrincipalPtr> seen_;
  std::uint64_t seen_version_ = 0;
};

}  // namespace userbin::auth
