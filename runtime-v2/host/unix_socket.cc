#include "runtime-v2/host/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>

#include "absl/time/clock.h"
#include "distros/host/error.h"

namespace wslm {

absl::StatusOr<UniqueFd> ConnectUnixSocket(const std::string& path, absl::Duration timeout,
                                           const std::function<bool()>& give_up) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return ErrnoError("cannot connect to", path, ENAMETOOLONG);
  path.copy(address.sun_path, path.size());
  for (const absl::Time deadline = absl::Now() + timeout;; absl::SleepFor(absl::Milliseconds(2))) {
    // One whose owner accepts nobody just now would block us for as long as that lasts.
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return ErrnoError("cannot make", "socket");
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) & ~O_NONBLOCK);
      return fd;
    }
    const int error = errno;
    const bool soon = error == ENOENT || error == ECONNREFUSED || error == EAGAIN;
    if (!soon || absl::Now() > deadline || (give_up != nullptr && give_up())) {
      return Error(absl::StatusCode::kUnavailable, reason::kRuntimeDied,
                   std::string(ErrnoError("cannot connect to", path, error).message()));
    }
  }
}

}  // namespace wslm
