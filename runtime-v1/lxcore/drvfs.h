// drvfs: the host's folders as a distro sees them. The host's owners mean nothing inside, so that all is shown as the
// distro's default user's, with all rights; the kernel still checks what the host's user may do.
//
// With the option `metadata`, owners and modes that are set inside are kept in an xattr of the host's file, which the
// distro doesn't see; the host's own mode follows as far as its user can use the file.
// One thread only.
#ifndef WSLM_RUNTIME_V1_LXCORE_DRVFS_H_
#define WSLM_RUNTIME_V1_LXCORE_DRVFS_H_

#include <sys/stat.h>

#include <optional>
#include <string>
#include <vector>

#include "distros/config/drvfs_options.h"
#include "distros/lxfs/attributes.h"

namespace wslm::lxcore {

// The xattr's name; the value is an lxfs record.
inline constexpr char kDrvfsXattr[] = "user.wslm.drvfs";

// One mount of `mount -t drvfs`.
struct DrvfsMount {
  // As mountinfo(5) has them.
  std::string device, root, point;
  // The host's path.
  std::string source;
  DrvfsOptions options;
};

struct Drvfs {
  // The record of the distro allows it to see the host's files at all.
  bool allowed = false;
  // Where the automount is.
  std::string host_folder;
  // Of the automount and of what is bound from it. Owners are always said.
  DrvfsOptions options;
  // The newest last.
  std::vector<DrvfsMount> mounts;
};

// What the guest sees. `record` is the file's, where there is one.
GuestAttributes DrvfsView(uint32_t host_mode, const std::optional<GuestAttributes>& record,
                          const DrvfsOptions& options);
// The permission bits that the host's file has when the guest's mode is `mode`: its user can always use it.
mode_t DrvfsHostMode(uint32_t mode);
// The host's permission bits after a chmod that nothing is kept of: only what it lets be executed, as the kernel
// decides by them what it runs.
mode_t DrvfsExecutableMode(uint32_t host_mode, uint32_t wanted);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_DRVFS_H_
