// Compare: how two distros or archives differ, by path and attribute. Changes nothing.
#ifndef WSLM_DAEMON_OPERATIONS_COMPARE_H_
#define WSLM_DAEMON_OPERATIONS_COMPARE_H_

#include <string>

#include "absl/status/statusor.h"
#include "daemon/operations/operation_deps.h"
#include "daemon/operations/operation_manager.h"
#include "wslm/v1/distro_service.pb.h"

namespace wslm::daemon {

// Checks the request and takes the distros. Errors: those of CompareTrees.
absl::StatusOr<OperationPlan> PlanCompare(const v1::CompareTreesRequest& request, const std::string& operation_id,
                                          OperationDeps deps);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_COMPARE_H_
