// What wslmd does to its own process: descriptors, working folder, signals.
#ifndef WSLM_DAEMON_PROCESS_H_
#define WSLM_DAEMON_PROCESS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"

namespace wslm::daemon {

// Leaves what the process has of its starter: every descriptor over stderr but the activated sockets is closed, a
// closed stdin, stdout or stderr becomes /dev/null, the folder is "/", the umask 077, the character set C.UTF-8. Call
// it first.
absl::Status DetachFromStarter();

// A descriptor that becomes readable when the process is asked to end: by SIGTERM or SIGINT, or by RequestStop. The
// signals are caught, not blocked: a blocked or ignored signal would be so in every program that is started.
absl::StatusOr<UniqueFd> CatchStopSignals();
void RequestStop();

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_PROCESS_H_
