#include <chrono>
#include <cstdio>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/commands.h"
#include "app/figures.h"
#include "app/live_screen.h"
#include "app/metrics_client.h"
#include "app/settings.h"
#include "app/top_view.h"
#include "base/clock.h"
#include "base/failure.h"
#include "base/text.h"

namespace userbin::app {

namespace {

using std::chrono::steady_clock;

constexpr const char* kName = "userbin top";
constexpr const char* kDefaultConfig = "/etc/userbin.conf";
constexpr std::chrono::milliseconds kLeastInterval{100};
constexpr std::chrono::milliseconds kLongestInterval{3'600'000};

struct Choices {
  std::chrono::milliseconds interval{2000};
  bool once = false;
};

std::string shown(const std::string& text) {
  constexpr std::size_t kMaxCodePoints = 200;
  return base::printable(text, kMaxCodePoints);
}

double seconds_since_1970() {
  return std::chrono::duration<double>(base::SystemClock().now().time_since_epoch()).count();
}

/// A worker's metrics, look by look.
class Watch {
 public:
  explicit Watch(std::string address) : address_(std::move(address)) {}

  /// False if nobody answers; problem() says why.
  bool look() {
    const MetricsAnswer answer = fetch_metrics(address_);
    if (answer.text.empty()) {
      if (problem_.empty()) silent_since_ = base::SystemClock().now();
      problem_ = shown(answer.problem);
      return false;
    }
    problem_.clear();
    before_ = std::exchange(now_, Look{Figures(answer.text), steady_clock::now()});
    return true;
  }

  const std::string& problem() const { return problem_; }

  std::vector<std::string> lines() const {
    if (!problem_.empty()) {
      return {"No answer from " + shown(address_) + " since " + time_of_day(silent_since_) + ": " +
              problem_ + ". Asking on."};
    }
    const double seconds =
        before_ ? std::chrono::duration<double>(now_->time - before_->time).count() : 0;
    const Interval interval(now_->figures, before_ ? &before_->figures : nullptr, seconds,
                            seconds_since_1970());
    const auto versions = now_->figures.values_of("userbin_build_info", "version");
    std::vector<std::string> lines = top_lines(interval);
    const std::string rates = interval.is_since_start()
                                  ? "rates since it started"
                                  : fmt::format("rates of the last {:.1f} s", seconds);
    const std::string version = versions.empty() ? "" : shown(versions.front());
    lines.insert(lines.begin(), {fmt::format("userbin {} at {}, up {}, {}, {}", version,
                                             shown(address_), age_text(interval.uptime()), rates,
                                             time_of_day(base::SystemClock().now())),
                                 ""});
    return lines;
  }

 private:
  struct Look {
    Figures figures;
    steady_clock::time_point time;
  };

  static std::string time_of_day(base::WallTime time) {
    constexpr std::size_t kTime = 11;
    constexpr std::size_t kToTheSecond = 8;
    return base::format_rfc3339(time).substr(kTime, kToTheSecond) + "Z";
  }

  const std::string address_;
  std::optional<Look> before_;
  std::optional<Look> now_;
  std::string problem_;
  base::WallTime silent_since_{};
};

/// One table, of what happens from now on for so long.
int print_once(Watch& watch, std::chrono::milliseconds interval) {
  std::this_thread::sleep_for(interval);
  const bool has_answer = watch.look();
  for (const std::string& line : watch.lines()) {
    std::fprintf(has_answer ? stdout : stderr, "%s\n", line.c_str());
  }
  return has_answer ? 0 : 1;
}

void go_on(Watch& watch, std::chrono::milliseconds interval) {
  LiveScreen screen;
  do {
    screen.show(watch.lines());
    if (!screen.wait(interval)) return;
    watch.look();
  } while (true);
}

int run(const Settings& settings, const Choices& choices) {
  if (settings.metrics == "off") {
    throw base::BadSetting(
        "it is not said where the worker shows its metrics; put a line like\n"
        "  metrics = \"127.0.0.1:9464\"\n"
        "into " +
        std::string(kDefaultConfig) + " and restart the worker, or give --metrics");
  }
  Watch watch(settings.metrics);
  if (!watch.look()) {
    throw std::runtime_error("no answer from " + shown(settings.metrics) + ": " + watch.problem() +
                             "; is the worker running, and with this --metrics?");
  }
  if (choices.once) return print_once(watch, choices.interval);
  go_on(watch, choices.interval);
  return 0;
}

}  // namespace

int top(std::span<char*> arguments) {
  Choices choices;
  const auto declare = [&](CLI::App& app) {
    const auto set_interval = [&](const std::string& text) {
      try {
        choices.interval = parse_duration(text);
      } catch (const std::invalid_argument& error) {
        throw CLI::ValidationError("--interval", error.what());
      }
      if (choices.interval < kLeastInterval || choices.interval > kLongestInterval) {
        throw CLI::ValidationError("--interval", "'" + text + "' is not between 100ms and 1h");
      }
    };
    app.add_option_function<std::string>("--interval", set_interval, "how often to look")
        ->type_name("DURATION")
        ->default_str(format_duration(choices.interval));
    app.add_flag("--once", choices.once, "look for one interval, print it and end");
  };
  const Usage usage{.name = kName,
                    .description =
                        "Shows what a running worker does, look by look: requests, logins, hashes, "
                        "the store, the bin.\n"
                        "q or Ctrl-C leaves. Exit status: 0 done, 1 nobody answers, 2 wrong usage.",
                    .default_config = kDefaultConfig,
                    .shows_worker_settings = false,
                    .shows_metrics_alone = true,
                    .declare = declare};
  try {
    return run(parse_settings(arguments, usage), choices);
  } catch (const Exit& exit) {
    return exit.status;
  } catch (const base::BadSetting& error) {
    std::fprintf(stderr, "%s: %s\n", kName, error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", kName, error.what());
    return 1;
  }
}

}  // namespace userbin::app
