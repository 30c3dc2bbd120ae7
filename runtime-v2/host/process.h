// Programs of the host that wslm runs: for their output, or to stay.
#ifndef WSLM_RUNTIME_V2_HOST_PROCESS_H_
#define WSLM_RUNTIME_V2_HOST_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "distros/host/unique_fd.h"

namespace wslm {

// Path of a program in $PATH, /usr/sbin or /sbin; empty when it is nowhere. Thread-safe.
std::string FindProgram(const std::string& name);

// Runs argv[0] (a path) with its standard output and error caught, standard input empty, LC_ALL=C, and the working
// folder `folder` ("" = ours), and `inherited` as its descriptors 3, 4, and so on. Blocks until it and all that hold
// its output have ended. Errors: DEADLINE_EXCEEDED (it is killed); when its exit code is not 0, INTERNAL with the last
// line that it wrote. Thread-safe.
absl::StatusOr<std::string> RunProgram(const std::vector<std::string>& argv, absl::Duration timeout,
                                       const std::string& folder = "", const std::vector<int>& inherited = {});

// A process that was started to outlive us, or was found again.
struct DetachedProcess {
  pid_t pid = 0;
  // Field 22 of /proc/PID/stat: with the pid it names a process for good, within one boot of the host.
  uint64_t start_time = 0;
  // A pidfd: readable when the process has ended.
  UniqueFd handle;
};

// Starts argv[0] in a session of its own, with `output` as its standard output and error. With `map_user`, in a user
// namespace in which we are uid and gid 1000; where the host forbids that, without. The signal mask and the descriptors
// are not handed on but `output` and `inherited`, which become 3, 4, and so on. Errors: START_FAILED. Thread-safe.
absl::StatusOr<DetachedProcess> SpawnDetached(const std::vector<std::string>& argv, int output, bool map_user,
                                              const std::vector<int>& inherited = {});

// The process again, when it still is the one with that start time; NOT_FOUND else. Thread-safe.
absl::StatusOr<DetachedProcess> FindProcess(pid_t pid, uint64_t start_time);

// Waits until it has ended and collects it when it is our child. False: the time is over.
bool WaitForExit(const DetachedProcess& process, absl::Duration timeout);
void KillProcess(const DetachedProcess& process);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_PROCESS_H_
