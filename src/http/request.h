// A request as nginx described it. Plain data.
#pragma once

#include <map>
#include <string>

namespace userbin::http {

struct Request {
  /// A web server asks whether it may serve this request itself (FastCGI's Authorizer role).
  bool is_authorizer = false;
  std::string method;
  /// Decoded and normalised by nginx, relative to where the worker is mounted: "/login".
  std::string path;
  /// As the client sent it, without the '?'.
  std::string query;
  std::string body;

  std::string content_type;
  std::string accept;
  std::string cookie;
  std::string authorization;
  std::string host;
  std::string origin;
  std::string sec_fetch_site;
  std::string user_agent;

  /// The client's address as nginx's realip module gives it.
  std::string remote_address;
  /// The request's target as the client sent it, not normalised; for /verify that of the request it
  /// is about, for /users/NAME its own. Others do without.
  std::string request_target;
  /// Where nginx mounts the worker: empty for the root, else "/auth".
  std::string mount;
  /// What the protected place asks for, for /verify: "role:admin".
  std::string require;
  /// The same id stands in nginx's log, in ours and in the answer.
  std::string request_id;
  /// Whether the client came by TLS, as nginx says.
  bool https = false;
  /// Parameters that fastcgi::Server::Options::extra_params names; the worker names none.
  std::map<std::string, std::string> extra;

  /// A code by which nginx hands on a request that it refused itself ("body_too_large").
  std::string refused_by_nginx;
  /// The body is longer than allowed and was not read.
  bool body_too_large = false;
  /// The body is not as long as it was announced to be.
  bool body_cut_short = false;
  /// A parameter came twice: nothing here is to be believed.
  bool ambiguous = false;
};

}  // namespace userbin::http
