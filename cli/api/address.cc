#include "cli/api/address.h"

#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm::cli {

absl::StatusOr<std::string> SocketPathOfHost(const std::string& host) {
  const auto invalid = [&](const std::string& why) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                 absl::StrCat("WSLM_HOST is '", host, "': ", why), {{"field", "WSLM_HOST"}});
  };
  if (host.starts_with("ssh://")) {
    return invalid("daemons on other hosts are not supported; only unix:///PATH is.");
  }
  std::string_view path = host;
  if (path.starts_with("unix://")) {
    path.remove_prefix(std::string_view("unix://").size());
  } else if (path.starts_with("unix:")) {
    path.remove_prefix(std::string_view("unix:").size());
  } else {
    return invalid("only unix:///PATH is supported.");
  }
  if (!path.starts_with("/")) return invalid("the socket's path must be absolute.");
  return std::string(path);
}

absl::StatusOr<ucred> PeerOf(int socket) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return ErrnoError("cannot tell who listens at", "the daemon's socket");
  }
  return peer;
}

absl::StatusOr<UniqueFd> ConnectSocket(const std::string& path, uid_t owner) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                 absl::StrCat("The socket's path is over 107 bytes: ", path, "."));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return ErrnoError("cannot make", "a socket");
  while (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    if (errno == EINTR) continue;
    if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR) {
      return absl::NotFoundError(absl::StrCat("Nothing listens at ", path, "."));
    }
    return ErrnoError("cannot connect to", path);
  }
  ASSIGN_OR_RETURN(const ucred peer, PeerOf(fd.get()));
  if (peer.uid != owner) {
    return Error(absl::StatusCode::kPermissionDenied, reason::kPermissionDenied,
                 absl::StrCat("At ", path, " listens a process of uid ", peer.uid, ", and you are uid ", owner,
                              ". Each user has a wslmd of their own, which takes nobody else's commands."),
                 {{"path", path}});
  }
  return fd;
}

}  // namespace wslm::cli
