#include "handlers/common.h"

#include "base/text.h"
#include "http/cookie.h"
#include "http/error.h"
#include "http/origin.h"

namespace userbin::handlers {

namespace {

/// An answer's head must fit into nginx's buffer (fastcgi_buffer_size, 4k or more).
constexpr std::size_t kMaxEncodedRedirectBytes = 2048;

/// What the body has under `name`, else the query.
std::optional<std::string> text_in(const http::Fields& fields, const http::Request& request,
                                   const std::string& name) {
  std::optional<std::string> text = fields.text_if_any(name);
  if (text || request.query.empty()) return text;
  try {
    const auto query = http::decode_form(request.query);
    const auto found = query.find(name);
    if (found != query.end()) text = found->second;
  } catch (const http::RequestRefused&) {
    // A broken query asks for nothing.
  }
  return text;
}

bool fits_into_head(const std::string& target) {
  return base::percent_encode(target, "/").size() <= kMaxEncodedRedirectBytes;
}

}  // namespace

std::optional<std::string_view> session_token(const http::Request& request) {
  constexpr std::string_view kBearer = "bearer ";
  const std::string_view header = request.authorization;
  if (base::to_lower_ascii(header.substr(0, kBearer.size())) == kBearer) {
    return header.substr(kBearer.size());
  }
  return http::find_cookie(request.cookie, http::session_cookie_name(request.https));
}

auth::PrincipalPtr principal_of(const Services& services, const http::Request& request) {
  const auto token = session_token(request);
  return token ? services.sessions.authenticate(*token) : nullptr;
}

auth::PrincipalPtr require_admin(const Services& services, const http::Request& request) {
  auth::PrincipalPtr principal = principal_of(services, request);
  if (!principal) {
    throw http::RequestRefused(http::ErrorCode::kNotSignedIn, "nobody is signed in");
  }
  if (!principal->user.is_active_admin()) {
    throw http::RequestRefused(http::ErrorCode::kForbidden,
                               principal->user.username() + " is no admin");
  }
  return principal;
}

auth::Username username_in(const http::Fields& fields) {
  fields.require({"username"});
  auto username = auth::Username::parse(*fields.text("username"));
  if (username) return *std::move(username);
  throw http::RequestRefused(
      http::ErrorCode::kInvalidUsername, "no name for a user",
      {.fields = {
           {"username", "Use 1 to 64 of A-Z a-z 0-9 . _ @ + -, starting with a letter or digit"}}});
}

auth::Password password_in(const Services& services, const http::Fields& fields, const char* field,
                           const std::string& username) {
  fields.require({field});
  auto checked = auth::check_password(base::SecretString(*fields.text(field)), username,
                                      services.password_rules);
  if (const auto* flaw = std::get_if<auth::PasswordFlaw>(&checked)) {
    throw http::RequestRefused(http::ErrorCode::kWeakPassword, flaw->reason,
                               {.fields = {{field, flaw->sentence}}, .reason = flaw->reason});
  }
  return std::get<auth::Password>(std::move(checked));
}

std::optional<auth::Role> role_in(const http::Fields& fields) {
  const auto text = fields.text("role");
  if (!text) return std::nullopt;
  auto role = auth::Role::parse(*text);
  if (!role) refuse_field("role", "Use 1 to 32 of A-Z a-z 0-9 . _ -, and not 'deleted'");
  return role;
}

void refuse_field(const char* field, const char* sentence) {
  throw http::RequestRefused(http::ErrorCode::kMalformedBody, std::string("unusable ") + field,
                             {.fields = {{field, sentence}}});
}

std::string invitation_in(const http::Fields& fields, const http::Request& request) {
  return text_in(fields, request, "invitation").value_or("");
}

std::string requested_redirect(const http::Fields& fields, const http::Request& request) {
  const std::optional<std::string> target = text_in(fields, request, "rd");
  return target && http::is_safe_redirect(*target) && fits_into_head(*target) ? *target : "";
}

http::Response login_required(const Services& services, const http::Request& request) {
  http::Response response = http::error_response(http::ErrorCode::kNotSignedIn);
  const std::string& target = request.request_target;
  response.headers.emplace_back(
      "Location",
      page_url(request, services.pages.login, {{"rd", fits_into_head(target) ? target : ""}}));
  return response;
}

std::string page_url(const http::Request& request, const std::string& page,
                     std::initializer_list<std::pair<const char*, std::string>> query) {
  std::string url = request.mount + page;
  char separator = '?';
  for (const auto& [name, value] : query) {
    if (value.empty()) continue;
    url += separator;
    // nginx puts a name into its form as it stands in the URL, so what a name may have stands there
    // as it is; nobody decodes it again. Whatever else is decoded once more, where a '+' is a
    // space.
    const char* keep = std::string_view(name) == "username" ? "@+" : "/";
    url += std::string(name) + '=' + base::percent_encode(value, keep);
    separator = '&';
  }
  return url;
}

std::optional<http::Response> refusal_of(const auth::Throttle::Attempt& attempt) {
  if (attempt.retry_after() == std::chrono::seconds{0}) return std::nullopt;
  return http::error_response(http::ErrorCode::kTooManyAttempts,
                              {.retry_after = attempt.retry_after()});
}

void audit(const http::Request& request, base::AuditEvent event, base::AuditOutcome outcome,
           const std::string& user, const std::string& detail, const std::string& by) {
  base::audit({.event = event,
               .outcome = outcome,
               .client = request.remote_address,
               .user = user,
               .by = by,
               .detail = detail,
               .request_id = request.request_id});
}

std::string known_name(const Services& services, const std::string& username) {
  const auto stored = services.users.find(store::user_key(username));
  return stored && !stored->user.deleted() ? stored->user.username() : "";
}

http::Response changed_response(const std::string& message, bool is_everywhere, Json::Value body) {
  body["message"] = message;
  if (!is_everywhere) body["sync"] = "pending";
  return http::json_response(is_everywhere ? 200 : 202, body);
}

}  // namespace userbin::handlers
