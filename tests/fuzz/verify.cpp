// /verify as a whole: "NAME=value" texts with a NUL between them, as a web server's parameters
// arrive, answered by the dispatcher and all that is below it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <strings.h>
#include <vector>

#include <sodium.h>
#include <spdlog/spdlog.h>

#include "base/text.h"
#include "http/error.h"
#include "support/handlers_on_fakes.h"

using namespace userbin;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

struct Account {
  std::string token;
  std::string name, role, full_name, email;
  /// Whether the token is that of a session that lasts, and its user may come in.
  bool is_let_in = false;
};

const std::vector<Account> kAccounts{
    {"ada.ada.ada.ada.ada.ada.ada.ada.ada.ada.ada", "Ada", "admin", "Ada L", "a@example.org", true},
    {"bob.bob.bob.bob.bob.bob.bob.bob.bob.bob.bob", "bob", "user", "", "", true},
    {"eve.eve.eve.eve.eve.eve.eve.eve.eve.eve.eve", "eve", "disabled", "", "", false},
    {"joe.joe.joe.joe.joe.joe.joe.joe.joe.joe.joe", "joe", "deleted", "", "", false},
    {"old.old.old.old.old.old.old.old.old.old.old", "old", "late", "", "", false},
};

std::string sha256(const std::string& text) {
  std::string digest(crypto_hash_sha256_BYTES, '\0');
  crypto_hash_sha256(reinterpret_cast<unsigned char*>(digest.data()),
                     reinterpret_cast<const unsigned char*>(text.data()), text.size());
  return base::to_hex(digest);
}

struct House : test::HandlersOnFakes {
  House() {
    spdlog::set_level(spdlog::level::off);
    for (const Account& account : kAccounts) {
      Json::Value record = store::User(account.name, "$hash", clock.now()).record();
      record["role"] = account.role;
      record["disabled"] = account.role == "disabled";
      if (!account.full_name.empty()) record["name"] = account.full_name;
      if (!account.email.empty()) record["email"] = account.email;
      users.insert(store::User(record));
      const bool is_over = account.role == "late";
      session_rows.insert({.token_hash = sha256(account.token),
                           .user_key = store::user_key(account.name),
                           .created_at = clock.now(),
                           .last_seen_at = clock.now(),
                           .expires_at = clock.now() + std::chrono::hours{is_over ? 0 : 1}});
    }
  }
};

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

using Parameters = std::multimap<std::string, std::string>;

