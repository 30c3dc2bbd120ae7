// Delete: a distro into the trash, or away.
#ifndef WSLM_DAEMON_OPERATIONS_DELETE_H_
#define WSLM_DAEMON_OPERATIONS_DELETE_H_

#include <string>

#include "absl/status/statusor.h"
#include "daemon/operations/operation_deps.h"
#include "daemon/operations/operation_manager.h"
#include "wslm/v1/distro_service.pb.h"

namespace wslm::daemon {

// Checks the request and takes the distro. Errors: those of DeleteDistro.
absl::StatusOr<OperationPlan> PlanDelete(const v1::DeleteDistroRequest& request, const std::string& operation_id,
                                         OperationDeps deps);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_DELETE_H_
