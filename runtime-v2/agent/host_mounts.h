// Where the host's files are mounted in the distros and in what containers inside have made: taken away everywhere, and
// put back. QEMU's state can't be saved while they are mounted anywhere.
//
// For distros that are frozen, so that nobody comes between. All functions have the calling process be in other mount
// namespaces meanwhile: call them in a child (child_task.h).
#ifndef WSLM_RUNTIME_V2_AGENT_HOST_MOUNTS_H_
#define WSLM_RUNTIME_V2_AGENT_HOST_MOUNTS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime-v2/agent/host_overlays.h"
#include "runtime-v2/agent/mount_namespaces.h"

namespace wslm {

// The paths are escaped, as MountLine's.
struct HostMount {
  MountNamespace where;
  std::string root;
  std::string point;
  std::string options;

  friend bool operator==(const HostMount&, const HostMount&) = default;
};

// One line each.
std::string ToText(const std::vector<HostMount>& mounts);
std::vector<HostMount> HostMountsOf(const std::string& text);

// All but the agent's own, those of a namespace in their order. Error: FAILED_PRECONDITION for what can't be unmounted,
// among them overlays that are not of `overlays`.
absl::StatusOr<std::vector<HostMount>> FindHostMounts(const OtherOverlays& overlays);

// Takes them away, then the agent's own. Writes them down before: RemountHost knows them also when this process dies.
// After an error some are gone. FAILED_PRECONDITION: who is in the way, also when nothing shows who.
absl::Status UnmountHost(const std::vector<HostMount>& mounts);

// Puts back what UnmountHost took away; nothing when it took nothing. What can't be put back is logged, and the rest
// done. Error: the host's files themselves can't be mounted, FAILED_PRECONDITION as MountHost; to be called again, also
// when the distros go on.
absl::Status RemountHost();

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_HOST_MOUNTS_H_
