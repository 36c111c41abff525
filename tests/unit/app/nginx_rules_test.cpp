#include "app/nginx_rules.h"

#include <algorithm>
#include <set>

#include "support/catch.h"

using userbin::app::check_nginx_config;
using userbin::app::is_anything_protected;
using userbin::app::nginx_rules;
using userbin::app::NginxFinding;
using userbin::app::NginxSeverity;
using userbin::app::parse_nginx_config;

namespace {

/// A site as userbin.conf makes it; a test puts something in the place of its marks.
const std::string kSite = R"(http {
  map "" $userbin_require { default ""; }
  upstream userbin { server unix:/run/userbin.sock; }
  @HTTP@
  server {
    @SERVER@
    location = /verify {
      internal;
      fastcgi_pass_request_headers off;
      fastcgi_param DOCUMENT_URI $document_uri;
      fastcgi_param USERBIN_REQUIRE $userbin_require if_not_empty;
      fastcgi_pass_request_body off;
      fastcgi_pass userbin;
      @VERIFIER@
    }
    location @userbin_login { return 303 $userbin_login; }
    location = /login { fastcgi_pass userbin; }
    location / { try_files $uri /index.html; }
  }
})";

std::string without(std::string text, const std::string& part) {
  const auto at = text.find(part);
  REQUIRE(at != std::string::npos);
  return text.erase(at, part.size());
}

std::string site(const std::string& mark, const std::string& text, std::string whole = kSite) {
  const auto at = whole.find(mark);
  REQUIRE(at != std::string::npos);
  whole.replace(at, mark.size(), text);
  for (const char* other : {"@HTTP@", "@SERVER@", "@VERIFIER@"}) {
    const auto rest = whole.find(other);
    if (rest != std::string::npos) whole.erase(rest, std::string(other).size());
  }
  return whole;
}

std::string in_server(const std::string& text) {
  return site("@SERVER@", text);
}
std::string in_http(const std::string& text) {
  return site("@HTTP@", text);
}
std::string in_verifier(const std::string& text, const std::string& left_out = "") {
  return site("@VERIFIER@", text, left_out.empty() ? kSite : without(kSite, left_out));
}
/// A place for members with `text` in it, in a site with the verifier so changed.
std::string with_admins(const std::string& whole) {
  return site("location @userbin_login", R"(location /admin/ {
      auth_request /verify;
      set $userbin_require "role:admin";
    }
    location @userbin_login)",
              whole);
}

/// "rule:LINE" of each finding; the line is "HERE" where the text has a comment that says so.
std::vector<std::string> findings_in(const std::string& text) {
  const auto mark = text.find("# HERE");
  const auto here =
      mark == std::string::npos
          ? 0
          : std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(mark), '\n') + 1;
  std::vector<std::string> found;
  for (const NginxFinding& finding : check_nginx_config(parse_nginx_config(text, "/site"))) {
    const bool is_here = static_cast<std::ptrdiff_t>(finding.line) == here;
    found.push_back(std::string(finding.rule->name) + ":" +
                    (is_here ? "HERE" : std::to_string(finding.line)));
    CHECK(finding.file == "/site");
    CHECK(finding.wrong.find("{0}") == std::string::npos);
  }
  return found;
}

struct Case {
  std::string rule;
  /// Has the trap, in the line with the comment.
  std::string wrong;
  std::string mended;
};

const std::string kHeaders =
    "proxy_set_header Remote-User $userbin_user; proxy_set_header Remote-Groups \"\";"
    "proxy_set_header Remote-Name \"\"; proxy_set_header remote-email \"\";";
const std::string kParameters =
    "fastcgi_param HTTP_REMOTE_USER \"\"; fastcgi_param HTTP_REMOTE_GROUPS \"\";"
    "fastcgi_param HTTP_REMOTE_NAME \"\"; fastcgi_param HTTP_REMOTE_EMAIL \"\";";
const std::string kUser = "auth_request_set $userbin_user $upstream_http_remote_user;";

