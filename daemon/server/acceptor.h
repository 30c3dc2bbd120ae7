// Accepts connections on the daemon's socket and lets only one user in.
//
//   Acceptor acceptor(listener.fd.get(), ::getuid(), log, [&](UniqueFd connection) { ... });
//
// The socket's mode keeps others out already; the peer's uid (SO_PEERCRED) is checked as well, because a mode can be
// changed and a folder can be replaced. gRPC can't tell who is on a Unix socket, so this is done before it.
#ifndef WSLM_DAEMON_SERVER_ACCEPTOR_H_
#define WSLM_DAEMON_SERVER_ACCEPTOR_H_

#include <sys/types.h>

#include <functional>
#include <thread>

#include "daemon/log.h"
#include "distros/host/unique_fd.h"

namespace wslm::daemon {

class Acceptor {
 public:
  // Starts a thread that accepts on `listening_fd` (not blocking, outlives this) and gives each connection of `uid`
  // (not blocking) to `handler`, on that thread. Others are closed at once and logged.
  Acceptor(int listening_fd, uid_t uid, Log& log, std::function<void(UniqueFd)> handler);
  // Ends the thread; connections stay.
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

 private:
  void Loop();
  void AcceptAll();

  const int listening_fd_;
  const uid_t uid_;
  Log& log_;
  const std::function<void(UniqueFd)> handler_;
  UniqueFd stop_;
  std::thread thread_;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SERVER_ACCEPTOR_H_
