// One running distro from start to end: its first process, and lxcore beside it.
#ifndef WSLM_RUNTIME_V1_LXCORE_INSTANCE_H_
#define WSLM_RUNTIME_V1_LXCORE_INSTANCE_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
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
  // Where it is noted what programs run into (limits.h); empty: nowhere.
  std::string limits;
};

// Runs the distro; this process, which has one thread, enters its user namespace and becomes its guardian. `ready` is
// called when the first process has been let go, `log` gets a line at a time. Blocks until the distro ended, and
// answers its status as wait(2) gives it. Errors of the start: HOST_UNSUPPORTED, DISTRO_BROKEN, DISTRO_RUNNING,
// START_FAILED; later ones: see Guardian::Guard.
absl::StatusOr<int> RunInstance(InstancePlan plan, const std::function<void()>& ready,
                                const std::function<void(const std::string&)>& log);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_INSTANCE_H_
