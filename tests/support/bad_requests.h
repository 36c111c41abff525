// Requests that are refused, for the tests that send them.
#pragma once

#include <string>
#include <vector>

#include "support/http_client.h"

namespace userbin::test {

/// A request with something wrong in it, and what the contract answers.
struct BadRequest {
  const char* what;
  HttpClient::Call call;
  int status;
  const char* code;
};

/// Bodies, types and methods for POST /register. They would register "mallory" or "bob".
std::vector<BadRequest> bad_requests();

/// Cookies, tokens, paths and queries that lead nowhere; those with the status 0 are refused by
/// nginx, in one way or another.
std::vector<BadRequest> odd_requests();

/// Requests of a user and of an admin, with good sessions, that are refused for something else;
/// those with the status 0 with a status of the client's fault. They would change or delete the
/// user, or make "mallory" or an invitation.
std::vector<BadRequest> refused_requests_of_user(const std::string& token);
std::vector<BadRequest> refused_requests_of_admin(const std::string& token,
                                                  const std::string& user);

/// What no web server sends: each makes the worker close the connection without an answer.
std::vector<std::string> broken_records();

}  // namespace userbin::test
