#include "app/nginx_rules.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <tuple>

#include "app/nginx_checks.h"

namespace userbin::app {

namespace {

using enum NginxSeverity;

constexpr std::array kRules{
    // Where auth_request leads.
    NginxRule{"auth-request-query", kHole,
              "'auth_request {0}' has a query string, so 'location = {1}' does not answer it: {2} "
              "does, and may let everybody in",
              "write 'auth_request {1};', and hand parameters over in a variable"},
    NginxRule{
        "auth-request-astray", kHole,
        "'auth_request {0}' is answered by '{1}', not by a verifier, and may let everybody in",
        "include userbin.conf in the server and write 'auth_request /verify;', or define "
        "'location = {0}' with 'internal' and a fastcgi_pass"},
    NginxRule{"auth-request-nowhere", kFault,
              "'auth_request {0}' reaches no verifier, so nobody gets in",
              "include userbin.conf in the server, and write 'auth_request /verify;'"},
    NginxRule{"auth-request-rewritten", kHole,
              "'{0}' of the server also sends 'auth_request {1}' elsewhere, where it may let "
              "everybody in",
              "move the rewrite into a location"},

    // Protected places.
    NginxRule{"return-first", kHole,
              "'{0}' answers before auth_request is asked: '{1}' is open to everybody",
              "write 'try_files /none @page;' here and the return into 'location @page'"},
    NginxRule{"redirect-first", kNote,
              "'{0}' in '{1}' answers before auth_request is asked, so everybody sees this answer",
              "nothing, if there is nothing to protect in it"},
    NginxRule{
        "rewrite-first", kHole,
        "'{0}' leaves '{1}' before auth_request is asked, for {2}, which is open to everybody",
        "write 'break' in place of 'last', or protect {2}, too"},
    NginxRule{"place-beside", kHole,
              "'{0}' also takes requests for what is under '{1}', and asks nobody",
              "put it inside 'location {1}', repeat auth_request in it, write '^~ {1}' if it is a "
              "regular expression, or say 'auth_request off;' if it is meant so"},
    NginxRule{"place-open", kNote, "'{0}' is open to everybody, though '{1}' is protected",
              "nothing, if it is meant so"},
    NginxRule{
        "satisfy-any", kNote,
        "'satisfy any': whoever meets allow/deny or auth_basic gets into '{0}' without a login",
        "remove it, unless one of the two is meant to be enough; then the application must not "
        "expect a user name"},
    NginxRule{"login-locked", kFault,
              "'auth_request {0}' also protects '{1}', so that nobody can log in",
              "move auth_request from the server into the locations to protect"},

    // What people see who are not logged in.
    NginxRule{"error-page-redirect", kFault, "'{0}' answers with a redirect that has no Location",
              "write 'error_page 401 = @userbin_login;', which userbin.conf defines"},
    NginxRule{"error-page-missing", kFault, "'{0}' names a location that the server does not have",
              "include userbin.conf in the server, or define 'location {1}'"},
    NginxRule{
        "error-page-undone", kFault,
        "'{0}' undoes the error_page for 401 that stands outside: nobody is sent to the login "
        "from '{1}'",
        "repeat 'error_page 401 = @userbin_login;' here"},
    NginxRule{
        "login-target-unset", kFault,
        "'{0}' redirects to {1}, which no auth_request_set in '{2}' sets: the redirect has no "
        "Location",
        "add 'auth_request_set {1} $upstream_http_location;' to '{2}' (one here undoes those "
        "outside)"},

    // The verifier.
    NginxRule{"verifier-public", kFault, "'{0}' is not internal: anybody can ask it",
              "add 'internal;'"},
    NginxRule{"verifier-body", kNote, "'{0}' passes a body on that the verifier never reads",
              "add 'fastcgi_pass_request_body off;'"},
    NginxRule{"verifier-proxy-body", kFault,
              "'{0}' announces a body that is not sent: requests with one hang or fail",
              "add 'proxy_pass_request_body off;' and 'proxy_set_header Content-Length \"\";'"},
    NginxRule{"verifier-remote-user", kNote,
              "'{0}' gets REMOTE_USER from {1}, which anybody sets with 'curl -u'; the worker "
              "ignores it, others may not",
              "include userbin_params in place of the distribution's fastcgi_params"},
    NginxRule{"verifier-headers", kNote, "'{0}' passes all headers of a client on to the verifier",
              "include userbin_params, or add 'fastcgi_pass_request_headers off;' and the headers "
              "that it needs as parameters"},
    NginxRule{
        "verifier-document-uri", kFault,
        "'{0}' does not pass DOCUMENT_URI, by which the worker knows what it is asked: nobody "
        "gets in",
        "include userbin_params"},
    NginxRule{"verifier-keep-conn", kNote,
              "'{0}' asks to keep connections, which nginx never does for auth_request: this is "
              "slower",
              "write 'fastcgi_keep_conn off;'"},
    NginxRule{"verifier-cache-key", kHole,
              "the cache of '{0}' does not tell people apart: its key lacks {1}",
              "write '{2}_cache_key \"$http_authorization|$http_cookie|$userbin_require\";'"},
    NginxRule{"verifier-cache-long", kNote,
              "'{0}' lets people in for {1} after they have logged out or lost their role",
              "choose 10 s or less"},
    NginxRule{"worker-reachable", kHole,
              "the worker listens at {0}, where others than this machine may reach it and claim to "
              "be nginx",
              "use a Unix socket or 127.0.0.1"},

    // What a place requires beyond a login.
    NginxRule{
        "require-at-server", kHole,
        "'{0}' of the server runs again for the verifier, and undoes what a location asks for",
        "write it into each location; without any, the map in userbin_upstream.conf is enough"},
    NginxRule{"require-in-verifier", kHole,
              "'{0}' in the verifier's location undoes what places ask for", "remove it"},
    NginxRule{"require-by-uri", kHole,
              "$userbin_require depends on {0}, which is the verifier's own or as the client wrote "
              "it: people get in without it",
              "write 'set $userbin_require ...;' into each location"},
    NginxRule{"require-lost", kHole, "'{0}' does not inherit what '{1}' asks for: any user gets in",
              "repeat '{2};' in it"},
    NginxRule{"require-unasked", kHole, "'{0}' asks for something, but '{1}' has no auth_request",
              "add 'auth_request /verify;'"},
    NginxRule{"require-unpassed", kHole,
              "'{0}' does not pass USERBIN_REQUIRE: any user gets in where a role is asked for",
              "add 'fastcgi_param USERBIN_REQUIRE $userbin_require if_not_empty;'"},
    NginxRule{"require-unknown", kFault,
              "'{0}' asks for what the worker does not know: nobody gets in",
              "write it like \"role:admin\""},

    // Who the application thinks it is.
    NginxRule{"identity-forgeable", kHole,
              "'{0}' hands on {1} as the client sends them: anybody can claim to be somebody",
              "{2}"},
    NginxRule{"identity-from-client", kHole, "'{0}' in '{1}': {2} is what the client sends",
              "take the value of an auth_request_set, and leave out the distribution's "
              "fastcgi_params, of which the application may take the first of two REMOTE_USER"},
    NginxRule{
        "identity-underscores", kHole,
        "'{0}' lets a header 'Remote_User' through to '{1}', which many applications take for "
        "Remote-User",
        "remove it"},
    NginxRule{"identity-unset", kFault,
              "'{0}' passes {1} on, which no auth_request_set there sets: it is always empty",
              "add 'auth_request_set {1} ...;' to it (one in a location undoes those outside)"},
    NginxRule{"identity-missing", kNote, "'{0}' does not tell the application {1}",
              "add 'fastcgi_param REMOTE_USER $userbin_user;' and the like, if it wants to know"},
    NginxRule{"cookie-first", kNote,
              "{0} is only the first Set-Cookie of the verifier; further ones are lost",
              "nothing for userbin, which sets no cookie there"},
};

std::string fill(std::string_view text, std::initializer_list<std::string> details) {
  std::string filled;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_place = text[i] == '{' && i + 2 < text.size() && text[i + 2] == '}';
    if (!is_place) {
      filled += text[i];
      continue;
    }
    filled += *(details.begin() + (text[i + 1] - '0'));
    i += 2;
  }
  return filled;
}

}  // namespace

