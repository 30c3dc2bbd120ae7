// The daemon as a process of this host, for whoever waits for its end or has to bring that about.
#ifndef WSLM_CLI_API_DAEMON_PROCESS_H_
#define WSLM_CLI_API_DAEMON_PROCESS_H_

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace wslm::cli {

// Waits until process `pid` has gone. False: it has not within `timeout`.
bool WaitForEnd(pid_t pid, absl::Duration timeout);

// Ends a wslmd that does not answer: by SIGTERM, and by SIGKILL when it is still there after `patience`. Answers a
// sentence on what was done. Errors: FAILED_PRECONDITION when the process is no wslmd, as where systemd listens in its
// place; others as errno says.
absl::StatusOr<std::string> EndUnresponsiveDaemon(pid_t pid, absl::Duration patience);

}  // namespace wslm::cli

#endif  // WSLM_CLI_API_DAEMON_PROCESS_H_
