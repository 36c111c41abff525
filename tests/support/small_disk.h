#pragma once

#include <string>
#include <sys/mount.h>

#include "support/process.h"
#include "support/temporary_folder.h"

namespace userbin::test {

/// A disk of its own, 400 KiB in memory, where this program may mount one (root, and no container
/// that forbids it); a test that gets none says so by a WARN.
class SmallDisk {
 public:
  SmallDisk() = default;
  ~SmallDisk() {
    if (mounted) ::umount2(folder_.path().c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  std::string file(const std::string& name) const { return folder_.file(name); }
  /// Takes all the space that is left, and gives it back.
  void fill() const { write_file(file("ballast"), std::string(1'000'000, 'x')); }
  void free() const { std::filesystem::remove(file("ballast")); }
  /// MS_RDONLY or 0.
  bool remount(unsigned long flags) const {
    return ::mount("", folder_.path().c_str(), "", MS_REMOUNT | flags, "size=400k") == 0;
  }

 private:
  TemporaryFolder folder_;

 public:
  const bool mounted =
      ::mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, "size=400k,mode=0755") == 0;
};

}  // namespace userbin::test
