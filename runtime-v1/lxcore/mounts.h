// The mounts of a distro: its root, /proc, /sys, /dev, /run, the host's files, resolv.conf and hosts.
#ifndef WSLM_RUNTIME_V1_LXCORE_MOUNTS_H_
#define WSLM_RUNTIME_V1_LXCORE_MOUNTS_H_

#include <string>

#include "absl/status/status.h"
#include "distros/config/wsl_conf.h"

namespace wslm::lxcore {

struct MountPlan {
  std::string rootfs;
  // The distro's own wishes.
  WslConf conf;
  // They may move or leave out each of these, never bring one in: the host's `/`,
  bool automount = false;
  // and contents of files; empty leaves the distro's own.
  std::string resolv_conf;
  std::string hosts;
};

// Builds the tree and makes it the root. In a process that is alone in new mount, pid, uts and ipc namespaces, with all
// capabilities over them. Errors: START_FAILED with the step that failed.
absl::Status EnterDistro(const MountPlan& plan);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_MOUNTS_H_
