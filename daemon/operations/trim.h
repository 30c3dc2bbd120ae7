// Trim: the room of what was deleted in a version 2 distro goes back to the host.
#ifndef WSLM_DAEMON_OPERATIONS_TRIM_H_
#define WSLM_DAEMON_OPERATIONS_TRIM_H_

#include <string>

#include "absl/status/statusor.h"
#include "daemon/operations/operation_deps.h"
#include "daemon/operations/operation_manager.h"
#include "wslm/v1/distro_service.pb.h"

namespace wslm::daemon {

// Checks the request and takes the distro. Errors: those of TrimDistro.
absl::StatusOr<OperationPlan> PlanTrim(const v1::TrimDistroRequest& request, const std::string& operation_id,
                                       OperationDeps deps);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_TRIM_H_
