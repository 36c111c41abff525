#include "app/live_check.h"

#include <algorithm>
#include <array>

#include "app/live_attempts.h"
#include "base/json.h"
#include "base/text.h"

namespace userbin::app {

namespace {

constexpr const char* kJson = "Content-Type: application/json";

bool is_success(int status) {
  return status >= 200 && status < 300;
}

bool is_refusal(int status) {
  return status == 401 || status == 403 || (status >= 300 && status < 400);
}

/// As far as our own session goes: "userbin=TOKEN".
std::string session_cookie(const ProbeAnswer& answer) {
  const std::string cookie = answer.header("set-cookie");
  return cookie.substr(0, cookie.find(';'));
}

class LiveCheck {
 public:
  LiveCheck(Prober& prober, std::string target) : prober_(prober), target_(std::move(target)) {}

  LiveReport run(const std::optional<LiveLogin>& login) {
    // As a browser, which is sent to the login page.
    const ProbeAnswer plain = send({.target = target_, .headers = {"Accept: text/html"}});
    if (plain.status == 0) throw LiveCheckError("the site does not answer: " + plain.body);
    if (is_success(plain.status)) {
      report({.target = target_}, plain);
      return report_;
    }
    if (!is_refusal(plain.status)) {
      throw LiveCheckError("without a login the page answers " + std::to_string(plain.status) +
                           ", so it is no protected page; give the URL of one");
    }
    const std::string folder = login_folder(plain);
    check_verifier(folder + "verify");
    const ProbeAnswer public_page = send({.target = folder + kNoPage});
    for (const Probe& probe : live_attempts(target_)) check_refused(probe, public_page);
    if (login) check_with_session(folder, *login);
    return report_;
  }

 private:
  ProbeAnswer send(const Probe& probe) {
    ++report_.requests;
    return prober_.send(probe);
  }

  void report(const Probe& probe, const ProbeAnswer& answer) {
    const bool is_answered = is_success(answer.status);
    report_.holes.push_back({describe(probe), is_answered
                                                  ? "answered " + std::to_string(answer.status)
                                                  : "the answer repeats the forged name"});
  }

  /// Where login page and verifier are: "/", or what URL_PREFIX was at installation. Only the path
  /// of a Location counts.
  static std::string login_folder(const ProbeAnswer& refusal) {
    std::string location = refusal.header("location");
    if (const auto absolute = parse_page_url(location)) location = absolute->target;
    const std::string page = location.substr(0, location.find_first_of("?#"));
    const bool is_ours = page.starts_with('/') && page.ends_with("/login");
    return is_ours ? page.substr(0, page.rfind('/') + 1) : "/";
  }

  void check_verifier(const std::string& path) {
    const Probe probe{.target = path};
    const int status = send(probe).status;
    // 404 is nginx's word for what is internal, or not there.
    const bool is_asked = is_success(status) || status == 401 || status == 403;
    if (!is_asked) return;
    report_.holes.push_back(
        {describe(probe),
         "the verifier answers anybody (" + std::to_string(status) + "): it is not internal"});
  }

  void check_refused(const Probe& probe, const ProbeAnswer& public_page) {
    const ProbeAnswer answer = send(probe);
    const bool is_elsewhere = probe.target != target_ && answer.status == public_page.status &&
                              answer.body == public_page.body;
    const bool is_harmless = probe.method == "OPTIONS" && answer.body.empty();
    const bool is_let_in = is_success(answer.status) && !is_elsewhere && !is_harmless;
    if (is_let_in || repeats_forged_name(answer)) report(probe, answer);
  }

  static bool repeats_forged_name(const ProbeAnswer& answer) {
    return answer.head.find(kForgedName) != std::string::npos ||
           answer.body.find(kForgedName) != std::string::npos;
  }

  void check_with_session(const std::string& folder, const LiveLogin& login) {
    Json::Value credentials;
    credentials["username"] = login.username;
    credentials["password"] = std::string(login.password.reveal());
    const ProbeAnswer answer = send({.method = "POST",
                                     .target = folder + "login",
                                     .headers = {kJson},
                                     .body = base::to_json(credentials)});
    const std::string cookie = session_cookie(answer);
    if (!is_success(answer.status) || cookie.empty()) {
      report_.problem =
          "the login as " + login.username + " is answered " + std::to_string(answer.status);
      return;
    }
    const std::string header = "Cookie: " + cookie;
    const int status = send({.target = target_, .headers = {header}}).status;
    for (Probe probe : live_forgeries(target_)) {
      if (!is_success(status)) break;
      probe.headers.push_back(header);
      const ProbeAnswer with_session = send(probe);
      probe.headers.pop_back();
      if (!repeats_forged_name(with_session)) continue;
      report_.holes.push_back({describe(probe) + ", logged in as " + login.username,
                               "the answer repeats the forged name"});
    }
    send({.method = "POST", .target = folder + "logout", .headers = {header, kJson}, .body = "{}"});
    if (is_success(status)) return;
    report_.problem = "to " + login.username + " the page answers " + std::to_string(status) +
                      "; log in as somebody who may see it";
  }

  static constexpr const char* kNoPage = "userbin-check-no-such-page";

  Prober& prober_;
  const std::string target_;
  LiveReport report_;
};

}  // namespace

LiveReport check_live(Prober& prober, const std::string& target,
                      const std::optional<LiveLogin>& login) {
  return LiveCheck(prober, target).run(login);
}

}  // namespace userbin::app
