#include "daemon/server/listener.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm::daemon {
namespace {

constexpr int kFirstActivatedFd = 3;
constexpr absl::Duration kLockPoll = absl::Milliseconds(50);

// Fails when the path is too long.
bool SetPath(const std::string& path, sockaddr_un& address) {
  address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return false;
  std::memcpy(address.sun_path, path.data(), path.size());
  return true;
}

bool CanConnect(const std::string& path) {
  sockaddr_un address;
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return fd && SetPath(path, address) &&
         ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

// The path a Unix socket is bound to; empty when it has none.
std::string BoundPath(int fd) {
  sockaddr_un address{};
  socklen_t size = sizeof(address);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "";
  if (address.sun_family != AF_UNIX || size <= offsetof(sockaddr_un, sun_path)) return "";
  if (address.sun_path[0] == '\0') return "";
  return std::string(address.sun_path, ::strnlen(address.sun_path, sizeof(address.sun_path)));
}

int SocketOption(int fd, int option) {
  int value = -1;
  socklen_t size = sizeof(value);
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

absl::StatusOr<Listener> UseActivated(std::vector<UniqueFd> sockets) {
  const int fd = sockets[0].get();
  const std::string path = BoundPath(fd);
  if (sockets.size() != 1 || path.empty() || SocketOption(fd, SO_TYPE) != SOCK_STREAM ||
      SocketOption(fd, SO_ACCEPTCONN) != 1) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                 "wslmd was activated with something other than one listening Unix stream socket with a path.");
  }
  if (::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) return ErrnoError("cannot set up", path);
  return Listener{std::move(sockets[0]), path, true};
}

}  // namespace

absl::StatusOr<std::optional<UniqueFd>> LockDaemon(const std::string& path, const std::string& socket,
                                                   absl::Duration timeout) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return ErrnoError("cannot open", path);
  const absl::Time deadline = absl::Now() + timeout;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return ErrnoError("cannot lock", path);
    if (!socket.empty() && CanConnect(socket)) return std::optional<UniqueFd>();
    if (absl::Now() > deadline) {
      return Error(absl::StatusCode::kUnavailable, reason::kShuttingDown,
                   absl::StrCat("Another wslmd holds ", path, " and does not answer."));
    }
    absl::SleepFor(kLockPoll);
  }
  return std::optional<UniqueFd>(std::move(fd));
}

std::vector<UniqueFd> TakeActivatedSockets() {
  std::vector<UniqueFd> sockets;
  const char* pid = ::getenv("LISTEN_PID");
  const char* count = ::getenv("LISTEN_FDS");
  int pid_value = 0;
  int count_value = 0;
  if (pid != nullptr && count != nullptr && absl::SimpleAtoi(pid, &pid_value) && pid_value == ::getpid() &&
      absl::SimpleAtoi(count, &count_value) && count_value > 0 && count_value < 1024) {
    for (int fd = kFirstActivatedFd; fd < kFirstActivatedFd + count_value; ++fd) {
      if (::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) sockets.emplace_back(fd);
    }
  }
  ::unsetenv("LISTEN_PID");
  ::unsetenv("LISTEN_FDS");
  ::unsetenv("LISTEN_FDNAMES");
  return sockets;
}

absl::StatusOr<Listener> Listen(const std::string& path, std::vector<UniqueFd> activated) {
  if (!activated.empty()) return UseActivated(std::move(activated));
  sockaddr_un address;
  if (!SetPath(path, address)) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                 absl::StrCat("the socket's path ", path, " is too long."));
  }
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return ErrnoError("cannot make a socket for", path);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return ErrnoError("cannot remove the old socket", path);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return ErrnoError("cannot bind", path);
  }
  // Nobody can have connected yet: the socket does not listen.
  if (::chmod(path.c_str(), 0600) != 0) return ErrnoError("cannot set the mode of", path);
  if (::listen(fd.get(), SOMAXCONN) != 0) return ErrnoError("cannot listen on", path);
  return Listener{std::move(fd), path, false};
}

void RemoveSocketFile(const Listener& listener) {
  if (!listener.activated) ::unlink(listener.path.c_str());
}

}  // namespace wslm::daemon
