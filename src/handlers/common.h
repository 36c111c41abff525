// What several handlers need of a request.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "auth/password.h"
#include "auth/role.h"
#include "auth/sessions.h"
#include "auth/username.h"
#include "base/audit.h"
#include "handlers/services.h"
#include "http/body.h"
#include "http/request.h"
#include "http/response.h"

namespace userbin::handlers {

/// The session token of a request: Authorization: Bearer (RFC 6750, section 2.1), else the cookie.
std::optional<std::string_view> session_token(const http::Request& request);

/// Who asks; nullptr if nobody is signed in. Throws base::StoreUnavailable.
auth::PrincipalPtr principal_of(const Services& services, const http::Request& request);

/// The admin who asks. Throws http::RequestRefused: not_signed_in, or forbidden to who is none; and
/// base::StoreUnavailable.
auth::PrincipalPtr require_admin(const Services& services, const http::Request& request);

/// The name of a new user: "username" of the body. Throws http::RequestRefused: missing_field,
/// invalid_username.
auth::Username username_in(const http::Fields& fields);

/// The password that a user is to have, under `field`. Throws http::RequestRefused: missing_field,
/// weak_password with the reason.
auth::Password password_in(const Services& services, const http::Fields& fields, const char* field,
                           const std::string& username);

/// "role" of the body; nullopt if there is none. Throws http::RequestRefused (malformed_body) if it
/// can be nobody's.
std::optional<auth::Role> role_in(const http::Fields& fields);

/// malformed_body, with a sentence about a field.
[[noreturn]] void refuse_field(const char* field, const char* sentence);

/// The token of the invitation by which somebody registers: "invitation" of the body, else of the
/// query. Empty if there is none; what is no token is one that nobody has.
std::string invitation_in(const http::Fields& fields, const http::Request& request);

/// Where the client wants to go after a form: "rd" of the body, else of the query. Empty if there
/// is none, or it is no safe path on this site.
std::string requested_redirect(const http::Fields& fields, const http::Request& request);

/// The answer to whoever must log in first: 401 not_signed_in, with the login page in Location,
/// which leads back to what was asked for.
http::Response login_required(const Services& services, const http::Request& request);

/// 429 too_many_attempts, if the attempt may not be made yet.
std::optional<http::Response> refusal_of(const auth::Throttle::Attempt& attempt);

/// A line in the audit log about what a request did or tried. `user` is a known_name().
void audit(const http::Request& request, base::AuditEvent event, base::AuditOutcome outcome,
           const std::string& user, const std::string& detail = "", const std::string& by = "");

/// The name as its user has it; empty if nobody has it, for what was typed then may be a password,
/// which is for no log. Throws base::StoreUnavailable.
std::string known_name(const Services& services, const std::string& username);

/// 200 with a message for a change that is everywhere, or 202 with "sync": "pending" for one that
/// is safe in the store and reaches the bin later. `body` has further members.
http::Response changed_response(const std::string& message, bool is_everywhere,
                                Json::Value body = {});

/// A page's address with a query: page_url(request, "/login", {{"notice", "registered"}}). Values
/// that are empty are left out.
std::string page_url(const http::Request& request, const std::string& page,
                     std::initializer_list<std::pair<const char*, std::string>> query);

}  // namespace userbin::handlers
