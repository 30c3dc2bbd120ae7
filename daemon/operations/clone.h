// Clone: a new distro with the content of another.
#ifndef WSLM_DAEMON_OPERATIONS_CLONE_H_
#define WSLM_DAEMON_OPERATIONS_CLONE_H_

#include <string>

#include "absl/status/statusor.h"
#include "daemon/operations/operation_deps.h"
#include "daemon/operations/operation_manager.h"
#include "wslm/v1/distro_service.pb.h"

namespace wslm::daemon {

// Checks the request, and takes the distro and the new name; the plan's distros are the old one and the new one.
// Errors: those of CloneDistro.
absl::StatusOr<OperationPlan> PlanClone(const v1::CloneDistroRequest& request, const std::string& operation_id,
                                        OperationDeps deps);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_CLONE_H_
