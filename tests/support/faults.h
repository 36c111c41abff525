// What the tests about faults share.
#pragma once

#include <string>
#include <utility>

#include "support/catch.h"
#include "support/machine.h"
#include "support/site.h"

namespace userbin::test {

inline const std::string kPassword = "seven green lanterns";

inline Answer register_at(const Site& site, const std::string& name) {
  HttpClient client(site.url());
  return client.post_json("/register", credentials(name, kPassword));
}

/// With the session's token in the body.
inline Answer log_in_at(const Site& site, const std::string& name,
                        const std::string& password = kPassword) {
  Json::Value body;
  body["username"] = name;
  body["password"] = password;
  body["token"] = true;
  HttpClient client(site.url());
  return client.post_json("/login", body.toStyledString());
}

/// Registers a user and logs him in; the session's token.
inline std::string newcomer_at(const Site& site, const std::string& name) {
  REQUIRE(register_at(site, name).status == 200);
  return log_in_at(site, name).json()["token"].asString();
}

/// What the worker tells nginx of who comes with this token.
inline int verified(const Site& site, const std::string& token) {
  RawConnection connection(site.socket());
  connection.send(fastcgi_request({{"DOCUMENT_URI", "/verify"},
                                   {"REQUEST_METHOD", "GET"},
                                   {"HTTP_AUTHORIZATION", "Bearer " + token}},
                                  "", false));
  const std::string answer = connection.read_answer().value_or("Status: 0");
  return std::stoi(answer.substr(answer.find(' ')));
}

inline int status_of(const Site& site, const std::string& path) {
  HttpClient client(site.url());
  return client.get(path).status;
}

inline bool has_logged(const Site& site, const std::string& what) {
  return site.log().find(what) != std::string::npos;
}

/// The answer of a worker that cannot get at its store.
inline void check_is_unavailable(const Answer& answer) {
  CHECK(answer.status == 503);
  CHECK(answer.code() == "store_unavailable");
  CHECK(answer.header("Retry-After") == "5");
}

/// The fault is over: all that there is works, in the worker that runs since before.
inline void check_is_well(const Site& site, const std::string& user, const std::string& newcomer) {
  wait_until("the worker is ready again", [&] { return status_of(site, "/readyz") == 200; });
  CHECK(register_at(site, newcomer).status == 200);
  const Answer login = log_in_at(site, user);
  CHECK(login.status == 200);
  CHECK(verified(site, login.json()["token"].asString()) == 200);
}

inline Site::Options with_flags(const std::vector<std::string>& flags) {
  Site::Options options;
  options.worker_flags.insert(options.worker_flags.end(), flags.begin(), flags.end());
  return options;
}

}  // namespace userbin::test
