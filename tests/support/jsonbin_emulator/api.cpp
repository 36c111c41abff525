#include "support/jsonbin_emulator/api.h"

#include <charconv>

#include <fmt/format.h>

#include "base/text.h"
#include "support/jsonbin_emulator/json_input.h"
#include "support/jsonbin_emulator/replies.h"

namespace userbin::emulator {

namespace {

constexpr std::size_t kMaxBinName = 128;
constexpr std::size_t kMaxCollectionName = 32;

/// What refusals say of an operation.
struct Words {
  /// After "to", in "You need to pass X-Master-Key or X-Access-Key in the header to ...".
  const char* task;
  const char* permission;
  /// {}: the key's header.
  const char* bad_key;
  const char* not_found;
};

constexpr const char* kNotYours = "{} is invalid or the bin doesn't belong to your account";
constexpr const char* kNoSuchBin = "Bin not found or it doesn't belong to your account";

Words words_of(Verb verb) {
  switch (verb) {
    case Verb::kCreate: return {"create a bin", "create", "Invalid {} provided", ""};
    case Verb::kUpdate:
      return {"update a private bin", "update",
              "Invalid {} provided or the bin does not belong to your account", "Bin not found"};
    case Verb::kList:
    case Verb::kCreateCollection: return {"", "", "Invalid {} provided", ""};
    case Verb::kDelete:
    case Verb::kDeleteVersions: return {"delete a bin", "delete", kNotYours, kNoSuchBin};
    default: return {"read a private bin", "read", kNotYours, kNoSuchBin};
  }
}

bool is_json_type(const std::string& content_type) {
  std::string type = base::to_lower_ascii(content_type.substr(0, content_type.find(';')));
  type.erase(type.find_last_not_of(' ') + 1);
  return type == "application/json";
}

bool is_meta_off(const http::Request& request, const std::string& header) {
  return header == "false" || ("&" + request.query + "&").find("&meta=false&") != std::string::npos;
}

/// nullopt if the document can be kept.
std::optional<http::Response> refuse_document(const http::Request& request,
                                              const Switches& switches) {
  if (!is_json_type(request.content_type)) {
    return message_reply(400, "You need to pass Content-Type set to application/json");
  }
  if (request.body.empty()) return message_reply(400, "Bin cannot be blank");
  const auto document = parse_json(request.body);
  if (!document) return message_reply(400, "Invalid JSON. Please try again");
  const bool is_blank = document->empty() && !(document->isArray() && switches.accepts_empty_array);
  return is_blank ? std::optional(message_reply(400, "Bin cannot be blank")) : std::nullopt;
}

std::optional<http::Response> refuse_size(const http::Request& request, const Switches& switches,
                                          const Words& words) {
  if (request.body.size() <= switches.record_limit_bytes) return std::nullopt;
  return message_reply(403,
                       fmt::format("Free users cannot {} a record over 100kb. Upgrade to Pro plan "
                                   "http://api.jsonbin.io/pricing to {} records upto 1mb",
                                   words.permission, words.permission));
}

std::optional<std::uint64_t> to_number(const std::string& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

http::Response malformed_id() {
  return message_reply(400, "Invalid Bin Id provided");
}

}  // namespace

struct Api::Call {
  const http::Request& request;
  const Target& target;
  const Switches& switches;
  Freshness freshness;
  Words words;

