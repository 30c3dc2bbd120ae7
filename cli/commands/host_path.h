// Paths of the host for the daemon, whose working folder is not the caller's.
#ifndef WSLM_CLI_COMMANDS_HOST_PATH_H_
#define WSLM_CLI_COMMANDS_HOST_PATH_H_

#include <string>

#include "absl/status/statusor.h"

namespace wslm::cli {

// `path` from the caller's folder; links are left to the daemon. Error: when that folder no longer exists.
absl::StatusOr<std::string> AbsolutePath(const std::string& path);

// The caller's folder. Error: when it no longer exists.
absl::StatusOr<std::string> CurrentFolder();

}  // namespace wslm::cli

#endif  // WSLM_CLI_COMMANDS_HOST_PATH_H_
