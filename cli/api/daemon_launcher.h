// Starts wslmd when none answers.
#ifndef WSLM_CLI_API_DAEMON_LAUNCHER_H_
#define WSLM_CLI_API_DAEMON_LAUNCHER_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "distros/host/home.h"
#include "distros/host/unique_fd.h"

namespace wslm::cli {

// What of the caller's environment ("NAME=VALUE" each) a daemon is to have.
std::vector<std::string> DaemonEnvironment(const char* const* environment);

// Not thread-safe; any number of processes may have one each.
class DaemonLauncher {
 public:
  // `program` is wslmd's path, empty when it is not installed.
  DaemonLauncher(Home home, std::string program) : home_(std::move(home)), program_(std::move(program)) {}

  // A connection to the daemon's socket. Starts the daemon when nothing listens there, and waits up to 10 s for it; of
  // several callers at once one does. Errors: START_FAILED with the last lines the daemon wrote, CANCELLED when a
  // blocked SIGINT or SIGTERM came meanwhile.
  absl::StatusOr<UniqueFd> Connect();

  // The same without starting it. Error: NOT_FOUND when nothing listens.
  absl::StatusOr<UniqueFd> ConnectOnly() const;

 private:
  absl::StatusOr<pid_t> Spawn() const;
  absl::StatusOr<UniqueFd> WaitForSocket(pid_t pid) const;
  absl::Status StartFailure(const std::string& how) const;
  std::string OutputPath() const { return home_.state + "/wslmd.output"; }

  const Home home_;
  const std::string program_;
};

}  // namespace wslm::cli

#endif  // WSLM_CLI_API_DAEMON_LAUNCHER_H_
