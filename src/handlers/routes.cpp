#include "handlers/routes.h"

#include "handlers/handlers.h"

namespace userbin::handlers {

http::Router make_router(const Services& services) {
  using Function = base::Task<http::Response> (*)(const Services&, const http::Request&);
  const auto with = [&services](Function function) -> http::Handler {
    return
        [&services, function](const http::Request& request) { return function(services, request); };
  };
  const Pages& pages = services.pages;
  return http::Router({
      // method  path         handler               page with the form
      {"GET", kVerifyPath, with(verify), ""},
      {"POST", "/register", with(register_user), pages.registration},
      {"GET", "/register/notice.html", with(registration_notice_html), ""},
      {"POST", "/login", with(log_in), pages.login},
      {"POST", "/logout", with(log_out), pages.home},
      {"GET", "/me", with(me), ""},
      {"DELETE", "/me", with(delete_me), ""},
      {"POST", "/me/delete", with(delete_me), pages.deletion},
      {"POST", "/me/password", with(change_password), pages.password},
      {"GET", "/me/sessions", with(list_sessions), ""},
      {"GET", "/me/sessions.html", with(session_list_html), ""},
      {"POST", "/me/sessions/end", with(end_session_by_form), pages.account},
      {"DELETE", "/me/sessions/*", with(end_session), ""},
      {"GET", "/users", with(list_users), ""},
      {"POST", "/users", with(create_user), ""},
      {"POST", "/users/**/restore", with(restore_user), ""},
      {"GET", "/users/**", with(show_user), ""},
      {"PATCH", "/users/**", with(change_user), ""},
      {"DELETE", "/users/**", with(delete_user), ""},
      {"GET", "/invitations", with(list_invitations), ""},
      {"POST", "/invitations", with(create_invitation), ""},
      {"DELETE", "/invitations/*", with(revoke_invitation), ""},
      {"GET", "/healthz", with(healthz), ""},
      {"GET", "/readyz", with(readyz), ""},
  });
}

}  // namespace userbin::handlers
