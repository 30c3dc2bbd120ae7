// Which daemon to speak to.
#ifndef WSLM_CLI_API_ADDRESS_H_
#define WSLM_CLI_API_ADDRESS_H_

#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"

namespace wslm::cli {

// The socket's path from the value of WSLM_HOST: "unix:///run/x.sock" or "unix:/run/x.sock". Error: INVALID_ARGUMENT.
absl::StatusOr<std::string> SocketPathOfHost(const std::string& host);

// A stream socket connected to `path`, where a process of `owner` listens. Errors: NOT_FOUND when nothing listens
// there, PERMISSION_DENIED when another user does, others as errno says.
absl::StatusOr<UniqueFd> ConnectSocket(const std::string& path, uid_t owner = geteuid());

// Who listens at the other end of a connected Unix socket; pid 0 when it is not to be seen from here.
absl::StatusOr<ucred> PeerOf(int socket);

}  // namespace wslm::cli

#endif  // WSLM_CLI_API_ADDRESS_H_