  /// Empty if the client did not send it.
  std::string header(const char* name) const {
    const auto found = request.extra.find(name);
    return found == request.extra.end() ? "" : found->second;
  }
  http::Response not_found() const { return message_reply(404, words.not_found); }
};

http::Response Api::answer(const http::Request& request, const Target& target,
                           const Switches& switches, Freshness freshness) const {
  const Call call{request, target, switches, freshness, words_of(target.verb)};
  switch (target.verb) {
    case Verb::kCreate: return create(call);
    case Verb::kRead: return read(call);
    case Verb::kUpdate: return update(call);
    case Verb::kDelete: return remove(call);
    case Verb::kCountVersions: return count_versions(call);
    case Verb::kDeleteVersions: return remove_versions(call);
    case Verb::kList: return list(call);
    case Verb::kCreateCollection: return create_collection(call);
    case Verb::kUnknown: break;
  }
  return message_reply(404, "Route not found!");
}

http::Response Api::create(const Call& call) const {
  if (auto refusal = refuse_document(call.request, call.switches)) return *refusal;
  if (auto refusal = refuse_key(call)) return *refusal;
  const std::string name = call.header(header::kBinName);
  if (name.size() > kMaxBinName) {
    return message_reply(400, "X-Bin-Name cannot be blank or over 128 characters");
  }
  const std::string collection_id = call.header(header::kCollectionId);
  if (!collection_id.empty() && !(is_id(collection_id) && bins_.has_collection(collection_id))) {
    return message_reply(400, "Invalid X-Collection-Id provided");
  }
  if (auto refusal = refuse_size(call.request, call.switches, call.words)) return *refusal;
  const Bin bin = bins_.create({.id = "",
                                .name = name,
                                .collection_id = collection_id,
                                .is_private = call.header(header::kBinPrivate) != "false",
                                .created_at = ""},
                               call.request.body);
  Json::Value metadata;
  metadata["id"] = bin.id;
  metadata["createdAt"] = bin.created_at;
  metadata["private"] = bin.is_private;
  if (!bin.name.empty()) metadata["name"] = bin.name;
  if (!bin.collection_id.empty()) metadata["collectionId"] = bin.collection_id;
  return record_reply(call.request.body, metadata);
}

http::Response Api::read(const Call& call) const {
  if (!is_id(call.target.id)) return malformed_id();
  const auto bin = bins_.find(call.target.id);
  if (!bin) return call.not_found();
  if (bin->is_private) {
    if (auto refusal = refuse_key(call)) return *refusal;
  }
  const auto document = document_for(call, *bin);
  if (!document) return call.not_found();
  if (is_meta_off(call.request, call.header(header::kBinMeta))) return json_reply(*document);
  Json::Value metadata;
  metadata["id"] = bin->id;
  metadata["private"] = bin->is_private;
  metadata["createdAt"] = bin->created_at;
  if (!bin->collection_id.empty()) metadata["collectionId"] = bin->collection_id;
  return record_reply(*document, metadata);
}

http::Response Api::update(const Call& call) const {
  if (!is_id(call.target.id)) return malformed_id();
  if (auto refusal = refuse_document(call.request, call.switches)) return *refusal;
  const auto bin = bins_.find(call.target.id);
  if (!bin) return call.not_found();
  if (bin->is_private) {
    if (auto refusal = refuse_key(call)) return *refusal;
  }
  if (auto refusal = refuse_size(call.request, call.switches, call.words)) return *refusal;
  const bool makes_version = bin->is_private && call.header(header::kBinVersioning) == "true";
  const auto version = bins_.replace(bin->id, call.request.body, makes_version);
  if (!version) return call.not_found();
  Json::Value metadata;
  metadata["parentId"] = bin->id;
  metadata["private"] = bin->is_private;
  if (*version > 0) metadata["version"] = Json::UInt64{*version};
  return record_reply(call.request.body, metadata);
}

http::Response Api::remove(const Call& call) const {
  if (!is_id(call.target.id)) return malformed_id();
  if (!bins_.find(call.target.id)) return call.not_found();
  if (auto refusal = refuse_key(call)) return *refusal;
  const auto versions = bins_.remove(call.target.id);
  if (!versions) return call.not_found();
  Json::Value reply;
  reply["metadata"]["id"] = call.target.id;
  reply["metadata"]["versionsDeleted"] = Json::UInt64{*versions};
  reply["message"] = "Bin deleted successfully";
  return json_reply(reply);
}

http::Response Api::count_versions(const Call& call) const {
  if (!is_id(call.target.id)) return malformed_id();
  const auto bin = bins_.find(call.target.id);
  if (!bin) return call.not_found();
  if (bin->is_private) {
    if (auto refusal = refuse_key(call)) return *refusal;
  }
  Json::Value reply;
  reply["metadata"]["id"] = bin->id;
  reply["metadata"]["versionCount"] = Json::UInt64{bin->versions};
  reply["metadata"]["private"] = bin->is_private;
  return json_reply(reply);
}

http::Response Api::remove_versions(const Call& call) const {
  if (!is_id(call.target.id)) return malformed_id();
  if (!bins_.find(call.target.id)) return call.not_found();
  if (auto refusal = refuse_master_key(call)) return *refusal;
  const bool keeps_latest = call.header(header::kPreserveLatest) == "true";
  Json::Value reply;
  reply["metadata"]["id"] = call.target.id;
  reply["metadata"]["versionsDeleted"] =
      Json::UInt64{bins_.remove_versions(call.target.id, keeps_latest)};
  reply["message"] = "Versions for the Bin are deleted successfully";
  return json_reply(reply);
}

http::Response Api::list(const Call& call) const {
  if (!is_id(call.target.id)) return message_reply(400, "Invalid Collection Id provided");
  if (!call.target.detail.empty() && !is_id(call.target.detail)) return malformed_id();
  if (auto refusal = refuse_master_key(call)) return *refusal;
  if (!bins_.has_collection(call.target.id)) {
    return message_reply(404, "Collection not found or it doesn't belong to your account");
  }
  const bool is_descending = call.header(header::kSortOrder) == "descending";
  Json::Value page(Json::arrayValue);
  for (const Bin& bin : bins_.list(call.target.id, call.target.detail, is_descending, kPageSize)) {
    Json::Value entry;
    entry["snippetMeta"] = Json::Value(Json::objectValue);
    if (!bin.name.empty()) entry["snippetMeta"]["name"] = bin.name;
    entry["private"] = bin.is_private;
    entry["record"] = bin.id;
    entry["createdAt"] = bin.created_at;
    page.append(entry);
  }
  return json_reply(page);
}

http::Response Api::create_collection(const Call& call) const {
  if (auto refusal = refuse_master_key(call)) return *refusal;
  const std::string name = call.header(header::kCollectionName);
  if (name.empty() || name.size() > kMaxCollectionName) {
    return message_reply(400, "X-Collection-Name cannot be blank or over 32 characters");
  }
  const Collection collection = bins_.create_collection(name);
  Json::Value metadata;
  metadata["name"] = collection.name;
  metadata["createdAt"] = collection.created_at;
  return record_reply('"' + collection.id + '"', metadata);
}

std::optional<std::string> Api::document_for(const Call& call, const Bin& bin) const {
  const std::string& wanted = call.target.detail;
  if (call.freshness == Freshness::kStale) return bins_.before_latest(bin.id);
  if (wanted == "latest") return bins_.latest(bin.id);
  if (!wanted.empty()) {
    const auto number = to_number(wanted);
    return number ? bins_.version(bin.id, *number) : std::nullopt;
  }
  const bool is_first = call.switches.plain_get == Switches::PlainGet::kFirst;
  return is_first ? bins_.version(bin.id, 0) : bins_.latest(bin.id);
}

std::optional<http::Response> Api::refuse_key(const Call& call) const {
  const std::string master = call.header(header::kMasterKey);
  const std::string access = call.header(header::kAccessKey);
  if (master.empty() && access.empty()) {
    return message_reply(
        401, fmt::format("You need to pass X-Master-Key or X-Access-Key in the header to {}",
                         call.words.task));
  }
  if (!master.empty()) return refuse_master_key(call);
  if (access != keys_.access) {
    return message_reply(401, fmt::format(fmt::runtime(call.words.bad_key), "X-Access-Key"));
  }
  if (keys_.permissions.contains(call.words.permission)) return std::nullopt;
  return message_reply(
      401, fmt::format("X-Access-Key does not have the permission to {}", call.words.task));
}

std::optional<http::Response> Api::refuse_master_key(const Call& call) const {
  const std::string master = call.header(header::kMasterKey);
  if (master.empty()) return message_reply(401, "You need to pass X-Master-Key in the header");
  if (master == keys_.master) return std::nullopt;
  return message_reply(401, fmt::format(fmt::runtime(call.words.bad_key), "X-Master-Key"));
}

}  // namespace userbin::emulator
