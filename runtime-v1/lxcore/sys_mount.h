// mount(2) of what has owners in its options.
#ifndef WSLM_RUNTIME_V1_LXCORE_SYS_MOUNT_H_
#define WSLM_RUNTIME_V1_LXCORE_SYS_MOUNT_H_

#include "runtime-v1/lxcore/kernel.h"

namespace wslm::lxcore {

// For a caller that may mount: Continue unless options name users that the host's kernel doesn't know.
// Whether file systems of that type are on block devices.
bool IsOnBlockDevices(std::string_view type);

Reply MountWithIds(Kernel& k, const Call& call);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_SYS_MOUNT_H_
