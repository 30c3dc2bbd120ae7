// Check: looks a distro's files over for faults, and mends what can be mended.
#ifndef WSLM_DAEMON_OPERATIONS_CHECK_H_
#define WSLM_DAEMON_OPERATIONS_CHECK_H_

#include <string>

#include "absl/status/statusor.h"
#include "daemon/operations/operation_deps.h"
#include "daemon/operations/operation_manager.h"
#include "wslm/v1/distro_service.pb.h"

namespace wslm::daemon {

// Checks the request and takes the distro. Errors: those of CheckDistro.
absl::StatusOr<OperationPlan> PlanCheck(const v1::CheckDistroRequest& request, const std::string& operation_id,
                                        OperationDeps deps);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_CHECK_H_
