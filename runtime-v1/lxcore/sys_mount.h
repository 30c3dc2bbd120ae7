// mount(2) of what has owners in its options, and what all of lxcore's own mounts need.
#ifndef WSLM_RUNTIME_V1_LXCORE_SYS_MOUNT_H_
#define WSLM_RUNTIME_V1_LXCORE_SYS_MOUNT_H_

#include <cstdint>
#include <string>

#include "runtime-v1/lxcore/kernel.h"

namespace wslm::lxcore {

// For a caller that may mount: Continue unless options name users that the host's kernel doesn't know.
// Whether file systems of that type are on block devices.
bool IsOnBlockDevices(std::string_view type);

Reply MountWithIds(Kernel& k, const Call& call);

// Before lxcore mounts something on the caller's `path` itself. False: an earlier lxcore has done so for this very
// call, and didn't come to say so.
bool BeginMount(Kernel& k, const Call& call, const std::string& path);
// The number of the mount that the caller finds at `path`; 0: none can be told.
uint64_t MountAt(Kernel& k, const Call& call, const std::string& path);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_SYS_MOUNT_H_
