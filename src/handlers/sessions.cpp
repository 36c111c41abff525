#include <algorithm>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/text.h"
#include "handlers/common.h"
#include "handlers/handlers.h"
#include "http/cookie.h"
#include "http/error.h"
#include "http/router.h"
#include "http/user_agent.h"

namespace userbin::handlers {

namespace {

using http::ErrorCode;

/// A page shows no more sessions; those of a program that logs in each time may be many.
constexpr std::size_t kMaxShownSessions = 50;

bool is_current(const store::Session& session, const auth::Principal& principal) {
  return session.token_hash == principal.session.token_hash;
}

Json::Value to_json(const store::Session& session, bool current) {
  Json::Value value;
  value["id"] = auth::session_id(session);
  value["created_at"] = base::format_rfc3339(session.created_at);
  value["last_seen_at"] = base::format_rfc3339(session.last_seen_at);
  value["client"] = session.client;
  value["user_agent"] = base::printable(session.user_agent, session.user_agent.size());
  value["current"] = current;
  return value;
}

/// To the minute, as a time in HTML may have at most three decimals.
std::string time_html(base::WallTime time) {
  const std::string text = base::format_rfc3339(time);
  const std::string day = text.substr(0, 10);
  const std::string minute = text.substr(11, 5);
  return fmt::format("<time datetime=\"{0}T{1}Z\">{0} {1} UTC</time>", day, minute);
}

std::string end_form_html(const http::Request& request, const std::string& id,
                          const std::string& name_id) {
  return fmt::format(
      "<form method=\"post\" action=\"{}/me/sessions/end\">"
      "<input type=\"hidden\" name=\"id\" value=\"{}\">"
      "<button class=\"quiet\" type=\"submit\" aria-describedby=\"{}\">End</button></form>",
      base::escape_html(request.mount), id, name_id);
}

std::string session_html(const http::Request& request, const store::Session& session,
                         bool current) {
  const std::string id = auth::session_id(session);
  const std::string name_id = "session-" + id;
  return fmt::format(
      "<li><div><p id=\"{}\"><bdi>{}</bdi>{}</p>"
      "<p class=\"hint\">From <bdi>{}</bdi>. Logged in {}, last seen {}.</p></div>{}</li>\n",
      name_id, base::escape_html(http::describe_user_agent(session.user_agent)),
      current ? " (this one)" : "", base::escape_html(session.client),
      time_html(session.created_at), time_html(session.last_seen_at),
      current ? "" : end_form_html(request, id, name_id));
}

http::Response end(const Services& services, const http::Request& request,
                   const auth::Principal& principal, const std::string& id) {
  const bool current = auth::session_id(principal.session) == id;
  if (!services.sessions.end_by_id(principal.user.key(), id)) {
    return http::error_response(ErrorCode::kNoSuchSession);
  }
  audit(request, base::AuditEvent::kSessionEnd, base::AuditOutcome::kOk, principal.user.username(),
        id);
  http::Response response = http::message_response("Session ended");
  response.see_other = page_url(request, services.pages.account, {{"notice", "session_ended"}});
  if (current) {
    response.headers.emplace_back("Set-Cookie", http::cleared_session_cookie(request.https));
    response.see_other = page_url(request, services.pages.login, {{"notice", "logged_out"}});
  }
  return response;
}

}  // namespace

base::Task<http::Response> list_sessions(const Services& services, const http::Request& request) {
  const auto principal = principal_of(services, request);
  if (!principal) co_return http::error_response(ErrorCode::kNotSignedIn);
  Json::Value body;
  body["sessions"] = Json::arrayValue;
  for (const store::Session& session : services.sessions.list(principal->user.key())) {
    body["sessions"].append(to_json(session, is_current(session, *principal)));
  }
  co_return http::json_response(200, body);
}

base::Task<http::Response> session_list_html(const Services& services,
                                             const http::Request& request) {
  const auto principal = principal_of(services, request);
  if (!principal) co_return http::error_response(ErrorCode::kNotSignedIn);
  const auto sessions = services.sessions.list(principal->user.key());
  const std::size_t shown = std::min(sessions.size(), kMaxShownSessions);
  http::Response response;
  response.headers.emplace_back("Content-Type", "text/html; charset=utf-8");
  response.body = "<ul class=\"rows\">\n";
  for (std::size_t i = 0; i < shown; ++i) {
    response.body += session_html(request, sessions[i], is_current(sessions[i], *principal));
  }
  response.body += "</ul>\n";
  if (shown < sessions.size()) {
    response.body += fmt::format("<p class=\"hint\">And {} more, used less lately.</p>\n",
                                 sessions.size() - shown);
  }
  co_return response;
}

base::Task<http::Response> end_session(const Services& services, const http::Request& request) {
  const auto principal = principal_of(services, request);
  if (!principal) co_return http::error_response(ErrorCode::kNotSignedIn);
  co_return end(services, request, *principal, http::path_parameter(request));
}

base::Task<http::Response> end_session_by_form(const Services& services,
                                               const http::Request& request) {
  const http::Fields fields = http::decode_body(request);
  const auto principal = principal_of(services, request);
  if (!principal) co_return http::error_response(ErrorCode::kNotSignedIn);
  fields.require({"id"});
  co_return end(services, request, *principal, *fields.text("id"));
}

}  // namespace userbin::handlers
