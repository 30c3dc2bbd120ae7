// Export: an archive of a distro, in a file on the host or for a download.
#ifndef WSLM_DAEMON_OPERATIONS_EXPORT_H_
#define WSLM_DAEMON_OPERATIONS_EXPORT_H_

#include <string>

#include "absl/status/statusor.h"
#include "daemon/operations/journal.pb.h"
#include "daemon/operations/operation_deps.h"
#include "daemon/operations/operation_manager.h"
#include "wslm/v1/distro_service.pb.h"

namespace wslm::daemon {

// Checks the request and takes the distro. Errors: those of ExportDistro.
absl::StatusOr<OperationPlan> PlanExport(const v1::ExportDistroRequest& request, const std::string& operation_id,
                                         OperationDeps deps);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_EXPORT_H_
