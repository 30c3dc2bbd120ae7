// Convert: a distro's files from the one runtime's form to the other's.
//
// The new form is made under a name that nobody looks at, synced, and read back; only when its digest is that of the
// old one it gets its proper name, beside the old form. Then the record says the new version: this is the commit point.
// The old form is removed last. A daemon that died in between finds by the record which form counts.
#ifndef WSLM_DAEMON_OPERATIONS_CONVERT_H_
#define WSLM_DAEMON_OPERATIONS_CONVERT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/operations/operation_deps.h"
#include "daemon/operations/operation_manager.h"
#include "wslm/v1/distro_service.pb.h"

namespace wslm::daemon {

// Checks the request and takes the distro. Errors: those of ConvertDistro.
absl::StatusOr<OperationPlan> PlanConvert(const v1::ConvertDistroRequest& request, const std::string& operation_id,
                                          OperationDeps deps);

// Removes what a conversion that was cut off left of the form that the record does not name; nothing when the form that
// it names is not there. For a distro that does not run. Errors: IO_ERROR.
absl::Status RemoveOtherForm(const RegistryEntry& entry);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_CONVERT_H_
