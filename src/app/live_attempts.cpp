#include "app/live_attempts.h"

#include <algorithm>

#include "app/live_check.h"
#include "base/text.h"

namespace userbin::app {

const char* const kForgedName = "userbin-check-forged";

namespace {

using Probes = std::vector<Probe>;

void add_broken_credentials(const std::string& target, Probes& probes) {
  constexpr std::size_t kLong = 8000;  // below nginx's limit for a line, which answers by itself
  const std::string bad(43, 'A');
  const std::string both = "Cookie: userbin=" + bad + "; __Host-userbin=" + bad;
  for (const std::string& cookie :
       {std::string("Cookie;"), std::string("Cookie: userbin="), "Cookie: userbin=" + bad,
        "Cookie: __Host-userbin=" + bad, both,
        "Cookie: userbin=" + bad + "; userbin=" + std::string(43, 'B'),
        std::string("Cookie: userbin=%00"), "Cookie: userbin=" + bad + "%00",
        std::string("Cookie: userbin=\"\""), "Cookie: userbin=" + std::string(kLong, 'A')}) {
    probes.push_back({.target = target, .headers = {cookie}});
  }
  for (const char* value :
       {"Basic YWRtaW46YWRtaW4=", "Basic", "Bearer AAAA", "Bearer", "Bearer null"}) {
    probes.push_back({.target = target, .headers = {std::string("Authorization: ") + value}});
  }
  probes.push_back(
      {.target = target, .headers = {"Authorization: Bearer AAAA", "Authorization: Bearer BBBB"}});
}

void add_lies_about_the_target(const std::string& target, Probes& probes) {
  for (const char* header :
       {"X-Original-URI: /login", "X-Rewrite-URL: /login", "X-Original-Method: OPTIONS",
        "X-HTTP-Method-Override: OPTIONS", "X-Forwarded-For: 127.0.0.1", "Userbin-Require;"}) {
    probes.push_back({.target = target, .headers = {header}});
  }
}

/// The target written otherwise: "/members/a" as "//members/a" and the like.
void add_other_targets(const std::string& target, Probes& probes) {
  const auto query = std::min(target.find('?'), target.size());
  const std::string path = target.substr(0, query);
  const std::string rest = target.substr(query);
  const std::string behind = path.substr(1);
  std::vector<std::string> targets = {
      "/" + path + rest,   "/." + path + rest, "/%2e" + path + rest, "/login/.." + path + rest,
      path + "%00" + rest, path + ";x" + rest, path + "/" + rest,    path + "/." + rest,
      path + "%2f" + rest, path + "?userbin=1"};
  if (!behind.empty()) {
    const std::string encoded = "%" + base::to_hex(behind.substr(0, 1));
    targets.push_back("/" + encoded + behind.substr(1) + rest);
  }
  for (const std::string& other : targets) probes.push_back({.target = other});
}

}  // namespace

Probes live_forgeries(const std::string& target) {
  Probes probes;
  for (const char* name : {"Remote-User", "Remote_User", "X-Remote-User", "X-Forwarded-User",
                           "Remote-Groups", "Remote-Name", "Remote-Email", "X-Auth-Request-User"}) {
    probes.push_back({.target = target, .headers = {std::string(name) + ": " + kForgedName}});
  }
  // "userbin-check-forged:x", which nginx knows as $remote_user.
  probes.push_back(
      {.target = target, .headers = {"Authorization: Basic dXNlcmJpbi1jaGVjay1mb3JnZWQ6eA=="}});
  return probes;
}

Probes live_attempts(const std::string& target) {
  Probes probes = live_forgeries(target);
  add_broken_credentials(target, probes);
  add_lies_about_the_target(target, probes);
  probes.push_back({.method = "HEAD", .target = target});
  probes.push_back({.method = "OPTIONS", .target = target});
  probes.push_back({.method = "POST", .target = target});
  add_other_targets(target, probes);
  return probes;
}

std::string describe(const Probe& probe) {
  constexpr std::size_t kShown = 80;
  std::string text = probe.method + " " + probe.target;
  const char* joint = " with ";
  for (const std::string& header : probe.headers) {
    text += joint + header.substr(0, kShown) + (header.size() > kShown ? "..." : "");
    joint = " and ";
  }
  return text;
}

}  // namespace userbin::app