Parameters parameters_of(const std::string& bytes) {
  Parameters parameters;
  for (const std::string& text : split(bytes, '\0')) {
    const auto equals = text.find('=');
    if (equals != std::string::npos) {
      parameters.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return parameters;
}

http::Request request_of(const Parameters& parameters) {
  static const std::map<std::string, std::string http::Request::*> kFields{
      {"CONTENT_TYPE", &http::Request::content_type},
      {"DOCUMENT_URI", &http::Request::path},
      {"HTTP_ACCEPT", &http::Request::accept},
      {"HTTP_AUTHORIZATION", &http::Request::authorization},
      {"HTTP_COOKIE", &http::Request::cookie},
      {"HTTP_HOST", &http::Request::host},
      {"HTTP_ORIGIN", &http::Request::origin},
      {"HTTP_SEC_FETCH_SITE", &http::Request::sec_fetch_site},
      {"HTTP_USER_AGENT", &http::Request::user_agent},
      {"QUERY_STRING", &http::Request::query},
      {"REMOTE_ADDR", &http::Request::remote_address},
      {"REQUEST_METHOD", &http::Request::method},
      {"REQUEST_URI", &http::Request::request_target},
      {"USERBIN_ERROR", &http::Request::refused_by_nginx},
      {"USERBIN_PREFIX", &http::Request::mount},
      {"USERBIN_REQUEST_ID", &http::Request::request_id},
      {"USERBIN_REQUIRE", &http::Request::require},
      {"body", &http::Request::body},
  };
  http::Request request;
  for (const auto& [name, value] : parameters) {
    request.ambiguous = request.ambiguous || parameters.count(name) > 1;
    if (name == "role") request.is_authorizer = value == "authorizer";
    if (name == "HTTPS") request.https = value == "on";
    if (const auto field = kFields.find(name); field != kFields.end()) {
      request.*(field->second) = value;
    }
  }
  if (!request.is_authorizer) request.path = "/verify";
  return request;
}

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(' ');
  return first == std::string::npos ? ""
                                    : text.substr(first, text.find_last_not_of(' ') + 1 - first);
}

/// The one token that a request bears; "" if it bears none or several.
std::string token_of(const http::Request& request) {
  if (strncasecmp(request.authorization.c_str(), "Bearer ", 7) == 0) {
    return request.authorization.substr(7);
  }
  const std::string name = request.https ? "__Host-userbin=" : "userbin=";
  std::vector<std::string> tokens;
  for (const std::string& cookie : split(request.cookie, ';')) {
    if (trimmed(cookie).starts_with(name)) tokens.push_back(trimmed(cookie).substr(name.size()));
  }
  return tokens.size() == 1 ? tokens[0] : "";
}

/// nullptr: nobody is signed in.
const Account* visitor_of(const http::Request& request) {
  const std::string token = token_of(request);
  for (const Account& account : kAccounts) {
    if (account.token == token && account.is_let_in) return &account;
  }
  return nullptr;
}

/// The status of /verify. A request that is refused before is nobody's.
int status_due(const http::Request& request, const Account* visitor) {
  if (visitor == nullptr) return 401;
  const bool is_met = request.require.empty() || request.require == "role:" + visitor->role;
  return is_met ? 200 : 403;
}

void check_welcome(const http::Response& response, const Account& visitor, bool is_authorizer) {
  const auto has = [&](const char* field, const char* variable, const std::string& value) {
    return test::header_of(response, is_authorizer ? variable : field) == value;
  };
  must(has("Remote-User", "Variable-REMOTE_USER", visitor.name));
  must(has("Remote-Groups", "Variable-REMOTE_GROUPS", visitor.role));
  must(has("Remote-Name", "Variable-REMOTE_NAME", visitor.full_name));
  must(has("Remote-Email", "Variable-REMOTE_EMAIL", visitor.email));
  must(!is_authorizer || (response.headers.size() == 4 && response.body.empty()));
}

/// A refusal says nothing of anybody, and leads to the login page or nowhere.
void check_refusal(const http::Request& request, const http::Response& response) {
  for (const auto& field : response.headers) {
    must(!field.first.starts_with("Remote-") && !field.first.starts_with("Variable-"));
  }
  const bool leads = response.status == (request.is_authorizer ? 303 : 401);
  const auto location = test::header_of(response, "Location");
  must(location.has_value() == leads);
  must(!leads || location->starts_with(request.mount + "/login"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static House house;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const Parameters parameters = parameters_of(bytes);
  const http::Request request = request_of(parameters);
  const bool is_away = parameters.contains("away");
  house.changes.is_quiet = parameters.contains("quiet");
  house.session_rows.fault.set(is_away ? test::Fault::Hits::kEverything
                                       : test::Fault::Hits::kNothing);
  const http::Response response = house.answer(request);

  const Account* visitor = visitor_of(request);
  const int due = status_due(request, visitor);
  const auto refused = http::error_code_of(request.refused_by_nginx);
  if (request.ambiguous || refused || is_away) {
    // Who was seen a moment ago is still let in while the store is away.
    must(response.status != 200 || (due == 200 && !request.ambiguous && !refused));
  } else if (request.is_authorizer) {
    must(response.status == due || (due == 401 && response.status == 303));
  } else {
    must(response.status == due);
  }
  must(request.is_authorizer || response.status == 200 || response.status == 401 ||
       response.status == 403);
  for (const auto& field : response.headers) must(field.first != "Set-Cookie");
  if (response.status == 200) {
    check_welcome(response, *visitor, request.is_authorizer);
  } else {
    check_refusal(request, response);
  }
  return 0;
}
