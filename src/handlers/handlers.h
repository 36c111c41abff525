// The handlers, one for a route. Each says what it reads and what it answers; what every route can
// answer (malformed bodies, overload, no store) is thrown and becomes an answer in dispatcher.h.
#pragma once

#include "base/task.h"
#include "handlers/services.h"
#include "http/request.h"
#include "http/response.h"

namespace userbin::handlers {

/// POST /register: username, password, [invitation]. 200, with "waiting": true if an admin must
/// approve first · 400 username_taken, invalid_username, weak_password, missing_field · 403
/// registration_closed, invitation_required, invalid_invitation · 429 too_many_attempts · 507
/// user_list_full.
base::Task<http::Response> register_user(const Services& services, const http::Request& request);

/// GET /register/notice.html: [invitation], [error], for nginx to put into the page with the form.
/// 200 with a paragraph for who must know that registration is not open to everybody, or with
/// nothing, as after an error that has said so.
base::Task<http::Response> registration_notice_html(const Services& services,
                                                    const http::Request& request);

/// POST /login: username, password, [remember], [rd], [token]. 200 with a session cookie, and with
/// the token in the body if asked for · 401 invalid_credentials · 403 awaiting_approval, to who
/// knows the password alone · 400 missing_field · 429 too_many_attempts, before anything is hashed.
base::Task<http::Response> log_in(const Services& services, const http::Request& request);

/// POST /logout: [everywhere]. 200, the cookie is cleared; also without a session.
base::Task<http::Response> log_out(const Services& services, const http::Request& request);

/// GET /me. 200 with the user, without his password · 401 not_signed_in.
base::Task<http::Response> me(const Services& services, const http::Request& request);

/// GET /me/sessions. 200 with the user's sessions, the last used first · 401 not_signed_in.
base::Task<http::Response> list_sessions(const Services& services, const http::Request& request);

/// GET /me/sessions.html, for nginx to put into a page. 200 with the same list, as a piece of HTML
/// with a form to end each · 401 not_signed_in.
base::Task<http::Response> session_list_html(const Services& services,
                                             const http::Request& request);

/// DELETE /me/sessions/ID. 200; if it is the session of the request, its cookie is cleared · 404
/// no_such_session · 401 not_signed_in.
base::Task<http::Response> end_session(const Services& services, const http::Request& request);

/// POST /me/sessions/end: id. The same for a form, which can send no DELETE.
base::Task<http::Response> end_session_by_form(const Services& services,
                                               const http::Request& request);

/// POST /me/password: current_password, new_password, [token]. 200 with a new session cookie, and
/// with the token in the body if asked for; all other sessions have ended · 403 wrong_password ·
/// 400 weak_password, missing_field · 401 not_signed_in · 429 too_many_attempts.
base::Task<http::Response> change_password(const Services& services, const http::Request& request);

/// DELETE /me, and POST /me/delete for a form: current_password. 200, the cookie is cleared · 403
/// wrong_password · 409 last_admin · 400 missing_field · 401 not_signed_in · 429 too_many_attempts.
base::Task<http::Response> delete_me(const Services& services, const http::Request& request);

/// GET /users: [after], [limit] (50; 1 to 100), [q] (how names begin, without case), [role],
/// [waiting], for admins. 200 with the users in the order of their names, and in "next" the last
/// one's name, for `after`, if there are more · 400 malformed_body · 401 not_signed_in · 403
/// forbidden.
base::Task<http::Response> list_users(const Services& services, const http::Request& request);

/// POST /users: username, password, [role], for admins, however registration is. As POST /register
/// · 401 not_signed_in · 403 forbidden.
base::Task<http::Response> create_user(const Services& services, const http::Request& request);

/// GET /users/NAME, for admins. 200 with the user, without his password · 404 no_such_user · 401
/// not_signed_in · 403 forbidden.
base::Task<http::Response> show_user(const Services& services, const http::Request& request);

/// PATCH /users/NAME: at least one of role, disabled, password, for admins. To enable who waits is
/// to approve. 200, or 202 if the bin has it later; disabling and a password end his sessions · 400
/// malformed_body, missing_field, weak_password · 404 no_such_user · 409 last_admin · 401
/// not_signed_in · 403 forbidden.
base::Task<http::Response> change_user(const Services& services, const http::Request& request);

/// DELETE /users/NAME, for admins. 200, or 202 if the bin has it later; his sessions end · 404
/// no_such_user · 409 last_admin · 401 not_signed_in · 403 forbidden.
base::Task<http::Response> delete_user(const Services& services, const http::Request& request);

/// POST /users/NAME/restore, for admins: brings back, with his password and role, who was deleted
/// by an admin within 30 days. 200, or 202 if the bin has it later · 404 no_such_user · 409
/// not_deleted, not_kept · 507 user_list_full · 401 not_signed_in · 403 forbidden.
base::Task<http::Response> restore_user(const Services& services, const http::Request& request);

/// GET /invitations, for admins. 200 with those that have not expired, the newest first · 401
/// not_signed_in · 403 forbidden.
base::Task<http::Response> list_invitations(const Services& services, const http::Request& request);

/// POST /invitations: [role], [days], for admins. 200 with the token and the link, which nobody
/// sees again; without --public-url the link begins with its path · 400 malformed_body · 401
/// not_signed_in · 403 forbidden.
base::Task<http::Response> create_invitation(const Services& services,
                                             const http::Request& request);

/// DELETE /invitations/ID, for admins. 200 · 404 no_such_invitation · 401 not_signed_in · 403
/// forbidden.
base::Task<http::Response> revoke_invitation(const Services& services,
                                             const http::Request& request);

/// GET /verify, for nginx's auth_request: reads the session and what nginx requires. 200 with the
/// four Remote-* fields · 401 with the login page in Location · 403 without the required role.
base::Task<http::Response> verify(const Services& services, const http::Request& request);

/// GET /healthz. 200 while the process runs.
base::Task<http::Response> healthz(const Services& services, const http::Request& request);

/// GET /readyz. 200 · 503 store_unavailable.
base::Task<http::Response> readyz(const Services& services, const http::Request& request);

}  // namespace userbin::handlers
