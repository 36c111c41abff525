#include "handlers/common.h"
#include "handlers/handlers.h"
#include "http/cookie.h"

namespace userbin::handlers {

base::Task<http::Response> log_out(const Services& services, const http::Request& request) {
  const http::Fields fields = http::decode_body(request);
  const bool everywhere = fields.flag("everywhere");
  if (const auto token = session_token(request)) {
    const auto principal = services.sessions.authenticate(*token);
    if (principal && everywhere) services.sessions.end_all(principal->user.key());
    services.sessions.end(*token);
    if (principal) {
      audit(request, base::AuditEvent::kLogout, base::AuditOutcome::kOk, principal->user.username(),
            everywhere ? "everywhere" : "");
    }
  }
  http::Response response = http::message_response("Logged out");
  response.headers.emplace_back("Set-Cookie", http::cleared_session_cookie(request.https));
  response.see_other = page_url(request, services.pages.login, {{"notice", "logged_out"}});
  co_return response;
}

}  // namespace userbin::handlers
