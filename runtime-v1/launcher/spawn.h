// Starting wslm-lxcore: a process of its own session, with nothing of the caller's but what it is given.
#ifndef WSLM_RUNTIME_V1_LAUNCHER_SPAWN_H_
#define WSLM_RUNTIME_V1_LAUNCHER_SPAWN_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace wslm {

// Runs wslm-lxcore with `arguments`, and "--config-fd" (of `config`) and "--ready-fd"; its standard error is appended
// to `log`. Waits until it says that it is ready. Answers its process id: a child of the caller, to be waited for.
// Errors: what it says (HOST_UNSUPPORTED, DISTRO_BROKEN, DISTRO_RUNNING), START_FAILED. Thread-safe.
absl::StatusOr<pid_t> SpawnLxcore(std::vector<std::string> arguments, const std::string& config, const std::string& log,
                                  absl::Duration timeout);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V1_LAUNCHER_SPAWN_H_
