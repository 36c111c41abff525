// Cookies, RFC 6265bis.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace userbin::http {

/// The value of the cookie `name` in a Cookie header; nullopt if it is missing, or there twice: a
/// second one was put there by somebody else.
std::optional<std::string_view> find_cookie(std::string_view header, std::string_view name);

/// "__Host-userbin" over TLS, so that no other host and no plain connection can set it (section
/// 4.1.3.2 there), "userbin" without.
std::string_view session_cookie_name(bool https);

/// The Set-Cookie value for a session. `max_age` makes it outlive the browser; without it the
/// cookie goes with the browser's session.
std::string session_cookie(std::string_view token, bool https,
                           std::optional<std::chrono::seconds> max_age);

/// The Set-Cookie value that takes the session's cookie away.
std::string cleared_session_cookie(bool https);

}  // namespace userbin::http