/// Inside a protected location, which begins in the line before.
std::string place(const std::string& text, const std::string& comment = "") {
  return in_server("location /m/ {" + comment + "\nauth_request /verify;\n" + text + "\n}");
}

std::vector<Case> guard_cases() {
  return {
      {"auth-request-query", in_server("location /m/ {\nauth_request /verify?a=b; # HERE\n}"),
       place("")},
      {"auth-request-astray", in_server("location /m/ {\nauth_request /verifi; # HERE\n}"),
       place("")},
      {"auth-request-astray",
       in_server("location /v { internal; fastcgi_pass x; }\nlocation ~ x$ { deny all; }\n"
                 "location /m/ {\nauth_request /v; # HERE\n}"),
       in_server("location ^~ /v { internal; fastcgi_pass_request_headers off;"
                 "fastcgi_pass_request_body off; fastcgi_param DOCUMENT_URI /verify;"
                 "fastcgi_pass userbin; }\nlocation ~ x$ { deny all; }\n"
                 "location /m/ { auth_request /v; }")},
      {"auth-request-astray",
       in_server("location = /v { internal; return 200; }\n"
                 "location /m/ {\nauth_request /v; # HERE\n}"),
       place("")},
      {"auth-request-nowhere",
       in_server("location = /v { internal; return 403; }\n"
                 "location /m/ {\nauth_request /v; # HERE\n}"),
       place("")},
      {"auth-request-rewritten",
       in_server("rewrite ^/(.*)$ /app/$1 last; # HERE\nlocation /m/ { auth_request /verify; }"),
       in_server("rewrite ^/old/(.*)$ /app/$1 last;\nlocation /m/ { auth_request /verify; }")},
      {"return-first", place("return 200 secret; # HERE"), place("return 404;")},
      {"return-first", place("return /elsewhere; # HERE"),
       place("try_files /none @page; }\nlocation @page { return 200 secret;")},
      {"return-first", place("if ($arg_x) {\n return 200 secret; # HERE\n}"),
       place("if ($arg_x) { return 403; }")},
      {"return-first", place("rewrite ^ /elsewhere permanent; # HERE"), place("")},
      {"redirect-first", place("if ($request_method = OPTIONS) {\nreturn 204; # HERE\n}"),
       place("")},
      {"redirect-first", place("location = /m/a {\nreturn 301 https://example.org/; # HERE\n}"),
       place("")},
      {"rewrite-first", place("rewrite ^/m/(.*)$ /$1 last; # HERE"),
       place("rewrite ^/m/(.*)$ /$1 break;")},
      {"rewrite-first", place("if ($arg_x) {\nrewrite ^/m/(.*)$ /index.html; # HERE\n}"),
       place("rewrite ^/m/(.*)$ /m/x/$1;")},
      {"place-beside", place("}\nlocation ~ \\.php$ { # HERE\nfastcgi_pass php;"),
       place("}\nlocation ~ ^/(api|static)/.+\\.php$ { fastcgi_pass php;")},
      {"place-beside", place("}\nlocation /m/images/ { # HERE\nexpires 1d;"),
       place("location /m/images/ { expires 1d; }")},
      {"place-beside", place("}\nlocation ~ ^/m/.*\\.css$ { # HERE\nexpires 1d;"),
       place("}\nlocation ~ /\\.ht { deny all;")},
      {"place-open", place("}\nlocation ~ \\.css$ {\nauth_request off; # HERE"),
       in_server("location ^~ /m/ { auth_request /verify; }\n"
                 "location ~ \\.css$ { auth_request off; }")},
      {"place-open", place("location /m/pub/ {\nauth_request off; # HERE\n}"),
       place("}\nlocation /pub/ { auth_request off;")},
      {"satisfy-any", place("satisfy any; # HERE\nallow 10.0.0.0/8; deny all;"),
       place("satisfy all; allow 10.0.0.0/8; deny all;")},
      {"satisfy-any", place("satisfy any; # HERE\nauth_basic x;"), place("satisfy any;")},
      {"login-locked", in_server("auth_request /verify; # HERE"),
       in_server("location /m/ { auth_request /verify; }")},
      {"error-page-redirect", place("error_page 401 =302 /login; # HERE"),
       place("error_page 401 =302 https://login.example/;")},
      {"error-page-redirect", place("error_page 401 403 =303 $userbin_login; # HERE"),
       place("error_page 403 =303 $userbin_login; ")},
      {"error-page-missing", place("error_page 401 = @login; # HERE"),
       place("error_page 404 = @login;")},
      {"error-page-undone",
       in_server("error_page 401 /401.html;\nlocation /m/ {\nauth_request /verify;\n"
                 "error_page 404 /404.html; # HERE\n}"),
       in_server("error_page 401 /401.html;\nlocation /m/ {\nauth_request /verify;\n"
                 "error_page 404 /404.html; error_page 401 /401.html;\n}")},
      {"login-target-unset",
       in_server("auth_request_set $userbin_login $upstream_http_location;\n"
                 "location /m/ { # HERE\nauth_request /verify;\nauth_request_set $a b;\n"
                 "error_page 401 = @userbin_login;\n}"),
       place("auth_request_set $userbin_login $upstream_http_location;\n"
             "error_page 401 = @userbin_login;")},
  };
}

