// Disks that are no distro's own: into the VM and, by the agent, into its distros; and out again.
#ifndef WSLM_RUNTIME_V2_HOST_SHARED_DISKS_H_
#define WSLM_RUNTIME_V2_HOST_SHARED_DISKS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"
#include "runtime-v2/host/vm.h"
#include "wslm/runtime/v1/disk_host.h"

namespace wslm {

// As DiskHost's, in a VM that runs. Thread-safe, block.
absl::StatusOr<runtime::v1::SharedDisk> MountSharedDisk(Vm& vm, const runtime::v1::SharedDisk& wanted, UniqueFd file,
                                                        const std::string& driver);
absl::Status UnmountSharedDisk(Vm& vm, const std::string& name);

// After an adoption: what an earlier daemon died in the middle of.
void RemoveHalfMountedDisks(Vm& vm);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_SHARED_DISKS_H_
