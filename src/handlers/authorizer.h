#pragma once

#include "http/request.h"
#include "http/response.h"

namespace userbin::handlers {

/// What an authorizer says (FastCGI 1.0, section 6.3) where /verify answers `verified`. 200:
/// nothing but Variable-REMOTE_USER, _GROUPS, _NAME and _EMAIL, which the web server hands to the
/// application. The client gets any other answer: a person who asks for a page and is not signed in
/// 303 to the login page, a program 401; what went wrong keeps its status.
http::Response authorizer_response(const http::Request& request, const http::Response& verified);

}  // namespace userbin::handlers
