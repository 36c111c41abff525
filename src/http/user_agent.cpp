#include "http/user_agent.h"

#include <array>
#include <span>

#include "base/text.h"

namespace userbin::http {

namespace {

constexpr std::size_t kMaxShownCharacters = 80;

struct Entry {
  std::string_view token;
  std::string_view name;
};

/// The first that is found counts: most browsers also say to be those that stand below them.
constexpr std::array kBrowsers{
    Entry{" Edg/", "Edge"},
    Entry{" EdgA/", "Edge"},
    Entry{" EdgiOS/", "Edge"},
    Entry{" OPR/", "Opera"},
    Entry{" SamsungBrowser/", "Samsung Internet"},
    Entry{" Vivaldi/", "Vivaldi"},
    Entry{" YaBrowser/", "Yandex Browser"},
    Entry{" FxiOS/", "Firefox"},
    Entry{" Firefox/", "Firefox"},
    Entry{" CriOS/", "Chrome"},
    Entry{" HeadlessChrome/", "Chrome"},
    Entry{" Chrome/", "Chrome"},
    Entry{" Safari/", "Safari"},
};

constexpr std::array kSystems{
    Entry{"iPhone", "iPhone"},   Entry{"iPad", "iPad"},          Entry{"Android", "Android"},
    Entry{"CrOS", "ChromeOS"},   Entry{"Windows NT", "Windows"}, Entry{"Macintosh", "macOS"},
    Entry{"FreeBSD", "FreeBSD"}, Entry{"OpenBSD", "OpenBSD"},    Entry{"Linux", "Linux"},
};

std::string_view first_name_in(std::string_view text, std::span<const Entry> entries) {
  for (const Entry& entry : entries) {
    if (text.find(entry.token) != std::string_view::npos) return entry.name;
  }
  return {};
}

}  // namespace

std::string describe_user_agent(std::string_view user_agent) {
  if (user_agent.empty()) return "Unknown browser";
  // "Mozilla/5.0 (system) names"
  constexpr std::string_view kAnyBrowser = "Mozilla/5.0 (";
  const auto end_of_system = user_agent.find(')');
  if (user_agent.starts_with(kAnyBrowser) && end_of_system != std::string_view::npos) {
    const auto browser = first_name_in(user_agent.substr(end_of_system), kBrowsers);
    const auto system = first_name_in(user_agent.substr(0, end_of_system), kSystems);
    if (!browser.empty() && !system.empty()) {
      return std::string(browser) + " on " + std::string(system);
    }
  }
  return base::printable(user_agent, kMaxShownCharacters);
}

}  // namespace userbin::http
