// A distro's container: its own processes, mounts, names and control group over its own disk; the VM's network.
//
// Both functions block and change the calling process (its control group): call them in a child (child_task.h).
#ifndef WSLM_RUNTIME_V2_AGENT_CONTAINER_H_
#define WSLM_RUNTIME_V2_AGENT_CONTAINER_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime-v2/agent/disk.h"
#include "wslm/runtime/v1/runtime.pb.h"

namespace wslm {

struct Container {
  // PID 1 of the distro, as the VM sees it. The agent inherits it.
  pid_t init = 0;
  // It is, or becomes, systemd: its end takes longer.
  bool systemd = false;
  Disk disk;
  // What was made in the distro's tree to mount on.
  std::vector<std::string> mount_points;

  // One line a field, to bring it from the child to the agent.
  std::string Serialize() const;
  static Container Parse(const std::string& text);
};

// Where a distro's disk is mounted in the agent's root.
std::string RootOf(const std::string& distro_id);

// Waits for the disk, mounts it, makes the container and starts /wslm-init in it with `channel`, a connected socket.
// Returns when init has been executed. On an error nothing is left. Error: START_FAILED.
absl::StatusOr<Container> StartContainer(const runtime::v1::DistroStart& request, int channel);

// After init is gone: kills what is left, trims, unmounts, waits until the disk is free.
absl::Status CleanUpContainer(const std::string& distro_id, const Container& container);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_CONTAINER_H_
