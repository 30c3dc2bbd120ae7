#include "daemon/server/acceptor.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace wslm::daemon {
namespace {

// How long to leave the socket alone when the process has no descriptor left.
constexpr int kExhaustedMilliseconds = 100;

}  // namespace

Acceptor::Acceptor(int listening_fd, uid_t uid, Log& log, std::function<void(UniqueFd)> handler)
    : listening_fd_(listening_fd),
      uid_(uid),
      log_(log),
      handler_(std::move(handler)),
      stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { Loop(); }) {}

Acceptor::~Acceptor() {
  ::eventfd_write(stop_.get(), 1);
  thread_.join();
}

void Acceptor::Loop() {
  while (true) {
    pollfd polled[] = {{listening_fd_, POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    if (::poll(polled, 2, -1) < 0 && errno != EINTR) {
      log_.Error(absl::StrCat("cannot wait for connections: ", std::strerror(errno)));
      return;
    }
    if (polled[1].revents != 0) return;
    if (polled[0].revents != 0) AcceptAll();
  }
}

void Acceptor::AcceptAll() {
  while (true) {
    UniqueFd connection(::accept4(listening_fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!connection) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN) return;
      log_.Error(absl::StrCat("cannot accept a connection: ", std::strerror(errno)));
      pollfd stop = {stop_.get(), POLLIN, 0};
      ::poll(&stop, 1, kExhaustedMilliseconds);
      return;
    }
    ucred peer{};
    socklen_t size = sizeof(peer);
    if (::getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
      log_.Warning(absl::StrCat("refused a connection whose user is not known: ", std::strerror(errno)));
    } else if (peer.uid != uid_) {
      log_.Warning(absl::StrCat("refused a connection of uid ", peer.uid, " (process ", peer.pid,
                                "): this is the wslmd of uid ", uid_));
    } else {
      handler_(std::move(connection));
    }
  }
}

}  // namespace wslm::daemon
