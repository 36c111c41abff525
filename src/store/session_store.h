// Where sessions are kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace userbin::store {

struct Session {
  /// SHA-256 of the token, in hexadecimal: who reads the store cannot use the session.
  std::string token_hash;
  /// The user_key() of whose session it is.
  std::string user_key;
  base::WallTime created_at;
  base::WallTime last_seen_at;
  /// When it ends unless it is used before.
  base::WallTime expires_at;
  /// Whether it outlives the browser.
  bool remember = false;
  /// Address and User-Agent of the client at login.
  std::string client;
  std::string user_agent;
};

/// That a session was used.
struct SessionUse {
  std::string token_hash;
  base::WallTime seen_at;
  base::WallTime expires_at;
};

/// The sessions. Same promises as UserStore: atomic, durable, any thread, base::StoreUnavailable.
class SessionStore {
 public:
  virtual ~SessionStore() = default;

  virtual void insert(const Session& session) = 0;  // may end others: kMaxSessionsPerUser
  /// Expired ones are found too, until remove_expired() has taken them away.
  virtual std::optional<Session> find(std::string_view token_hash) = 0;
  /// False if there was none.
  virtual bool remove(std::string_view token_hash) = 0;
  /// All sessions of a user. How many there were.
  virtual std::size_t remove_all(std::string_view user_key) = 0;
  /// In order of creation.
  virtual std::vector<Session> list(std::string_view user_key) = 0;
  /// Notes when sessions were last seen; those that are gone are passed over, times go only
  /// forward.
  virtual void touch(const std::vector<SessionUse>& uses) = 0;
  virtual std::size_t remove_expired(base::WallTime now) = 0;
};

}  // namespace userbin::store
