#include "runtime-v1/lxcore/instance.h"

#include <utility>

#include "distros/host/status_macros.h"
#include "runtime-v1/lxcore/guardian.h"
#include "runtime-v1/lxcore/serve.h"
#include "runtime-v1/lxcore/shared_state.h"
#include "runtime-v1/lxcore/user_namespace.h"

namespace wslm::lxcore {

absl::StatusOr<int> RunInstance(InstancePlan plan, const std::function<void()>& ready,
                                const std::function<void(const std::string&)>& log) {
  const bool foreground = plan.container.foreground;
  // The first process unblocks them again.
  Guardian::BlockSignals(foreground);
  RETURN_IF_ERROR(EnterUserNamespace());
  plan.container.fast_path = plan.fast_path && plan.container.mounts.conf.fastpath;
  ASSIGN_OR_RETURN(SharedState state, SharedState::Make());
  ASSIGN_OR_RETURN(Container container, Container::Make(plan.container));
  const MountPlan& mounted = plan.container.mounts;
  const ServePlan serve = {.folder = std::move(plan.folder),
                           .second_owner = plan.second_owner,
                           .first_process = container.pid(),
                           .fast_path = plan.container.fast_path,
                           .limits = std::move(plan.limits),
                           .drvfs = {.allowed = mounted.automount,
                                     .host_folder = mounted.conf.host_folder,
                                     .options = mounted.conf.drvfs,
                                     .mounts = {}}};
  Guardian guardian(serve, container, state, log);
  RETURN_IF_ERROR(guardian.StartLxcore());
  RETURN_IF_ERROR(container.Release());
  ready();
  return guardian.Guard(foreground);
}

}  // namespace wslm::lxcore
