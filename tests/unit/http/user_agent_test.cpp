#include "http/user_agent.h"

#include <string>

#include "support/catch.h"

using namespace userbin::http;

TEST_CASE("a browser that people have is called by its name and system", "[user_agent]") {
  const auto [user_agent, name] = GENERATE(table<std::string, std::string>({
      {"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
       "Firefox on Linux"},
      {"Mozilla/5.0 (Android 14; Mobile; rv:130.0) Gecko/130.0 Firefox/130.0",
       "Firefox on Android"},
      {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
       "Gecko) FxiOS/129.0 Mobile/15E148 Safari/605.1.15",
       "Firefox on iPhone"},
      {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
       "Chrome/126.0.0.0 Safari/537.36",
       "Chrome on Windows"},
      {"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
       "Chrome/126.0.0.0 Mobile Safari/537.36",
       "Chrome on Android"},
      {"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) "
       "Chrome/126.0.0.0 Safari/537.36",
       "Chrome on ChromeOS"},
      {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
       "HeadlessChrome/126.0.0.0 Safari/537.36",
       "Chrome on Linux"},
      {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
       "Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
       "Edge on Windows"},
      {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
       "Chrome/126.0.0.0 Safari/537.36 OPR/112.0.0.0",
       "Opera on macOS"},
      {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
       "Version/17.5 Safari/605.1.15",
       "Safari on macOS"},
      {"Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
       "Version/17.5 Mobile/15E148 Safari/604.1",
       "Safari on iPad"},
  }));
  CHECK(describe_user_agent(user_agent) == name);
}

TEST_CASE("any other client is called what it calls itself", "[user_agent]") {
  const auto [user_agent, name] = GENERATE(table<std::string, std::string>({
      {"", "Unknown browser"},
      {"curl/8.5.0", "curl/8.5.0"},
      {"w3m/0.5.3+git20230121", "w3m/0.5.3+git20230121"},
      {"My Firefox/1 for Linux", "My Firefox/1 for Linux"},
      {"Mozilla/5.0 (Linux", "Mozilla/5.0 (Linux"},
      {"Mozilla/5.0 (Linux) Novel/1", "Mozilla/5.0 (Linux) Novel/1"},
      {"Mozilla/5.0 (Novel OS) Firefox/1", "Mozilla/5.0 (Novel OS) Firefox/1"},
      {"Mozilla/5.0 (compatible; Firefox/9 on Linux) robot",
       "Mozilla/5.0 (compatible; Firefox/9 on Linux) robot"},
      {"<b>\n\xFF", "<b>\uFFFD\uFFFD"},
      {std::string(81, 'x'), std::string(79, 'x') + "\u2026"},
  }));
  CHECK(describe_user_agent(user_agent) == name);
}
