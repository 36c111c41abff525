// What a request is about, told from its method and path.
#pragma once

#include <string>
#include <string_view>

namespace userbin::emulator {

enum class Verb {
  kCreate,
  kRead,
  kUpdate,
  kDelete,
  kCountVersions,
  kDeleteVersions,
  kList,
  kCreateCollection,
  /// Nothing that the service has.
  kUnknown,
};

/// "create", "read", "update", "delete", "count_versions", "delete_versions", "list",
/// "create_collection", "unknown".
std::string_view name_of(Verb verb);

/// Whether the service is changed by it.
bool is_change(Verb verb);

struct Target {
  Verb verb = Verb::kUnknown;
  /// Of the bin or collection, as the client wrote it; empty if the request names none.
  std::string id;
  /// kRead: "latest", a version, or empty. kList: the last bin that the client knows, or empty.
  std::string detail;
};

/// `path` is below the base URL: "/b/ID/latest".
Target target_of(std::string_view method, std::string_view path);

}  // namespace userbin::emulator
