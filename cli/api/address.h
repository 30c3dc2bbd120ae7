// Which daemon to speak to.
#ifndef WSLM_CLI_API_ADDRESS_H_
#define WSLM_CLI_API_ADDRESS_H_

#include <string>

#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"

namespace wslm::cli {

// The socket's path from the value of WSLM_HOST: "unix:///run/x.sock" or "unix:/run/x.sock". Error: INVALID_ARGUMENT.
absl::StatusOr<std::string> SocketPathOfHost(const std::string& host);

// A stream socket connected to `path`. Errors: NOT_FOUND when nothing listens there, others as errno says.
absl::StatusOr<UniqueFd> ConnectSocket(const std::string& path);

}  // namespace wslm::cli

#endif  // WSLM_CLI_API_ADDRESS_H_
