// What check_live() tries.
#pragma once

#include <string>
#include <vector>

#include "app/prober.h"

namespace userbin::app {

/// Headers that claim to be kForgedName.
std::vector<Probe> live_forgeries(const std::string& target);

/// The same, and broken credentials, other methods and other ways to write the target. None may get
/// the page.
std::vector<Probe> live_attempts(const std::string& target);

/// "GET /members/ with Remote-User: x", long values cut.
std::string describe(const Probe& probe);

}  // namespace userbin::app
