// What operations begin with: a distro that is registered, that nobody else works on, and that can be stopped; or one
// that is to be made, whose name nobody else takes meanwhile.
#ifndef WSLM_DAEMON_OPERATIONS_HELD_DISTRO_H_
#define WSLM_DAEMON_OPERATIONS_HELD_DISTRO_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/operations/operation_deps.h"
#include "daemon/operations/operation_manager.h"

namespace wslm::daemon {

// Takes the lock of `distro` (an id or a name; empty: the default) for the plan, which names the distro then and tells
// its watchers. Nothing changes the answer as long as the plan's locks are held. `check`, which may be empty, is asked
// whether the distro will do, before it counts whether it runs. Errors: DISTRO_NOT_FOUND, NO_DEFAULT_DISTRO,
// DISTRO_BUSY, DISTRO_BROKEN; those of `check`; DISTRO_RUNNING when it has sessions and `terminate` is not set.
absl::StatusOr<RegistryEntry> HoldDistro(const std::string& distro, const DistroLocks::Holder& holder, bool terminate,
                                         OperationDeps deps, OperationPlan& plan,
                                         const std::function<absl::Status(const RegistryEntry&)>& check = {});

// Takes the name of a distro to be for the plan. Errors: INVALID_NAME, DISTRO_EXISTS, DISTRO_BUSY.
absl::Status HoldNewName(const std::string& name, const DistroLocks::Holder& holder, OperationDeps deps,
                         OperationPlan& plan);

// After it: the plan makes the distro `record`, which is listed as being installed from now on.
absl::Status HoldNewDistro(const DistroRecord& record, const DistroLocks::Holder& holder, OperationDeps deps,
                           OperationPlan& plan);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_HELD_DISTRO_H_
