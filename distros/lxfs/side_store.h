// The side store: lxfs records of host files that can't carry user xattrs (symlinks, fifos, sockets, devices, and
// everything on file systems without them), and extended attributes that have no place in the file itself, by inode and
// what stays the same as long as the file lives, so that a rename needs nothing and a file that gets the number of a
// removed one doesn't get its record.
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
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/lxfs/attributes.h"
#include "distros/lxfs/side_key.h"

namespace wslm {

// Extended attributes by the guest's names.
using GuestXattrs = std::map<std::string, std::string>;

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

  // All that the guest's extended attributes may take together here, since they are kept in memory.
  static constexpr int64_t kXattrRoom = int64_t{32} << 20;
  // Whether there are any: else nobody needs to ask for those of a file.
  virtual bool HasXattrs() const = 0;
  // Those that the file can't carry on the host: of symlinks, fifos, sockets and devices, those too large for the
  // host's file system, and all where it holds none. What the file itself carries counts first.
  virtual GuestXattrs Xattrs(const SideKey& key) const = 0;
  // Of all files that have a record; some may be gone.
  virtual std::vector<uint64_t> Inodes() const = 0;
  // In place of all that are kept of the file. False, and nothing is changed: there is no room, or the file is on
  // another device than the folder.
  virtual bool PutXattrs(const SideKey& key, const GuestXattrs& xattrs) = 0;

  // To the log. An error leaves what waits in memory for the next time: DISK_FULL, IO_ERROR.
  virtual absl::Status Commit() = 0;
  // To the disk. Errors as Commit's.
  virtual absl::Status Flush() = 0;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_LXFS_SIDE_STORE_H_
