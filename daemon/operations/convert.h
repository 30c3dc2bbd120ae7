// Convert: a distro's files from the one runtime's form to the other's.
//
// The new form is made under a name that nobody looks at, synced, and read back; only when its digest is that of the
// old one it gets its proper name, beside the old form. Then the record says the new version: this is the commit point.
// The old form is removed last. A daemon that died in between finds by the record which form counts.
#ifndef WSLM_DAEMON_OPERATIONS_CONVERT_H_
#define WSLM_DAEMON_OPERATIONS_CONVERT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/operations/operation_deps.h"
#include "daemon/operations/operation_manager.h"
#include "wslm/v1/distro_service.pb.h"

namespace wslm::daemon {

// Checks the request and takes the distro. Errors: those of ConvertDistro.
absl::StatusOr<OperationPlan> PlanConvert(const v1::ConvertDistroRequest& request, const std::string& operation_id,
                                          OperationDeps deps);

// Takes away what a conversion that was cut off left: its unfinished work, and the form that the record does not name,
// unless the form that it names is not there. One rename each, into a folder beside, which the caller removes: that
// takes as long as its files are many. Answers the folder, empty when there was nothing. For a distro that does not
// run. Errors: IO_ERROR, DISK_FULL.
absl::StatusOr<std::string> SetAsideOtherForm(const RegistryEntry& entry);

// The folders that SetAsideOtherForm made for this distro and that are still there.
std::vector<std::string> FoldersSetAside(const RegistryEntry& entry);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_CONVERT_H_
