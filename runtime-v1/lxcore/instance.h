// One running distro: container, system calls, side store; from start to end.
#ifndef WSLM_RUNTIME_V1_LXCORE_INSTANCE_H_
#define WSLM_RUNTIME_V1_LXCORE_INSTANCE_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"
#include "distros/lxfs/lxfs.h"
#include "runtime-v1/lxcore/container.h"

namespace wslm::lxcore {

struct InstancePlan {
  // Holds rootfs and metadata.db.
  std::string folder;
  SecondOwner second_owner;
  // Plain cases of hot calls are answered in the guest's processes. False: nothing is different, but slower.
  bool fast_path = true;
  ContainerPlan container;
  // Where it is noted what programs run into (limits.h); none: nowhere.
  UniqueFd limit_file;
};

// Runs the distro in this process, which has one thread and becomes its user namespace's. `ready` is called when the
// first process has been let go. Blocks until it ended, and answers its status as wait(2) gives it. Errors of the
// start: HOST_UNSUPPORTED, DISTRO_BROKEN, DISTRO_RUNNING, START_FAILED.
absl::StatusOr<int> RunInstance(InstancePlan plan, const std::function<void()>& ready);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_INSTANCE_H_
