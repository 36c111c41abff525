// Bins and collections in files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace userbin::emulator {

/// 24 hexadecimal digits, as the service's ids are.
bool is_id(std::string_view text);

struct Bin {
  std::string id;
  /// Empty: none.
  std::string name;
  std::string collection_id;
  bool is_private = true;
  /// "2026-11-23T17:30:00.123Z".
  std::string created_at;
  /// How many there are behind the first document.
  std::uint64_t versions = 0;
};

struct Collection {
  std::string id;
  std::string name;
  std::string created_at;
};

/// A folder: bins/ID.json is a bin's latest document as it came, before/ID.json the one that it
/// replaced, versions/ID.N.json an older one; meta/ and collections/ hold what else is known.
/// A file is replaced whole, or not at all. There is no compare-and-swap: the last write wins.
/// Any thread may call. Throws std::runtime_error if a file cannot be written.
class Bins {
 public:
  /// A bin makes no more versions than this: later documents replace the last one (a guess).
  static constexpr std::uint64_t kMaxVersions = 1000;

  /// Makes the folder. `clock` outlives this.
  Bins(std::filesystem::path folder, const base::Clock& clock);

  /// `bin` without id and creation time; what it is then. Later ids are greater.
  Bin create(Bin bin, const std::string& document);
  std::optional<Bin> find(const std::string& id) const;
  std::vector<std::string> ids() const;

  // These are nullopt if there is no such bin, or none such.
  std::optional<std::string> latest(const std::string& id) const;
  /// The latest one if nothing was replaced yet.
  std::optional<std::string> before_latest(const std::string& id) const;
  /// 0 is the first document.
  std::optional<std::string> version(const std::string& id, std::uint64_t number) const;

  /// The version that it made (0: none), or nullopt if there is no such bin.
  std::optional<std::uint64_t> replace(const std::string& id, const std::string& document,
                                       bool makes_version);
  /// How many versions went with it, or nullopt if there is no such bin.
  std::optional<std::uint64_t> remove(const std::string& id);
  /// How many went. The bin's document is then the latest, or the first, of them.
  std::uint64_t remove_versions(const std::string& id, bool keeps_latest);

  Collection create_collection(const std::string& name);
  bool has_collection(const std::string& id) const;
  /// The next `most` bins behind `last_id`, by their ids; from the first if that is empty.
  std::vector<Bin> list(const std::string& collection_id, const std::string& last_id,
                        bool is_descending, std::size_t most) const;

 private:
  std::string next_id();
  std::string created_now() const;
  std::filesystem::path file(const char* kind, const std::string& name) const;
  std::filesystem::path version_file(const std::string& id, std::uint64_t number) const;
  std::optional<Bin> find_locked(const std::string& id) const;
  void keep(const Bin& bin);

  const std::filesystem::path folder_;
  const base::Clock& clock_;
  /// The middle of all ids that are made here.
  const std::string process_part_;

  mutable std::mutex mutex_;
  // Guarded by mutex_, as all files are:
  std::uint32_t made_ = 0;
};

}  // namespace userbin::emulator
