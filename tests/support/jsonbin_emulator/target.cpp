#include "support/jsonbin_emulator/target.h"

#include <array>
#include <optional>
#include <vector>

namespace userbin::emulator {

namespace {

/// "*" stands for the id, "?" for the detail.
struct Shape {
  std::string_view method;
  std::vector<std::string_view> parts;
  Verb verb;
};

const std::array kShapes{
    Shape{"POST", {"b"}, Verb::kCreate},
    Shape{"GET", {"b", "*"}, Verb::kRead},
    Shape{"GET", {"b", "*", "?"}, Verb::kRead},
    Shape{"PUT", {"b", "*"}, Verb::kUpdate},
    Shape{"DELETE", {"b", "*"}, Verb::kDelete},
    Shape{"GET", {"b", "*", "versions", "count"}, Verb::kCountVersions},
    Shape{"DELETE", {"b", "*", "versions"}, Verb::kDeleteVersions},
    Shape{"GET", {"c", "*", "bins"}, Verb::kList},
    Shape{"GET", {"c", "*", "bins", "?"}, Verb::kList},
    Shape{"POST", {"c"}, Verb::kCreateCollection},
};

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> parts;
  while (path.starts_with('/')) {
    path.remove_prefix(1);
    parts.push_back(path.substr(0, path.find('/')));
    path.remove_prefix(parts.back().size());
  }
  return parts;
}

std::optional<Target> match(const Shape& shape, const std::vector<std::string_view>& parts) {
  if (parts.size() != shape.parts.size()) return std::nullopt;
  Target target{.verb = shape.verb, .id = "", .detail = ""};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (shape.parts[i] == "*") {
      target.id = parts[i];
    } else if (shape.parts[i] == "?") {
      target.detail = parts[i];
    } else if (shape.parts[i] != parts[i]) {
      return std::nullopt;
    }
  }
  return target;
}

}  // namespace

std::string_view name_of(Verb verb) {
  switch (verb) {
    case Verb::kCreate: return "create";
    case Verb::kRead: return "read";
    case Verb::kUpdate: return "update";
    case Verb::kDelete: return "delete";
    case Verb::kCountVersions: return "count_versions";
    case Verb::kDeleteVersions: return "delete_versions";
    case Verb::kList: return "list";
    case Verb::kCreateCollection: return "create_collection";
    case Verb::kUnknown: return "unknown";
  }
  return "unknown";
}

bool is_change(Verb verb) {
  switch (verb) {
    case Verb::kCreate:
    case Verb::kUpdate:
    case Verb::kDelete:
    case Verb::kDeleteVersions:
    case Verb::kCreateCollection: return true;
    default: return false;
  }
}

Target target_of(std::string_view method, std::string_view path) {
  const auto parts = split(path);
  for (const Shape& shape : kShapes) {
    if (shape.method != method) continue;
    if (auto target = match(shape, parts)) return *std::move(target);
  }
  return {};
}

}  // namespace userbin::emulator