std::string_view word_for(NginxSeverity severity) {
  constexpr std::array<std::string_view, 3> kWords{"hole", "fault", "note"};
  return kWords.at(static_cast<std::size_t>(severity));
}

std::span<const NginxRule> nginx_rules() {
  return kRules;
}

void NginxFindings::add(std::string_view rule, const NginxDirective& where,
                        std::initializer_list<std::string> details) {
  const auto* const found = std::find_if(kRules.begin(), kRules.end(),
                                         [&](const NginxRule& each) { return each.name == rule; });
  if (found == kRules.end()) throw std::logic_error("there is no rule " + std::string(rule));
  const bool is_known =
      std::any_of(findings_.begin(), findings_.end(), [&](const NginxFinding& other) {
        return other.rule == found && other.line == where.line && other.file == where.file;
      });
  if (is_known) return;
  findings_.push_back({.rule = found,
                       .file = where.file,
                       .line = where.line,
                       .wrong = fill(found->wrong, details),
                       .mend = fill(found->mend, details)});
}

std::vector<NginxFinding> NginxFindings::take_sorted() {
  std::stable_sort(findings_.begin(), findings_.end(), [](const auto& left, const auto& right) {
    return std::tie(left.file, left.line) < std::tie(right.file, right.line);
  });
  return std::move(findings_);
}

std::vector<NginxFinding> check_nginx_config(const std::vector<NginxDirective>& directives) {
  const auto root = make_nginx_scopes(directives);
  NginxFindings findings;
  for (const NginxScope* server : all_scopes(*root, NginxScope::Kind::kServer)) {
    const NginxSite site(*server, *root);
    const NginxVerifiers verifiers = check_guards(site, findings);
    check_places(site, verifiers, findings);
    check_error_pages(site, verifiers, findings);
    check_verifiers(site, verifiers, findings);
    check_requirements(site, verifiers, findings);
    check_identities(site, verifiers, findings);
  }
  return findings.take_sorted();
}

bool is_anything_protected(const std::vector<NginxDirective>& directives) {
  const auto root = make_nginx_scopes(directives);
  const auto places = all_scopes(*root, NginxScope::Kind::kLocation);
  return std::any_of(places.begin(), places.end(),
                     [](const NginxScope* place) { return guard_of(*place) != nullptr; });
}

}  // namespace userbin::app
