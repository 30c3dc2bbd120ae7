// The side store: lxfs records of host files that can't carry user xattrs (symlinks, fifos, sockets, devices, and
// everything on file systems without them), by inode and what stays the same as long as the file lives, so that a
// rename needs nothing and a file that gets the number of a removed one doesn't get its record.
//
// A map of all records in memory, before SQLite in WAL mode. Changes wait in memory for Commit, which a change costs
// some 20 µs and writes to the log: from then on they survive the process, not a power cut. What Flush wrote survives
// both. Who makes many changes calls Flush at the end: each 256 are committed on the way. Thread-safe.
//
// A store opened for writing is locked by the process that opened it until it goes: open it after a fork, not before.
// One opened for reading only is read at once and then holds no file; Put and Remove then change memory only.
//
// The store remembers which folder "rootfs" its records are of: a copied tree has other inodes, and is refused instead
// of being read with defaults in place of what was recorded.
#ifndef WSLM_DISTROS_LXFS_SIDE_STORE_H_
#define WSLM_DISTROS_LXFS_SIDE_STORE_H_

#include <sys/stat.h>

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
  // ns since the epoch; 0 where the file system has none. It comes from a clock that ticks each few milliseconds, in
  // which a number can be given away again.
  int64_t birth_ns = 0;
  // What the file system tells files of one number apart by; 0 where it doesn't, or not for ever.
  uint64_t generation = 0;
  friend bool operator==(const SideKey&, const SideKey&) = default;
};

class SideStore {
 public:
  // Opens, or makes unless `read_only`, FOLDER/metadata.db; for reading only, an absent one is an empty one. Records of
  // other devices than the folder's are kept in memory only.
  // Errors: DISTRO_BROKEN when it is no database or belongs to another tree, DISTRO_RUNNING when another process has it
  // open for writing, DISK_FULL, IO_ERROR.
  static absl::StatusOr<std::unique_ptr<SideStore>> Open(const std::string& folder, bool read_only);
  virtual ~SideStore() = default;

  // The key of the file at `fd` (O_PATH will do), or of `name` in `dir_fd` without following links. nullopt: it is
  // gone.
  virtual std::optional<SideKey> KeyOf(int fd) const = 0;
  virtual std::optional<SideKey> KeyOf(int dir_fd, const char* name) const = 0;

  // The key of a file that statx told of as `host` (with STATX_INO and STATX_BTIME) and that `name` still leads to;
  // `flags` as statx had them: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH or 0.
  virtual SideKey KeyOf(int dir_fd, const char* name, int flags, const struct statx& host) const = 0;

  virtual std::optional<GuestAttributes> Get(const SideKey& key) const = 0;
  // Get(KeyOf(...)), which makes no system call for nearly all files that have no record.
  virtual std::optional<GuestAttributes> Get(int dir_fd, const char* name, int flags,
                                             const struct statx& host) const = 0;
  virtual void Put(const SideKey& key, const GuestAttributes& attributes) = 0;
  virtual void Remove(const SideKey& key) = 0;
  // To the log. An error leaves what waits in memory for the next time: DISK_FULL, IO_ERROR.
  virtual absl::Status Commit() = 0;
  // To the disk. Errors as Commit's.
  virtual absl::Status Flush() = 0;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_LXFS_SIDE_STORE_H_
