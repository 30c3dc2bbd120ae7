// `mount -t drvfs HOST_PATH FOLDER -o OPTIONS`, done by lxcore: a mount of the host's folder as the host has it now, in
// the guest's own mounts.
#ifndef WSLM_RUNTIME_V1_LXCORE_DRVFS_MOUNT_H_
#define WSLM_RUNTIME_V1_LXCORE_DRVFS_MOUNT_H_

#include "runtime-v1/lxcore/call.h"
#include "runtime-v1/lxcore/kernel.h"

namespace wslm::lxcore {

// Answers mount(2) with the type "drvfs"; who asks has CAP_SYS_ADMIN. EPERM in a distro that may not see the host's
// files, EINVAL for a relative source or options that are none.
Reply MountDrvfs(Kernel& k, const Call& call);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_DRVFS_MOUNT_H_
