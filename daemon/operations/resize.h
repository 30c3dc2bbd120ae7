// Resize: another size for a version 2 distro's disk.
//
// The library works on a copy, which takes the image's name when it is whole: this is the commit point. One that grows
// while its distro runs has no copy: first the disk grows, then the file system, and either may be repeated.
#ifndef WSLM_DAEMON_OPERATIONS_RESIZE_H_
#define WSLM_DAEMON_OPERATIONS_RESIZE_H_

#include <string>

#include "absl/status/statusor.h"
#include "daemon/operations/journal.pb.h"
#include "daemon/operations/operation_deps.h"
#include "daemon/operations/operation_manager.h"
#include "wslm/v1/distro_service.pb.h"

namespace wslm::daemon {

// Checks the request and takes the distro. Errors: those of ResizeDistro.
absl::StatusOr<OperationPlan> PlanResize(const v1::ResizeDistroRequest& request, const std::string& operation_id,
                                         OperationDeps deps);

// Makes good what a daemon that died left of a resize. Whether the disk and the file system on it are known to have the
// size that was asked for.
absl::StatusOr<bool> RecoverResize(const JournalRecord& record, const RegistryEntry& entry);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_RESIZE_H_
