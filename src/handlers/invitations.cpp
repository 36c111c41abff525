#include "auth/invitations.h"

#include "base/clock.h"
#include "handlers/common.h"
#include "handlers/handlers.h"
#include "http/error.h"
#include "http/router.h"

namespace userbin::handlers {

using http::ErrorCode;

namespace {

Json::Value to_json(const store::Invitation& invitation) {
  Json::Value value;
  value["id"] = auth::invitation_id(invitation);
  value["role"] = invitation.role;
  value["created_by"] = invitation.maker.empty() ? Json::Value() : Json::Value(invitation.maker);
  value["created_at"] = base::format_rfc3339(invitation.created_at);
  value["expires_at"] = base::format_rfc3339(invitation.expires_at);
  return value;
}

std::chrono::days days_in(const http::Fields& fields) {
  const auto days = fields.whole_number("days").value_or(auth::kInvitationDays);
  if (days < auth::kMinInvitationDays || days > auth::kMaxInvitationDays) {
    refuse_field("days", "Use a whole number from 1 to 90");
  }
  return std::chrono::days(days);
}

}  // namespace

base::Task<http::Response> list_invitations(const Services& services,
                                            const http::Request& request) {
  require_admin(services, request);
  Json::Value body;
  body["invitations"] = Json::arrayValue;
  for (const store::Invitation& invitation : services.invitations.list()) {
    body["invitations"].append(to_json(invitation));
  }
  co_return http::json_response(200, body);
}

base::Task<http::Response> create_invitation(const Services& services,
                                             const http::Request& request) {
  const http::Fields fields = http::decode_body(request);
  const auto admin = require_admin(services, request);
  const auth::Role role = role_in(fields).value_or(auth::Role());
  const auth::NewInvitation made =
      services.invitations.create(role, admin->user.key(), days_in(fields));
  audit(request, base::AuditEvent::kInvite, base::AuditOutcome::kOk, "",
        "invitation " + auth::invitation_id(made.row) + ", role " + role.text(),
        admin->user.username());
  const std::string token(made.token.reveal());
  Json::Value body = to_json(made.row);
  body["token"] = token;
  body["link"] = services.public_origin +
                 page_url(request, services.pages.registration, {{"invitation", token}});
  co_return http::json_response(200, body);
}

base::Task<http::Response> revoke_invitation(const Services& services,
                                             const http::Request& request) {
  const auto admin = require_admin(services, request);
  const std::string id = http::path_parameter(request);
  if (!services.invitations.revoke(id)) {
    co_return http::error_response(ErrorCode::kNoSuchInvitation);
  }
  audit(request, base::AuditEvent::kInvitationRevoke, base::AuditOutcome::kOk, "",
        "invitation " + id, admin->user.username());
  co_return http::message_response("Invitation revoked");
}

}  // namespace userbin::handlers
