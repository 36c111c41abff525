// JSONBin v3 by the letter of its rules: what it answers when nothing goes wrong.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "http/request.h"
#include "http/response.h"
#include "support/jsonbin_emulator/bins.h"
#include "support/jsonbin_emulator/switches.h"
#include "support/jsonbin_emulator/target.h"

namespace userbin::emulator {

struct Keys {
  std::string master;
  /// Empty: there is none.
  std::string access;
  /// What the access key may do: "read", "create", "update", "delete".
  std::set<std::string> permissions = {"read", "create", "update", "delete"};
};

/// The headers that the service reads come as FastCGI parameters with these names, in
/// http::Request::extra.
namespace header {
/// Not a header: the file into which nginx has put the body.
inline constexpr const char* kBodyFile = "EMULATOR_BODY_FILE";
inline constexpr const char* kMasterKey = "EMULATOR_MASTER_KEY";
inline constexpr const char* kAccessKey = "EMULATOR_ACCESS_KEY";
inline constexpr const char* kBinName = "EMULATOR_BIN_NAME";
inline constexpr const char* kBinPrivate = "EMULATOR_BIN_PRIVATE";
inline constexpr const char* kBinMeta = "EMULATOR_BIN_META";
inline constexpr const char* kBinVersioning = "EMULATOR_BIN_VERSIONING";
inline constexpr const char* kCollectionId = "EMULATOR_COLLECTION_ID";
inline constexpr const char* kCollectionName = "EMULATOR_COLLECTION_NAME";
inline constexpr const char* kPreserveLatest = "EMULATOR_PRESERVE_LATEST";
inline constexpr const char* kSortOrder = "EMULATOR_SORT_ORDER";
}  // namespace header

/// Statuses, messages and shapes, and the order of the checks: id, Content-Type, document, whether
/// there is such a bin, key, headers, size. Where JSONBIN.md says nothing (collections' refusals,
/// permissions, the order after the first two), the words are made after those that are known.
/// X-JSON-Path is ignored. Any thread may call.
class Api {
 public:
  /// A collection's page.
  static constexpr std::size_t kPageSize = 10;

  /// `bins` outlives this.
  Api(Bins& bins, Keys keys) : bins_(bins), keys_(std::move(keys)) {}

  /// What a read is given, instead of what it asks for.
  enum class Freshness { kFresh, kStale };

  /// `target` is what target_of() says of the request. Throws std::runtime_error if a file cannot
  /// be written.
  http::Response answer(const http::Request& request, const Target& target,
                        const Switches& switches, Freshness freshness = Freshness::kFresh) const;

 private:
  struct Call;

  http::Response create(const Call& call) const;
  http::Response read(const Call& call) const;
  http::Response update(const Call& call) const;
  http::Response remove(const Call& call) const;
  http::Response count_versions(const Call& call) const;
  http::Response remove_versions(const Call& call) const;
  http::Response list(const Call& call) const;
  http::Response create_collection(const Call& call) const;

  std::optional<std::string> document_for(const Call& call, const Bin& bin) const;
  std::optional<http::Response> refuse_key(const Call& call) const;
  std::optional<http::Response> refuse_master_key(const Call& call) const;

  Bins& bins_;
  const Keys keys_;
};

}  // namespace userbin::emulator