std::vector<Case> verifier_cases() {
  const std::string ask = "}\nlocation /m/ { auth_request /verify;";
  const auto verifier = [&](const std::string& text, const std::string& left_out = "") {
    return in_verifier(text + "\n" + ask, left_out);
  };
  const std::string good = verifier("");
  const std::string pass = "fastcgi_pass userbin;";
  const std::string keyed = "fastcgi_cache zone;\nfastcgi_cache_key ";
  const std::string ignoring = keyed +
                               "\"$http_authorization|$http_cookie\";\n"
                               "fastcgi_ignore_headers Cache-Control;\n";
  return {
      {"verifier-public",
       site("location = /verify {\n      internal;", "location = /verify { # HERE",
            in_server("location /m/ { auth_request /verify; }")),
       good},
      {"verifier-body",
       verifier("fastcgi_pass userbin; # HERE",
                "fastcgi_pass_request_body off;\n      fastcgi_pass userbin;"),
       good},
      {"verifier-headers",
       site("fastcgi_pass userbin;", "fastcgi_pass userbin; # HERE",
            verifier("", "fastcgi_pass_request_headers off;")),
       good},
      {"verifier-remote-user", verifier("fastcgi_param REMOTE_USER $remote_user; # HERE"), good},
      {"verifier-document-uri",
       site(pass, pass + " # HERE", verifier("", "fastcgi_param DOCUMENT_URI $document_uri;")),
       good},
      {"verifier-keep-conn", verifier("fastcgi_keep_conn on; # HERE"),
       verifier("fastcgi_keep_conn off;")},
      {"verifier-cache-key", verifier(keyed + "\"$http_cookie\"; # HERE"),
       verifier(keyed + "\"${http_cookie}$http_authorization\";")},
      {"verifier-cache-key", verifier(keyed + "\"$cookie_userbin$http_authorization\"; # HERE"),
       verifier("fastcgi_cache off; fastcgi_cache_key x;")},
      {"verifier-cache-key", verifier("fastcgi_cache zone; # HERE"), good},
      {"verifier-cache-key",
       with_admins(verifier(keyed + "\"$http_cookie|$http_authorization\"; # HERE")),
       with_admins(verifier(keyed + "\"$http_cookie|$http_authorization|$userbin_require\";"))},
      {"verifier-cache-long", verifier(ignoring + "fastcgi_cache_valid 200 1m; # HERE"),
       verifier(ignoring + "fastcgi_cache_valid 10s; fastcgi_cache_valid 404 1h;")},
      {"verifier-cache-long", verifier(ignoring + "fastcgi_cache_valid any 1h30m; # HERE"),
       verifier(keyed + "\"$http_authorization|$http_cookie\"; fastcgi_cache_valid 1h;")},
      {"verifier-proxy-body",
       in_server("location = /v { internal;\nproxy_pass http://127.0.0.1:1; # HERE\n}\n"
                 "location /m/ { auth_request /v; }"),
       in_server("location = /v { internal;\nproxy_pass http://127.0.0.1:1;"
                 "proxy_pass_request_body off; proxy_set_header Content-Length \"\"; }\n"
                 "location /m/ { auth_request /v; }")},
      {"worker-reachable",
       site("server unix:/run/userbin.sock;", "\nserver 10.0.0.5:9000; # HERE\n", good),
       site("server unix:/run/userbin.sock;", "server 127.0.0.1:9000;", good)},
      {"worker-reachable", site(pass, "fastcgi_pass 10.0.0.5:9000; # HERE", good),
       site(pass, "fastcgi_pass localhost:9000;", good)},
      {"require-at-server", in_server("set $userbin_require \"\"; # HERE"),
       in_server("set $other \"\";")},
      {"require-at-server", in_server("if ($host = x) {\nset $userbin_require role:a; # HERE\n}"),
       in_server("")},
      {"require-in-verifier", verifier("set $userbin_require \"\"; # HERE"), good},
      {"require-by-uri", in_http("map $uri $userbin_require { # HERE\n~^/admin/ role:admin;\n}"),
       in_http("map $host $userbin_require { admin.example role:admin; }")},
      {"require-lost", place("set $userbin_require role:admin;\nlocation ~ x$ { # HERE\n}"),
       place("set $userbin_require role:admin;\nlocation ~ x$ {\n"
             "set $userbin_require role:admin;\n}")},
      {"require-unasked", in_server("location /m/ {\nset $userbin_require role:admin; # HERE\n}"),
       place("set $userbin_require role:admin;")},
      {"require-unpassed",
       with_admins(
           site(pass, pass + " # HERE",
                verifier("", "fastcgi_param USERBIN_REQUIRE $userbin_require if_not_empty;"))),
       verifier("", "fastcgi_param USERBIN_REQUIRE $userbin_require if_not_empty;")},
      {"require-unknown", place("set $userbin_require admin; # HERE"),
       place("set $userbin_require role:admin;")},
  };
}

