// The side store: lxfs records of host files that can't carry user xattrs (symlinks, fifos, sockets, devices, and
// everything on file systems without them), keyed by inode and birth time so that a rename needs nothing.
//
// SQLite in WAL mode with a map before it. Writes reach SQLite in batches, on Flush, and when destroyed. Thread-safe.
#ifndef WSLM_DISTROS_LXFS_SIDE_STORE_H_
#define WSLM_DISTROS_LXFS_SIDE_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/lxfs/attributes.h"

namespace wslm {

// Names a host file as long as it lives.
struct SideKey {
  // Device as st_dev; 0 stands for the file system that the store itself lies on, whose number may change at reboot.
  uint64_t device = 0;
  uint64_t inode = 0;
  // ns since the epoch; 0 where the file system has none.
  int64_t birth_ns = 0;
  friend bool operator==(const SideKey&, const SideKey&) = default;
};

class SideStore {
 public:
  // Opens or makes FOLDER/metadata.db. Records of other devices than the folder's are kept in memory only.
  // Errors: DISTRO_BROKEN when it is no database, IO_ERROR.
  static absl::StatusOr<std::unique_ptr<SideStore>> Open(const std::string& folder, bool read_only);
  virtual ~SideStore() = default;

  // The key of the file at `fd` (O_PATH will do), or of `name` in `dir_fd` without following links. nullopt: it is gone.
  virtual std::optional<SideKey> KeyOf(int fd) const = 0;
  virtual std::optional<SideKey> KeyOf(int dir_fd, const char* name) const = 0;

  virtual std::optional<GuestAttributes> Get(const SideKey& key) const = 0;
  virtual void Put(const SideKey& key, const GuestAttributes& attributes) = 0;
  virtual void Remove(const SideKey& key) = 0;
  // To the disk.
  virtual absl::Status Flush() = 0;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_LXFS_SIDE_STORE_H_
