// Connecting to a Unix socket that somebody else is about to make.
#ifndef WSLM_RUNTIME_V2_HOST_UNIX_SOCKET_H_
#define WSLM_RUNTIME_V2_HOST_UNIX_SOCKET_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "distros/host/unique_fd.h"

namespace wslm {

// Connects, trying again until `timeout` while nobody listens or accepts at `path` (at most 107 bytes), or until
// `give_up` (may be null) says that nobody will. The descriptor blocks. Errors: UNAVAILABLE.
absl::StatusOr<UniqueFd> ConnectUnixSocket(const std::string& path, absl::Duration timeout,
                                           const std::function<bool()>& give_up);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_UNIX_SOCKET_H_