std::vector<Case> identity_cases() {
  const std::string proxied = kUser + kHeaders + "\nproxy_pass http://127.0.0.1:1;";
  const std::string plain = "fastcgi_param REMOTE_USER $userbin_user;";
  const std::string fastcgi = kUser + kParameters + plain + "\nfastcgi_pass php;";
  return {
      {"identity-forgeable", place("proxy_pass http://127.0.0.1:1;", "# HERE"), place(proxied)},
      {"identity-forgeable",
       in_server(kHeaders + "\nlocation /m/ { # HERE\nauth_request /verify;\n" + kUser +
                 "proxy_set_header Host x; proxy_pass http://127.0.0.1:1;\n}"),
       in_server(kHeaders + "\nlocation /m/ {\nauth_request /verify;\n" + kUser +
                 "proxy_pass http://127.0.0.1:1;\n}")},
      {"identity-forgeable", place(kUser + plain + "\nfastcgi_pass php;", "# HERE"),
       place(fastcgi)},
      {"identity-forgeable", place("uwsgi_param REMOTE_USER x; uwsgi_pass x;", "# HERE"),
       place("uwsgi_param REMOTE_USER x; uwsgi_pass_request_headers off; uwsgi_pass x;")},
      {"identity-forgeable", place("if ($arg_a) { proxy_pass http://127.0.0.1:1; }", "# HERE"),
       place("")},
      {"identity-from-client", place(fastcgi + "\nfastcgi_param REMOTE_USER $remote_user; # HERE"),
       place(fastcgi)},
      {"identity-from-client",
       place(proxied + "\nproxy_set_header Remote-User \"$http_remote_user\"; # HERE"),
       place(proxied)},
      {"identity-underscores",
       in_server("underscores_in_headers on; # HERE\nlocation /m/ { auth_request /verify;" +
                 proxied + "}"),
       in_server("underscores_in_headers on;\nlocation /m/ { auth_request /verify;" + fastcgi +
                 "}")},
      {"identity-underscores",
       in_server("ignore_invalid_headers off; # HERE\nlocation /m/ { auth_request /verify;" +
                 proxied + "}"),
       place(proxied)},
      {"identity-unset",
       in_server(kUser + "\nlocation /m/ { # HERE\nauth_request /verify;\n" + kHeaders +
                 "auth_request_set $a b; proxy_pass http://127.0.0.1:1;\n}"),
       place(proxied)},
      {"identity-missing", place("fastcgi_pass_request_headers off; fastcgi_pass php;", "# HERE"),
       place(fastcgi)},
      {"cookie-first",
       place("auth_request_set $c $upstream_http_set_cookie; # HERE\nadd_header Set-Cookie $c;"),
       place("auth_request_set $c $upstream_http_set_cookie;")},
  };
}

}  // namespace

