// Import: a new distro from an archive, an image or a registry; or from a disk image, where that lies.
#ifndef WSLM_DAEMON_OPERATIONS_IMPORT_H_
#define WSLM_DAEMON_OPERATIONS_IMPORT_H_

#include <string>

#include "absl/status/statusor.h"
#include "daemon/operations/operation_deps.h"
#include "daemon/operations/operation_manager.h"
#include "wslm/v1/distro_service.pb.h"

namespace wslm::daemon {

// Checks the request and takes the name. Errors: those of the rpc.
absl::StatusOr<OperationPlan> PlanImport(const v1::ImportDistroRequest& request, const std::string& operation_id,
                                         OperationDeps deps);
absl::StatusOr<OperationPlan> PlanPull(const v1::PullDistroRequest& request, const std::string& operation_id,
                                       OperationDeps deps);
absl::StatusOr<OperationPlan> PlanImportInPlace(const v1::ImportInPlaceRequest& request,
                                                const std::string& operation_id, OperationDeps deps);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_IMPORT_H_
