// The host's files in the VM: one mount of a virtio-9p device, which can be mounted once. All distros get binds of it,
// and those that must not see the host's files can't mount the device themselves.
#ifndef WSLM_RUNTIME_V2_AGENT_HOST_FOLDERS_H_
#define WSLM_RUNTIME_V2_AGENT_HOST_FOLDERS_H_

#include "absl/status/status.h"

namespace wslm {

// Where the host's `/` is in the agent's tree.
inline constexpr char kHostFolder[] = "/host";

// Mounts it, unless it is mounted there. FAILED_PRECONDITION (DISTRO_RUNNING): something that is to be seen nowhere has
// it mounted yet.
absl::Status MountHost();

// Whether they are mounted there, as the calling process sees it.
bool HostIsMounted();

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_HOST_FOLDERS_H_