TEST_CASE("each trap is found where it is, and not where it is mended") {
  const auto make = GENERATE(guard_cases, verifier_cases, identity_cases);
  for (const Case& each : make()) {
    CAPTURE(each.rule, each.wrong, each.mended);
    const auto found = findings_in(each.wrong);
    CAPTURE(found);
    CHECK(std::count(found.begin(), found.end(), each.rule + ":HERE") == 1);
    CHECK(findings_in(each.mended) == std::vector<std::string>());
  }
}

TEST_CASE("every rule has a case, a name of its own and a mend") {
  std::set<std::string> tried;
  for (const auto make : {guard_cases, verifier_cases, identity_cases}) {
    for (const Case& each : make()) tried.insert(each.rule);
  }
  std::set<std::string> names;
  for (const auto& rule : nginx_rules()) {
    names.insert(std::string(rule.name));
    CHECK_FALSE(rule.mend.empty());
  }
  CHECK(names.size() == nginx_rules().size());
  CHECK(tried == names);
}

TEST_CASE("a sentence names what was found") {
  const auto findings = check_nginx_config(
      parse_nginx_config(in_server("location /m/ { auth_request /verify?a=b; }"), "/site"));
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].rule->severity == NginxSeverity::kHole);
  CHECK(
      findings[0].wrong ==
      "'auth_request /verify?a=b' has a query string, so 'location = /verify' does not answer it: "
      "'location /' does, and may let everybody in");
  CHECK(findings[0].mend ==
        "write 'auth_request /verify;', and hand parameters over in a variable");
}

TEST_CASE("a file that is included twice is reported once") {
  const std::string dump =
      "# configuration file /main:\nserver { include /p; location /a/ { include /p2; } "
      "location /b/ { include /p2; } }\n# configuration file /p:\n\n# configuration file /p2:\n\n"
      "auth_request /none;\n";
  const auto findings = check_nginx_config(parse_nginx_config(dump, "-"));
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].file == "/p2");
  CHECK(findings[0].line == 2);
}

TEST_CASE("a server's or a site's file is checked by itself") {
  CHECK(findings_in("server {\nlocation /m/ {\nauth_request /v?x; # HERE\n}\n}") ==
        std::vector<std::string>{"auth-request-query:HERE"});
  CHECK(findings_in("location /m/ {\nauth_request /v?x; # HERE\n}") ==
        std::vector<std::string>{"auth-request-query:HERE"});
  CHECK(findings_in("").empty());
}

TEST_CASE("a configuration that protects nothing is told from a good one") {
  const auto is_protected = [](const std::string& text) {
    return is_anything_protected(parse_nginx_config(text, "/site"));
  };
  CHECK_FALSE(is_protected(in_server("")));
  CHECK_FALSE(is_protected(in_server("location /m/ { auth_request off; }")));
  CHECK(is_protected(in_server("auth_request /verify;")));
}
