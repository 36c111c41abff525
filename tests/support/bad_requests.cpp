#include "support/bad_requests.h"

#include "support/site.h"

namespace userbin::test {

namespace {

const std::string kJson = "Content-Type: application/json";
const std::string kForm = "Content-Type: application/x-www-form-urlencoded";

std::string with_nul() {
  return std::string("username=a\0b&password=seven+green+lanterns", 42);
}

}  // namespace

std::vector<BadRequest> bad_requests() {
  const std::string many_fields = [] {
    std::string body = "username=mallory&password=seven+green+lanterns";
    for (int i = 0; i < 10'000 && body.size() < 60'000; ++i) body += "&a" + std::to_string(i) + "=";
    return body;
  }();
  const std::string deep = R"({"username": "mallory", "password": )" + std::string(10'000, '[') +
                           std::string(10'000, ']') + "}";
  const std::string good = credentials("mallory", "seven green lanterns");
  const auto post = [](const std::string& path, const std::string& body, const std::string& type) {
    return HttpClient::Call{.method = "POST", .path = path, .body = body, .headers = {type}};
  };
  return {
      {"a method that is not there",
       {.method = "PUT", .path = "/register", .body = good, .headers = {kJson}},
       405,
       "method_not_allowed"},
      {"a type that is not understood", post("/register", good, "Content-Type: text/plain"), 415,
       "unsupported_media_type"},
      {"a multipart form",
       post("/register", "--x--", "Content-Type: multipart/form-data; boundary=x"), 415,
       "unsupported_media_type"},
      {"another character set",
       post("/register", good, "Content-Type: application/json; charset=latin1"), 415,
       "unsupported_media_type"},
      {"broken JSON", post("/register", R"({"username": "mallory")", kJson), 400, "malformed_body"},
      {"JSON that is no object", post("/register", R"(["mallory"])", kJson), 400, "malformed_body"},
      {"JSON with something behind it", post("/register", good + good, kJson), 400,
       "malformed_body"},
      {"a JSON key that comes twice",
       post("/register",
            R"({"username": "mallory", "username": "bob", "password": "seven green lanterns"})",
            kJson),
       400, "malformed_body"},
      {"a number for a name",
       post("/register", R"({"username": 7, "password": "seven green lanterns"})", kJson), 400,
       "malformed_body"},
      {"nesting 10,000 deep", post("/register", deep, kJson), 400, "malformed_body"},
      {"a lone surrogate",
       post("/register", R"({"username": "mallory", "password": "\udc00 green lanterns"})", kJson),
       400, "malformed_body"},
      {"invalid UTF-8 in JSON",
       post("/register", "{\"username\": \"mallory\", \"password\": \"seven \xC0\xAF lanterns\"}",
            kJson),
       400, "malformed_body"},
      {"a NUL in a JSON password",
       post("/register", R"({"username": "mallory", "password": "seven\u0000green lanterns"})",
            kJson),
       400, "weak_password"},
      {"broken percent-encoding",
       post("/register", "username=mallory&password=seven%2+green", kForm), 400, "malformed_body"},
      {"invalid UTF-8 in a form",
       post("/register", "username=mallory&password=%FF%FEgreenlanterns", kForm), 400,
       "malformed_body"},
      {"a NUL in a name",
       post("/register", "username=mal%00lory&password=seven+green+lanterns", kForm), 400,
       "invalid_username"},
      {"a raw NUL in a form", post("/register", with_nul(), kForm), 400, "invalid_username"},
      {"a field that comes twice",
       post("/register", "username=mallory&username=bob&password=seven+green+lanterns", kForm), 400,
       "malformed_body"},
      {"10,000 fields", post("/register", many_fields, kForm), 400, "malformed_body"},
      {"no fields", post("/register", "", kForm), 400, "missing_field"},
      {"a body above 64 KiB", post("/register", std::string(65 * 1024, 'x'), kForm), 413,
       "body_too_large"},
      {"a body of 10 MB", post("/register", std::string(10'000'000, 'x'), kForm), 413,
       "body_too_large"},
      {"a name with a line break",
       post("/register", "username=mallory%0d%0aSet-Cookie:x&password=seven+green+lanterns", kForm),
       400, "invalid_username"},
  };
}

std::vector<BadRequest> odd_requests() {
  const auto get = [](const std::string& path, const std::vector<std::string>& headers) {
    return HttpClient::Call{.path = path, .headers = headers};
  };
  const std::string token(43, 'A');
  return {
      {"a token that nobody has", get("/me", {"Cookie: userbin=" + token}), 401, "not_signed_in"},
      {"two session cookies", get("/me", {"Cookie: userbin=" + token + "; userbin=x"}), 401,
       "not_signed_in"},
      {"cookies without a name", get("/me", {"Cookie: ;;=;=x; ;userbin"}), 401, "not_signed_in"},
      {"a cookie of 6,000 bytes", get("/me", {"Cookie: userbin=" + std::string(6000, 'x')}), 401,
       "not_signed_in"},
      {"bytes above ASCII in a cookie", get("/me", {"Cookie: userbin=\xFF\xFE\xC3"}), 401,
       "not_signed_in"},
      {"an empty bearer", get("/me", {"Authorization: Bearer "}), 401, "not_signed_in"},
      {"a bearer with blanks", get("/me", {"Authorization: bearer  " + token}), 401,
       "not_signed_in"},
      {"another scheme", get("/me", {"Authorization: Negotiate " + std::string(4000, 'Y')}), 401,
       "not_signed_in"},
      {"Basic, not in base64", get("/me", {"Authorization: Basic \x01\x7F!"}), 401,
       "not_signed_in"},
      {"odd ranges", get("/me", {"Range: bytes=-0,5-1,9999999999999999999-", "If-Range: x"}), 401,
       "not_signed_in"},
      {"a name of 4,000 bytes", get("/users/" + std::string(4000, 'n'), {}), 401, "not_signed_in"},
      {"a name of percent-encoded dots and slashes", get("/users/..%2F%2e%2E%5c%00", {}), 0, ""},
      {"a broken query", get("/users?limit=%zz&after=%FF&limit=9e99", {}), 400, "malformed_body"},
      {"a session id of other letters",
       {.method = "DELETE", .path = "/me/sessions/%3Cscript%3E%0A", .headers = {kJson}},
       401,
       "not_signed_in"},
      {"a huge number of days",
       {.method = "POST", .path = "/invitations", .body = R"({"days":1e999})", .headers = {kJson}},
       400,
       "malformed_body"},
      {"a place that is not there", get("/login/%2e%2e/x", {}), 404, ""},
  };
}

namespace {

/// Each call with the token, and a body that is JSON unless it says otherwise.
std::vector<BadRequest> with_token(const std::string& token, std::vector<BadRequest> requests) {
  for (BadRequest& request : requests) {
    request.call.headers.push_back("Authorization: Bearer " + token);
    if (request.call.headers.size() == 1) request.call.headers.push_back(kJson);
  }
  return requests;
}

}  // namespace

std::vector<BadRequest> refused_requests_of_user(const std::string& token) {
  const auto call = [](const std::string& method, const std::string& path,
                       const std::string& body) {
    return HttpClient::Call{.method = method, .path = path, .body = body, .headers = {}};
  };
  const std::string both = R"({"current_password":"tuesday grows heavy","new_password":)";
  return with_token(
      token,
      {
          {"a password change without fields", call("POST", "/me/password", "{}"), 400,
           "missing_field"},
          {"a password change in broken JSON", call("POST", "/me/password", both), 400,
           "malformed_body"},
          {"a number for a new password", call("POST", "/me/password", both + "7}"), 400,
           "malformed_body"},
          {"a new password with invalid UTF-8", call("POST", "/me/password", both + "\"\xC0\"}"),
           400, "malformed_body"},
          {"a weak new password", call("POST", "/me/password", both + R"("x"})"), 400,
           "weak_password"},
          {"a deletion without a password", call("DELETE", "/me", "{}"), 400, "missing_field"},
          {"a deletion with a list for a password",
           call("DELETE", "/me", R"({"current_password":["tuesday grows heavy"]})"), 400,
           "malformed_body"},
          {"a deletion with the password twice",
           call("DELETE", "/me",
                R"({"current_password":"x","current_password":"tuesday grows heavy"})"),
           400, "malformed_body"},
          {"no session's id", call("DELETE", "/me/sessions/%00%FF", ""), 0, ""},
          {"a user who makes a user",
           call("POST", "/users", credentials("mallory", "seven green lanterns")), 403, ""},
          {"a user who makes himself an admin", call("PATCH", "/users/ada", R"({"role":"admin"})"),
           403, ""},
          {"a user who deletes one", call("DELETE", "/users/ada", ""), 403, ""},
          {"a user who invites", call("POST", "/invitations", "{}"), 403, ""},
          {"a user who asks for all", call("GET", "/users?q=%FF", ""), 0, ""},
      });
}

std::vector<BadRequest> refused_requests_of_admin(const std::string& token,
                                                  const std::string& user) {
  const auto call = [](const std::string& method, const std::string& path,
                       const std::string& body) {
    return HttpClient::Call{.method = method, .path = path, .body = body, .headers = {}};
  };
  const std::string path = "/users/" + user;
  return with_token(
      token,
      {
          {"a user without fields", call("POST", "/users", "{}"), 400, "missing_field"},
          {"a user with a weak password", call("POST", "/users", credentials("mallory", "x")), 400,
           "weak_password"},
          {"a user with a name that is none",
           call("POST", "/users", credentials("mal lory\\n", "seven green lanterns")), 400,
           "invalid_username"},
          {"a user who is there", call("POST", "/users", credentials(user, "seven green lanterns")),
           0, ""},
          {"a role that is a number", call("PATCH", path, R"({"role":7})"), 400, "malformed_body"},
          {"a role that is none", call("PATCH", path, R"({"role":"\u0000 \n"})"), 0, ""},
          {"disabled, perhaps", call("PATCH", path, R"({"disabled":"perhaps"})"), 0, ""},
          {"a weak password for another", call("PATCH", path, R"({"password":"x"})"), 400,
           "weak_password"},
          {"a change of nobody", call("PATCH", "/users/nobody", R"({"role":"editor"})"), 404, ""},
          {"a change of a name that is none", call("PATCH", "/users/%FF%00", R"({"role":"x"})"), 0,
           ""},
          {"a deletion of nobody", call("DELETE", "/users/nobody", ""), 404, ""},
          {"a restoration of who is there", call("POST", path + "/restore", ""), 0, ""},
          {"an invitation for no days", call("POST", "/invitations", R"({"days":-1})"), 0, ""},
          {"an invitation for a list", call("POST", "/invitations", R"({"role":["user"]})"), 400,
           "malformed_body"},
          {"an end of no invitation", call("DELETE", "/invitations/%2e%00", ""), 0, ""},
          {"a broken page", call("GET", "/users?limit=-1&after=%FF", ""), 0, ""},
      });
}

std::vector<std::string> broken_records() {
  constexpr int kAbort = 2, kParams = 4, kStdin = 5, kGetValues = 9;
  const std::string begin = fastcgi_begin(true);
  const std::string path = fastcgi_params({{"DOCUMENT_URI", "/healthz"}});
  const std::string no_params = fastcgi_record(kParams, "");
  const std::string no_body = fastcgi_record(kStdin, "");
  const auto with_params = [&](const std::string& content) {
    return begin + fastcgi_record(kParams, content) + no_params + no_body;
  };
  const std::string huge_length = "\xFF\xFF\xFF\xFF";
  return {
      "GET / HTTP/1.1\r\n\r\n",
      std::string(64, '\0'),
      std::string(300'000, '\xFF'),
      fastcgi_begin(true, 3) + path,                                  // a role of filters
      fastcgi_record(kGetValues, std::string(8, 'x'), 0),             // management
      fastcgi_params({{"A", "B"}}),                                   // no beginning
      begin + begin,                                                  // twice
      begin + fastcgi_record(kAbort, ""),                             // given up
      begin + path + fastcgi_record(kAbort, ""),                      // later
      begin + fastcgi_record(kParams, "x", 2),                        // two at once
      begin + path + no_body + fastcgi_begin(true) + path + no_body,  // one behind the other
      begin + fastcgi_record(200, ""),                                // of no known type
      with_params("\x04"),                                            // a name without its length
      with_params(huge_length + huge_length + "name"),                // longer than all
      with_params("\x7F\x01"
                  "ab"),  // longer than what is there
      with_params(std::string("\x05\x01"
                              "A\0B=Cx",
                              9)),  // a NUL in a name
      with_params(std::string("\x01\x02"
                              "Ax\0",
                              5)),  // and in a value
      begin + fastcgi_record(kParams, std::string(65'535, 'p')) +
          fastcgi_record(kParams, std::string(65'535, 'p')),  // too many
  };
}

}  // namespace userbin::test
