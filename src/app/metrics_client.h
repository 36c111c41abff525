#pragma once

#include <string>

namespace userbin::app {

struct MetricsAnswer {
  /// In the text format; empty if there was no good answer.
  std::string text;
  /// Why not, for a person.
  std::string problem;
  /// Somebody took the request.
  bool is_connected = true;
};

/// Asks a running worker for what it shows at `address`, which is as --metrics has it, and waits
/// for 3 s at most. One thread.
MetricsAnswer fetch_metrics(const std::string& address);

}  // namespace userbin::app
