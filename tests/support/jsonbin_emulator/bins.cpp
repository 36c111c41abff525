#include "support/jsonbin_emulator/bins.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>
#include <json/value.h>

#include "base/json.h"
#include "support/jsonbin_emulator/json_input.h"

namespace userbin::emulator {

namespace {

namespace fs = std::filesystem;

constexpr std::array kKinds{"bins", "before", "versions", "meta", "collections"};

std::optional<std::string> read(const fs::path& path) {
  const std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write(const fs::path& path, const std::string& text) {
  const fs::path temporary = path.string() + ".new";
  std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) throw std::runtime_error(temporary.string() + " cannot be written");
  fs::rename(temporary, path);
}

std::string random_hex(int digits) {
  std::random_device random;
  std::string text;
  for (int i = 0; i < digits; ++i) text += "0123456789abcdef"[random() % 16];
  return text;
}

Json::Value to_json(const Bin& bin) {
  Json::Value value;
  value["name"] = bin.name;
  value["collection_id"] = bin.collection_id;
  value["is_private"] = bin.is_private;
  value["created_at"] = bin.created_at;
  value["versions"] = Json::UInt64{bin.versions};
  return value;
}

Bin to_bin(const std::string& id, const Json::Value& value) {
  return {.id = id,
          .name = value["name"].asString(),
          .collection_id = value["collection_id"].asString(),
          .is_private = value["is_private"].asBool(),
          .created_at = value["created_at"].asString(),
          .versions = value["versions"].asUInt64()};
}

/// What the files in a folder are called, without ".json".
std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

bool is_id(std::string_view text) {
  return text.size() == 24 &&
         text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

Bins::Bins(fs::path folder, const base::Clock& clock)
    : folder_(std::move(folder)), clock_(clock), process_part_(random_hex(10)) {
  for (const char* kind : kKinds) fs::create_directories(folder_ / kind);
}

Bin Bins::create(Bin bin, const std::string& document) {
  const std::lock_guard lock(mutex_);
  bin.id = next_id();
  bin.created_at = created_now();
  bin.versions = 0;
  write(file("bins", bin.id), document);
  keep(bin);
  return bin;
}

std::optional<Bin> Bins::find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  return find_locked(id);
}

std::vector<std::string> Bins::ids() const {
  const std::lock_guard lock(mutex_);
  return names_in(folder_ / "meta");
}

std::optional<std::string> Bins::latest(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  return read(file("bins", id));
}

std::optional<std::string> Bins::before_latest(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  auto document = read(file("before", id));
  return document ? document : read(file("bins", id));
}

std::optional<std::string> Bins::version(const std::string& id, std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto bin = find_locked(id);
  if (!bin || number > bin->versions) return std::nullopt;
  return read(number == bin->versions ? file("bins", id) : version_file(id, number));
}

std::optional<std::uint64_t> Bins::replace(const std::string& id, const std::string& document,
                                           bool makes_version) {
  const std::lock_guard lock(mutex_);
  auto bin = find_locked(id);
  if (!bin) return std::nullopt;
  const std::string replaced = read(file("bins", id)).value_or("");
  write(file("before", id), replaced);
  const bool is_new = makes_version && bin->versions < kMaxVersions;
  if (is_new) {
    write(version_file(id, bin->versions), replaced);
    ++bin->versions;
    keep(*bin);
  }
  write(file("bins", id), document);
  return is_new ? bin->versions : 0;
}

std::optional<std::uint64_t> Bins::remove(const std::string& id) {
  const std::uint64_t versions = remove_versions(id, true);
  const std::lock_guard lock(mutex_);
  if (!fs::remove(file("meta", id))) return std::nullopt;
  fs::remove(file("before", id));
  fs::remove(file("bins", id));
  return versions;
}

std::uint64_t Bins::remove_versions(const std::string& id, bool keeps_latest) {
  const std::lock_guard lock(mutex_);
  auto bin = find_locked(id);
  if (!bin || bin->versions == 0) return 0;
  const std::uint64_t versions = bin->versions;
  if (!keeps_latest) write(file("bins", id), read(version_file(id, 0)).value_or(""));
  for (std::uint64_t i = 0; i < versions; ++i) fs::remove(version_file(id, i));
  bin->versions = 0;
  keep(*bin);
  return versions;
}

Collection Bins::create_collection(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const Collection made{.id = next_id(), .name = name, .created_at = created_now()};
  Json::Value value;
  value["name"] = made.name;
  value["created_at"] = made.created_at;
  write(file("collections", made.id), base::to_json(value));
  return made;
}

bool Bins::has_collection(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  return fs::exists(file("collections", id));
}

std::vector<Bin> Bins::list(const std::string& collection_id, const std::string& last_id,
                            bool is_descending, std::size_t most) const {
  const std::lock_guard lock(mutex_);
  auto ids = names_in(folder_ / "meta");
  if (is_descending) std::reverse(ids.begin(), ids.end());
  std::vector<Bin> page;
  for (const std::string& id : ids) {
    if (page.size() == most) break;
    const bool is_known = !last_id.empty() && (is_descending ? id >= last_id : id <= last_id);
    const auto bin = is_known ? std::nullopt : find_locked(id);
    if (bin && bin->collection_id == collection_id) page.push_back(*bin);
  }
  return page;
}

/// As MongoDB's ObjectId: seconds, who made it, a number.
std::string Bins::next_id() {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(clock_.now()).time_since_epoch();
  return fmt::format("{:08x}{}{:06x}", seconds.count(), process_part_, ++made_);
}

std::string Bins::created_now() const {
  const std::string microseconds = base::format_rfc3339(clock_.now());
  return microseconds.substr(0, microseconds.size() - 4) + "Z";
}

fs::path Bins::file(const char* kind, const std::string& name) const {
  return folder_ / kind / (name + ".json");
}

fs::path Bins::version_file(const std::string& id, std::uint64_t number) const {
  return file("versions", id + "." + std::to_string(number));
}

std::optional<Bin> Bins::find_locked(const std::string& id) const {
  const auto text = read(file("meta", id));
  const auto value = text ? parse_json(*text) : std::nullopt;
  return value ? std::optional(to_bin(id, *value)) : std::nullopt;
}

void Bins::keep(const Bin& bin) {
  write(file("meta", bin.id), base::to_json(to_json(bin)));
}

}  // namespace userbin::emulator
