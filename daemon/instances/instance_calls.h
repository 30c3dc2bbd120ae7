// Short questions to a running distro's init. All block.
#ifndef WSLM_DAEMON_INSTANCES_INSTANCE_CALLS_H_
#define WSLM_DAEMON_INSTANCES_INSTANCE_CALLS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "wslm/runtime/v1/channel.h"

namespace wslm::daemon {

absl::StatusOr<runtime::v1::InstanceStats> StatsOf(runtime::v1::Channel& channel, const std::string& distro_id,
                                                   absl::Duration timeout);
absl::StatusOr<runtime::v1::SessionList> SessionsOf(runtime::v1::Channel& channel, const std::string& distro_id);

struct CommandResult {
  // 128 + n when a signal ended it.
  int code = 0;
  // What it wrote to stdout and stderr; at most 64 KiB.
  std::string output;
};

// Runs a program as root, without a shell, with an empty stdin. Errors: those of a session, DEADLINE_EXCEEDED, and
// CANCELLED as soon as `cancelled` says so.
absl::StatusOr<CommandResult> RunCommand(runtime::v1::Channel& channel, const std::string& distro_id,
                                         const std::vector<std::string>& argv, absl::Duration timeout,
                                         const std::function<absl::Status()>& check_cancelled);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_INSTANCES_INSTANCE_CALLS_H_
