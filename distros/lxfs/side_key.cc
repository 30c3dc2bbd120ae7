#include "distros/lxfs/side_key.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

namespace wslm {
namespace {

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr unsigned kWanted = STATX_INO | STATX_BTIME;

// Whether handles hold an inode's number and generation as they are on the disk. Elsewhere (FUSE) a handle may not
// outlive the mount.
bool HasLastingHandles(int folder) {
  struct statfs file_system;
  if (fstatfs(folder, &file_system) != 0) return false;
  switch (static_cast<uint64_t>(file_system.f_type)) {
    case EXT4_SUPER_MAGIC:
    case XFS_SUPER_MAGIC:
    case BTRFS_SUPER_MAGIC:
    case F2FS_SUPER_MAGIC:
      return true;
    default:
      return false;
  }
}

// FNV-1a of the file's handle; 0 when it has none. Needs no privilege: only opening by handle does.
uint64_t GenerationOf(int fd, const char* name, int flags) {
  struct {
    file_handle handle;
    unsigned char bytes[MAX_HANDLE_SZ];
  } found;
  found.handle.handle_bytes = MAX_HANDLE_SZ;
  int mount_id = 0;
  // Unlike statx, it follows links only when asked to.
  const int handle_flags = (flags & AT_EMPTY_PATH) | ((flags & AT_SYMLINK_NOFOLLOW) != 0 ? 0 : AT_SYMLINK_FOLLOW);
  if (name_to_handle_at(fd, name, &found.handle, &mount_id, handle_flags) != 0) return 0;
  uint64_t hash = 0xcbf29ce484222325;
  for (unsigned i = 0; i < found.handle.handle_bytes; ++i) hash = (hash ^ found.bytes[i]) * 0x100000001b3;
  return hash;
}

}  // namespace

SideKeys::SideKeys(int folder, uint64_t device) : device_(device), has_lasting_handles_(HasLastingHandles(folder)) {}

SideKey SideKeys::PlainKeyOf(const struct statx& host) const {
  SideKey key{.device = makedev(host.stx_dev_major, host.stx_dev_minor), .inode = host.stx_ino};
  if (key.device == device_) key.device = 0;
  if ((host.stx_mask & STATX_BTIME) != 0) {
    key.birth_ns = host.stx_btime.tv_sec * kNanosecondsPerSecond + host.stx_btime.tv_nsec;
  }
  return key;
}

SideKey SideKeys::KeyOf(int dir_fd, const char* name, int flags, const struct statx& host) const {
  SideKey key = PlainKeyOf(host);
  if (key.device == 0 && has_lasting_handles_) key.generation = GenerationOf(dir_fd, name, flags);
  return key;
}

std::optional<SideKey> SideKeys::KeyOf(int fd, const char* name, int flags) const {
  struct statx host;
  if (statx(fd, name, flags | AT_STATX_DONT_SYNC, kWanted, &host) != 0) return std::nullopt;
  return KeyOf(fd, name, flags, host);
}

std::optional<SideKey> SideKeys::KeyOf(int fd) const { return KeyOf(fd, "", AT_EMPTY_PATH); }

std::optional<SideKey> SideKeys::KeyOf(int dir_fd, const char* name) const {
  return KeyOf(dir_fd, name, AT_SYMLINK_NOFOLLOW);
}

}  // namespace wslm
