// mount(2), namespaces(7), quotactl(2).
#include <errno.h>

#include "runtime-v1/lxcore/syscalls/areas.h"

namespace wslm::lxcore {
namespace {

constexpr Remarks kKernelsMounts = {
    .missing = "file systems on block devices, and what user namespaces forbid otherwise, are EPERM"};
constexpr char kQuotas[] = "quotas are the host's";

}  // namespace

SyscallArea MountCalls() {
  return {"Mounts and namespaces",
          {
              Served(165, "mount", SysMountLike, kKernelsMounts),
              Served(166, "umount2", SysMountLike),
              Served(155, "pivot_root", SysMountLike),
              Served(428, "open_tree", SysMountLike),
              Served(467, "open_tree_attr", SysMountLike),
              Served(429, "move_mount", SysMountLike),
              Served(430, "fsopen", SysMountLike, kKernelsMounts),
              Served(431, "fsconfig", SysMountLike),
              Served(432, "fsmount", SysMountLike),
              Served(433, "fspick", SysMountLike),
              Served(442, "mount_setattr", SysMountLike),
              Native(457, "statmount"),
              Native(458, "listmount"),
              Refused(470, "listns", ENOSYS, "C libraries fall back to /proc"),
              Served(272, "unshare", SysUnshare),
              Served(308, "setns", SysSetNs),
              Native(139, "sysfs"),
              Refused(179, "quotactl", EPERM, kQuotas),
              Refused(443, "quotactl_fd", EPERM, kQuotas),
          }};
}

}  // namespace wslm::lxcore
