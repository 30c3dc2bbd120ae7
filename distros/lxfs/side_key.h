// What names a host file as long as it lives, for records that lie beside it.
#ifndef WSLM_DISTROS_LXFS_SIDE_KEY_H_
#define WSLM_DISTROS_LXFS_SIDE_KEY_H_

#include <sys/stat.h>

#include <cstdint>
#include <optional>

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

// Thread-safe.
class SideKeys {
 public:
  // `folder`, of the distro, is looked at once.
  SideKeys(int folder, uint64_t device);

  // As those of SideStore.
  std::optional<SideKey> KeyOf(int fd) const;
  std::optional<SideKey> KeyOf(int dir_fd, const char* name) const;
  SideKey KeyOf(int dir_fd, const char* name, int flags, const struct statx& host) const;
  // Without the generation, which costs a system call.
  SideKey PlainKeyOf(const struct statx& host) const;

 private:
  std::optional<SideKey> KeyOf(int fd, const char* name, int flags) const;

  const uint64_t device_;
  const bool has_lasting_handles_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_LXFS_SIDE_KEY_H_
