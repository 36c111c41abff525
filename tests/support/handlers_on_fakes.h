// The dispatcher and everything below it on stores in memory, and requests as nginx describes them.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <json/reader.h>

#include "handlers/dispatcher.h"
#include "support/fake_change_watch.h"
#include "support/fake_clock.h"
#include "support/fake_replica.h"
#include "support/fake_session_store.h"
#include "support/fake_user_store.h"
#include "support/inline_executor.h"

namespace userbin::test {

inline constexpr const char* kGoodPassword = "tuesday grows heavy";

inline http::Request request_to(const std::string& method, const std::string& path) {
  http::Request request;
  request.method = method;
  request.path = path;
  request.host = "example.org";
  request.remote_address = "192.0.2.7";
  request.request_id = "id-1";
  return request;
}

inline http::Request json_to(const std::string& path, const std::string& body) {
  http::Request request = request_to("POST", path);
  request.content_type = "application/json";
  request.body = body;
  return request;
}

/// What a browser sends for a form on our own page.
inline http::Request form_to(const std::string& path, const std::string& body) {
  http::Request request = request_to("POST", path);
  request.content_type = "application/x-www-form-urlencoded";
  request.accept = "text/html,application/xhtml+xml,*/*;q=0.8";
  request.sec_fetch_site = "same-origin";
  request.body = body;
  return request;
}

/// The value of an answer's field; nullopt unless it is there exactly once.
inline std::optional<std::string> header_of(const http::Response& response,
                                            const std::string& name) {
  std::optional<std::string> value;
  for (const auto& [field, text] : response.headers) {
    if (field != name) continue;
    if (value) return std::nullopt;
    value = text;
  }
  return value;
}

/// An answer's body as JSON; null if it is none.
inline Json::Value json_of(const http::Response& response) {
  const std::unique_ptr<Json::CharReader> reader(Json::CharReaderBuilder().newCharReader());
  Json::Value value;
  const char* start = response.body.data();
  return reader->parse(start, start + response.body.size(), &value, nullptr) ? value
                                                                             : Json::Value();
}

struct HandlersOnFakes {
  auth::ThrottleRules throttle_rules = {};
  FakeClock clock;
  FakeUserStore users;
  FakeSessionStore session_rows;
  TestExecutor executor;
  auth::HashPool hashes{{.cost = {8, 1}}, executor};
  FakeReplica replica;
  auth::Accounts accounts{users, replica, hashes, clock};
  auth::Administration administration{users, replica, hashes, clock};
  FakeInvitationStore invitation_rows;
  auth::Invitations invitations{invitation_rows, users, clock};
  FakeChangeWatch changes;
  auth::Sessions sessions{session_rows, users, changes, clock, {}};
  auth::Throttle throttle{throttle_rules, "the secret of the tests' throttle", clock};
  handlers::AccountStats stats;
  handlers::Services services{.accounts = accounts,
                              .administration = administration,
                              .invitations = invitations,
                              .sessions = sessions,
                              .throttle = throttle,
                              .users = users,
                              .replica = replica,
                              .stats = stats,
                              .password_rules = {},
                              .pages = {},
                              .public_origin = ""};
  handlers::Dispatcher dispatcher{services};

  HandlersOnFakes() {
    users.sessions = &session_rows;
    users.invitations = &invitation_rows;
  }

  http::Response answer(const http::Request& request) {
    return wait_for(dispatcher.answer(request), executor);
  }

  /// A user whose password is kGoodPassword.
  void add_user(const std::string& name, const std::string& role = "user") {
    const std::string hash = auth::hash_password(base::SecretString(kGoodPassword), {8, 1});
    Json::Value record = store::User(name, hash, clock.now()).record();
    record["role"] = role;
    users.insert(store::User(record));
  }

  /// A session of a user, as the Cookie header of a request without TLS.
  std::string cookie_of(const std::string& user_key) {
    const auto session = sessions.begin(user_key, {"192.0.2.7", "curl/8"}, false);
    return "userbin=" + std::string(session.token.reveal());
  }
};

}  // namespace userbin::test
