// Overlays that are made of the host's files: they keep them mounted, and show it in their options alone.
#ifndef WSLM_RUNTIME_V2_AGENT_HOST_OVERLAYS_H_
#define WSLM_RUNTIME_V2_AGENT_HOST_OVERLAYS_H_

#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime-v2/agent/mount_table.h"

namespace wslm {

// Those that are made of something else.
using OtherOverlays = std::set<std::string>;

// FAILED_PRECONDITION (DISTRO_RUNNING) when one is made of the host's files, or nothing tells what it is made of. Asks
// file systems, which programs may serve: before these are frozen. Has this process be in other mount namespaces
// meanwhile.
absl::StatusOr<OtherOverlays> CheckOverlays();

// Once they are frozen: FAILED_PRECONDITION when the mount is an overlay that came after CheckOverlays.
absl::Status CheckIsNoNewOverlay(const OtherOverlays& known, const MountLine& mount);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_HOST_OVERLAYS_H_
