// Push: a distro sent to a registry as a container image of one layer.
#ifndef WSLM_DAEMON_OPERATIONS_PUSH_H_
#define WSLM_DAEMON_OPERATIONS_PUSH_H_

#include <string>

#include "absl/status/statusor.h"
#include "daemon/operations/operation_deps.h"
#include "daemon/operations/operation_manager.h"
#include "distros/oci/oci_sink.h"
#include "wslm/v1/distro_service.pb.h"

namespace wslm::daemon {

// Checks the request and takes the distro. Errors: those of PushDistro.
absl::StatusOr<OperationPlan> PlanPush(const v1::PushDistroRequest& request, const std::string& operation_id,
                                       OperationDeps deps);

// Where the image lies until it is sent.
std::string PushFolder(const RegistryEntry& entry);

// What an image of the distro says of itself: what the image it was made from said, and its default user.
OciExport OciExportOf(const DistroRecord& record);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_PUSH_H_
