// What is done at the start of a daemon about operations that the one before died in.
#ifndef WSLM_DAEMON_OPERATIONS_RECOVERY_H_
#define WSLM_DAEMON_OPERATIONS_RECOVERY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/operations/journal.pb.h"
#include "daemon/operations/operation_deps.h"
#include "wslm/v1/operation.pb.h"

namespace wslm::daemon {

// Makes the form that its record names the only one of each distro that does not run. Answers the folders that are of
// no use any more, to be removed at leisure.
std::vector<std::string> FinishConversions(OperationDeps deps);

// Rolls the operation back, or finds that it was complete. For OperationManager::Recover, after FinishConversions.
absl::StatusOr<v1::OperationResponse> RecoverOperation(const JournalRecord& record, OperationDeps deps);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_RECOVERY_H_
