// Import: a new distro from an archive.
#ifndef WSLM_DAEMON_OPERATIONS_IMPORT_H_
#define WSLM_DAEMON_OPERATIONS_IMPORT_H_

#include <string>

#include "absl/status/statusor.h"
#include "daemon/operations/operation_deps.h"
#include "daemon/operations/operation_manager.h"
#include "wslm/v1/distro_service.pb.h"

namespace wslm::daemon {

// Checks the request and takes the name. Errors: those of ImportDistro.
absl::StatusOr<OperationPlan> PlanImport(const v1::ImportDistroRequest& request, const std::string& operation_id,
                                         OperationDeps deps);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_IMPORT_H_
